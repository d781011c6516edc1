-- name: save(id, holder, created_at, expires_at, entities)
-- Insert, or replace the list and its end.
INSERT INTO entity_map (id, holder, created_at, expires_at, entities)
VALUES (:id, :holder, :created_at, :expires_at, :entities)
ON CONFLICT (id) DO UPDATE SET expires_at = excluded.expires_at, entities = excluded.entities;

-- name: load(id, holder, now)
SELECT id, created_at, expires_at, entities FROM entity_map
WHERE id = :id AND holder = :holder AND expires_at > :now;

-- name: delete(id, holder, now)
DELETE FROM entity_map WHERE id = :id AND holder = :holder AND expires_at > :now RETURNING id;

-- name: trim(now, most)
-- Forget what is over, and the oldest beyond so many.
DELETE FROM entity_map WHERE expires_at <= :now OR created_at < (
    SELECT created_at FROM entity_map ORDER BY created_at DESC LIMIT 1 OFFSET :most);
