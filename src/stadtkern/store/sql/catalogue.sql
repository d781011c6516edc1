-- name: add(type, attribute, kind, delta)
-- Note that a commit changed how many entities of a type have an attribute.
INSERT INTO catalogue (type, attribute, kind, delta) @rows(type text, attribute text, kind text, delta bigint);

-- name: totals()
-- How many live entities of each type there are (attribute '') and have each attribute.
SELECT type, attribute, kind, CAST(sum(delta) AS bigint) FROM catalogue
GROUP BY type, attribute, kind HAVING sum(delta) > 0 ORDER BY type, attribute, kind;

-- name: expired(now, after, most)
-- Entities whose time is over and that were not swept up yet, in order of their number.
SELECT e.n, e.id, e.version, e.state, e.created_at, e.modified_at, e.deleted_at, e.expires_at, d.doc,
    @currents(e) AS currents
FROM entity e LEFT JOIN doc d ON d.n = e.n
WHERE e.expires_at IS NOT NULL AND e.expires_at <= :now AND e.state = 0 AND e.n > :after ORDER BY e.n LIMIT :most;

-- name: size()
SELECT count(*) FROM catalogue;

-- name: take_all()
-- Take all rows out, to put their sums back.
DELETE FROM catalogue RETURNING type, attribute, kind, delta;
