-- name: add(type, attribute, kind, delta)
-- Note that a commit changed how many entities of a type have an attribute.
INSERT INTO catalogue (type, attribute, kind, delta) VALUES (:type, :attribute, :kind, :delta);

-- name: totals()
-- How many live entities of each type there are (attribute '') and have each attribute.
SELECT type, attribute, kind, CAST(sum(delta) AS bigint) FROM catalogue
GROUP BY type, attribute, kind HAVING sum(delta) > 0 ORDER BY type, attribute, kind;

-- name: size()
SELECT count(*) FROM catalogue;

-- name: take_all()
-- Take all rows out, to put their sums back.
DELETE FROM catalogue RETURNING type, attribute, kind, delta;
