-- name: head(id, now)
-- Number, version and its time of a live entity: what a cache needs to know.
SELECT n, version, modified_at FROM entity WHERE id = :id AND state = 0 AND (expires_at IS NULL OR expires_at > :now);

-- name: load_by_n(ns, now)
-- Whole entities by number, in no order.
SELECT e.n, e.id, e.version, e.state, e.created_at, e.modified_at, e.deleted_at, e.expires_at, d.doc,
    @currents(e) AS currents
FROM entity e LEFT JOIN doc d ON d.n = e.n
WHERE e.n @in(:ns, bigint) AND e.state = 0 AND (e.expires_at IS NULL OR e.expires_at > :now);

-- name: sizes_by_n(ns)
-- How many bytes the current states of entities have, without reading them.
SELECT e.n, coalesce(octet_length(d.doc), 0)
    + coalesce((SELECT sum(octet_length(s.current)) FROM series s WHERE s.entity = e.n AND s.current IS NOT NULL), 0)
FROM entity e LEFT JOIN doc d ON d.n = e.n
WHERE e.n @in(:ns, bigint);

-- name: sizes_by_id(ids)
-- The same by id.
SELECT e.id, coalesce(octet_length(d.doc), 0)
    + coalesce((SELECT sum(octet_length(s.current)) FROM series s WHERE s.entity = e.n AND s.current IS NOT NULL), 0)
FROM entity e LEFT JOIN doc d ON d.n = e.n
WHERE e.id @in(:ids, text);

-- name: load_by_id(ids, now)
-- Whole entities by id, in no order.
SELECT e.n, e.id, e.version, e.state, e.created_at, e.modified_at, e.deleted_at, e.expires_at, d.doc,
    @currents(e) AS currents
FROM entity e LEFT JOIN doc d ON d.n = e.n
WHERE e.id @in(:ids, text) AND e.state = 0 AND (e.expires_at IS NULL OR e.expires_at > :now);
