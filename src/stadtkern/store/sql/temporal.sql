-- name: load_heads(ids)
-- Entities with a past or a present, by id.
SELECT e.n, e.id, e.version, e.state, e.created_at, e.modified_at, e.deleted_at, e.expires_at, d.doc,
    @currents(e) AS currents
FROM entity e LEFT JOIN doc d ON d.n = e.n
WHERE e.id @in(:ids, text) AND e.state < 2;

-- name: load_series(entities)
-- The series of some entities.
SELECT entity, n, attribute, dataset_id, observed, unit FROM series WHERE entity @in(:entities, bigint) ORDER BY n;

-- name: observed_forward(series, start, until, most)
-- Instances by their own time, earliest first.
SELECT time, id, created_at, modified_at, deleted_at, observed, kind, num, value, extra, end_time, result_time, feature
FROM observation
WHERE series = :series AND time >= :start AND time < :until AND observed = 1 ORDER BY time, id LIMIT :most;

-- name: observed_backward(series, start, until, most)
-- Instances by their own time, latest first.
SELECT time, id, created_at, modified_at, deleted_at, observed, kind, num, value, extra, end_time, result_time, feature
FROM observation
WHERE series = :series AND time >= :start AND time < :until AND observed = 1 ORDER BY time DESC, id DESC LIMIT :most;

-- name: created_forward(series, start, until, most)
-- Instances by when they were created here.
SELECT time, id, created_at, modified_at, deleted_at, observed, kind, num, value, extra, end_time, result_time, feature
FROM observation
WHERE series = :series AND created_at >= :start AND created_at < :until AND deleted_at IS NULL
ORDER BY created_at, id LIMIT :most;

-- name: created_backward(series, start, until, most)
SELECT time, id, created_at, modified_at, deleted_at, observed, kind, num, value, extra, end_time, result_time, feature
FROM observation
WHERE series = :series AND created_at >= :start AND created_at < :until AND deleted_at IS NULL
ORDER BY created_at DESC, id DESC LIMIT :most;

-- name: modified_forward(series, start, until, most)
-- Instances by when they were last modified.
SELECT time, id, created_at, modified_at, deleted_at, observed, kind, num, value, extra, end_time, result_time, feature
FROM observation
WHERE series = :series AND coalesce(modified_at, created_at) >= :start AND coalesce(modified_at, created_at) < :until
    AND deleted_at IS NULL
ORDER BY coalesce(modified_at, created_at), id LIMIT :most;

-- name: modified_backward(series, start, until, most)
SELECT time, id, created_at, modified_at, deleted_at, observed, kind, num, value, extra, end_time, result_time, feature
FROM observation
WHERE series = :series AND coalesce(modified_at, created_at) >= :start AND coalesce(modified_at, created_at) < :until
    AND deleted_at IS NULL
ORDER BY coalesce(modified_at, created_at) DESC, id DESC LIMIT :most;

-- name: deleted_forward(series, start, until, most)
-- Deletions; their place in time is the time of the deletion.
SELECT time, id, created_at, modified_at, deleted_at, observed, kind, num, value, extra, end_time, result_time, feature
FROM observation
WHERE series = :series AND time >= :start AND time < :until AND deleted_at IS NOT NULL ORDER BY time, id LIMIT :most;

-- name: deleted_backward(series, start, until, most)
SELECT time, id, created_at, modified_at, deleted_at, observed, kind, num, value, extra, end_time, result_time, feature
FROM observation
WHERE series = :series AND time >= :start AND time < :until AND deleted_at IS NOT NULL
ORDER BY time DESC, id DESC LIMIT :most;

-- name: active_observed(entities, start, until)
-- Which series have an instance of their own time in a window.
SELECT s.n FROM series s WHERE s.entity @in(:entities, bigint) AND s.observed = 1 AND EXISTS (
    SELECT 1 FROM observation o WHERE o.series = s.n AND o.time >= :start AND o.time < :until AND o.observed = 1);

-- name: active_created(entities, start, until)
SELECT s.n FROM series s WHERE s.entity @in(:entities, bigint) AND EXISTS (
    SELECT 1 FROM observation o
    WHERE o.series = s.n AND o.created_at >= :start AND o.created_at < :until AND o.deleted_at IS NULL);

-- name: active_modified(entities, start, until)
SELECT s.n FROM series s WHERE s.entity @in(:entities, bigint) AND EXISTS (
    SELECT 1 FROM observation o
    WHERE o.series = s.n AND coalesce(o.modified_at, o.created_at) >= :start
        AND coalesce(o.modified_at, o.created_at) < :until AND o.deleted_at IS NULL);

-- name: active_deleted(entities, start, until)
SELECT s.n FROM series s WHERE s.entity @in(:entities, bigint) AND EXISTS (
    SELECT 1 FROM observation o
    WHERE o.series = s.n AND o.time >= :start AND o.time < :until AND o.deleted_at IS NOT NULL);

-- name: walk_observed(series, start, until, after_time, after_id, most)
-- What aggregation needs of instances, slice after slice along the key: the time asked for, kind and value.
SELECT time, id, time AS at, kind, num, value FROM observation
WHERE series = :series AND (time, id) > (:after_time, :after_id) AND time >= :start AND time < :until AND observed = 1
    AND deleted_at IS NULL
ORDER BY time, id LIMIT :most;

-- name: walk_created(series, start, until, after_time, after_id, most)
SELECT time, id, created_at AS at, kind, num, value FROM observation
WHERE series = :series AND (time, id) > (:after_time, :after_id)
    AND created_at >= :start AND created_at < :until AND deleted_at IS NULL
ORDER BY time, id LIMIT :most;

-- name: walk_modified(series, start, until, after_time, after_id, most)
SELECT time, id, coalesce(modified_at, created_at) AS at, kind, num, value FROM observation
WHERE series = :series AND (time, id) > (:after_time, :after_id) AND coalesce(modified_at, created_at) >= :start
    AND coalesce(modified_at, created_at) < :until AND deleted_at IS NULL
ORDER BY time, id LIMIT :most;

-- name: walk_deleted(series, start, until, after_time, after_id, most)
SELECT time, id, time AS at, kind, num, value FROM observation
WHERE series = :series AND (time, id) > (:after_time, :after_id) AND time >= :start AND time < :until
    AND deleted_at IS NOT NULL
ORDER BY time, id LIMIT :most;
