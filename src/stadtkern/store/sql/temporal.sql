-- name: load_heads(ids)
-- Entities with a past or a present, by id.
SELECT e.n, e.id, e.version, e.state, e.created_at, e.modified_at, e.deleted_at, e.expires_at, d.doc,
-- only: sqlite
    (SELECT group_concat(s.attribute || char(31) || s.current, char(30) ORDER BY s.n) FROM series s
        WHERE s.entity = e.n AND s.current IS NOT NULL) AS currents
-- end
-- only: postgres
    (SELECT string_agg(s.attribute || chr(31) || s.current, chr(30) ORDER BY s.n) FROM series s
        WHERE s.entity = e.n AND s.current IS NOT NULL) AS currents
-- end
FROM entity e LEFT JOIN doc d ON d.n = e.n
WHERE e.id @in(:ids, text) AND e.state < 2;

-- name: load_series(entity)
-- The series of one entity.
SELECT n, attribute, dataset_id, observed, unit FROM series WHERE entity = :entity ORDER BY n;

-- name: observed_forward(series, start, until, most)
-- Instances by their own time, earliest first.
SELECT time, id, created_at, modified_at, deleted_at, observed, kind, num, value, extra FROM observation
WHERE series = :series AND time >= :start AND time < :until AND observed = 1 ORDER BY time, id LIMIT :most;

-- name: observed_backward(series, start, until, most)
-- Instances by their own time, latest first.
SELECT time, id, created_at, modified_at, deleted_at, observed, kind, num, value, extra FROM observation
WHERE series = :series AND time >= :start AND time < :until AND observed = 1 ORDER BY time DESC, id DESC LIMIT :most;

-- name: created_forward(series, start, until, most)
-- Instances by when they were created here.
SELECT time, id, created_at, modified_at, deleted_at, observed, kind, num, value, extra FROM observation
WHERE series = :series AND created_at >= :start AND created_at < :until AND deleted_at IS NULL
ORDER BY created_at, id LIMIT :most;

-- name: created_backward(series, start, until, most)
SELECT time, id, created_at, modified_at, deleted_at, observed, kind, num, value, extra FROM observation
WHERE series = :series AND created_at >= :start AND created_at < :until AND deleted_at IS NULL
ORDER BY created_at DESC, id DESC LIMIT :most;

-- name: modified_forward(series, start, until, most)
-- Instances by when they were last modified.
SELECT time, id, created_at, modified_at, deleted_at, observed, kind, num, value, extra FROM observation
WHERE series = :series AND coalesce(modified_at, created_at) >= :start AND coalesce(modified_at, created_at) < :until
    AND deleted_at IS NULL
ORDER BY coalesce(modified_at, created_at), id LIMIT :most;

-- name: modified_backward(series, start, until, most)
SELECT time, id, created_at, modified_at, deleted_at, observed, kind, num, value, extra FROM observation
WHERE series = :series AND coalesce(modified_at, created_at) >= :start AND coalesce(modified_at, created_at) < :until
    AND deleted_at IS NULL
ORDER BY coalesce(modified_at, created_at) DESC, id DESC LIMIT :most;

-- name: deleted_forward(series, start, until, most)
-- Deletions.
SELECT time, id, created_at, modified_at, deleted_at, observed, kind, num, value, extra FROM observation
WHERE series = :series AND deleted_at >= :start AND deleted_at < :until ORDER BY deleted_at, id LIMIT :most;

-- name: deleted_backward(series, start, until, most)
SELECT time, id, created_at, modified_at, deleted_at, observed, kind, num, value, extra FROM observation
WHERE series = :series AND deleted_at >= :start AND deleted_at < :until ORDER BY deleted_at DESC, id DESC LIMIT :most;
