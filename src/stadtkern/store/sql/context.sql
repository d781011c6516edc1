-- name: list_all()
SELECT id, url, kind, 'null', created_at, last_used_at, uses FROM context ORDER BY created_at, id;

-- name: list_kind(kind)
SELECT id, url, kind, 'null', created_at, last_used_at, uses FROM context WHERE kind = :kind ORDER BY created_at, id;

-- name: load(name)
-- By local id or by address.
SELECT id, url, kind, body, created_at, last_used_at, uses FROM context WHERE id = :name OR url = :name;

-- name: save(id, url, kind, body, created_at)
-- Insert; where the id exists, replace what came from outside and keep the uses.
INSERT INTO context (id, url, kind, body, created_at) VALUES (:id, :url, :kind, :body, :created_at)
ON CONFLICT (id) DO UPDATE SET url = excluded.url, kind = excluded.kind, body = excluded.body,
    created_at = excluded.created_at;

-- name: delete(id)
DELETE FROM context WHERE id = :id RETURNING id;

-- name: touch(uses, at, id)
UPDATE context SET uses = uses + :uses, last_used_at = :at WHERE id = :id;
