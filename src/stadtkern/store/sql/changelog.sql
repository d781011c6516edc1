-- name: read(x, seq, most)
-- Rows after a position, in the order of positions. On PostgreSQL only those of transactions before the oldest one that
-- still runs: none can be committed later and sort before them.
-- only: sqlite
SELECT 0, seq, at, entity, id, version, kind, items FROM change
WHERE seq > :seq AND :x IS NOT NULL ORDER BY seq LIMIT :most;
-- end
-- only: postgres
SELECT x::text::bigint, seq, at, entity, id, version, kind, items FROM change
WHERE (x, seq) > ((@big(:x))::text::xid8, @big(:seq)) AND x < pg_snapshot_xmin(pg_current_snapshot())
ORDER BY x, seq LIMIT :most;
-- end

-- name: find(seq)
-- One row.
-- only: sqlite
SELECT 0, seq, at, entity, id, version, kind, items FROM change WHERE seq = :seq;
-- end
-- only: postgres
SELECT x::text::bigint, seq, at, entity, id, version, kind, items FROM change WHERE seq = @big(:seq);
-- end

-- name: later(entity, seq, most)
-- What was done to an entity after a row: writers of one entity wait for one another, so that seq tells the order.
-- only: sqlite
SELECT 0, seq, at, entity, id, version, kind, items FROM change
WHERE entity = :entity AND seq > :seq ORDER BY seq LIMIT :most;
-- end
-- only: postgres
SELECT x::text::bigint, seq, at, entity, id, version, kind, items FROM change
WHERE entity = :entity AND seq > @big(:seq) ORDER BY seq LIMIT :most;
-- end

-- name: next_end(entity, seq)
-- When an entity went for the first time after a row.
-- only: sqlite
SELECT 0, seq, at, entity, id, version, kind, items FROM change
WHERE entity = :entity AND seq > :seq AND kind IN ('deleted', 'erased') ORDER BY seq LIMIT 1;
-- end
-- only: postgres
SELECT x::text::bigint, seq, at, entity, id, version, kind, items FROM change
WHERE entity = :entity AND seq > @big(:seq) AND kind IN ('deleted', 'erased') ORDER BY seq LIMIT 1;
-- end

-- name: head()
-- The position before which nothing new can appear any more.
-- only: sqlite
SELECT 0, coalesce((SELECT max(seq) FROM sqlite_sequence WHERE name = 'change'), 0);
-- end
-- only: postgres
SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1, 9223372036854775807;
-- end

-- name: oldest()
-- The first row that is kept.
-- only: sqlite
SELECT 0, seq FROM change ORDER BY seq LIMIT 1;
-- end
-- only: postgres
SELECT x::text::bigint, seq FROM change ORDER BY x, seq LIMIT 1;
-- end

-- name: states(ns)
-- Entities as they are now, by number: those that are gone or over too.
SELECT e.n, e.id, e.version, e.state, e.created_at, e.modified_at, e.deleted_at, e.expires_at, d.doc,
    @currents(e) AS currents
FROM entity e LEFT JOIN doc d ON d.n = e.n
WHERE e.n @in(:ns, bigint);
