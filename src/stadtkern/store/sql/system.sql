-- name: list_tenants()
SELECT name, host, title, created_at FROM tenant ORDER BY name;

-- name: load_tenant(name)
SELECT name, host, title, created_at FROM tenant WHERE name = :name;

-- name: insert_tenant(name, host, title, created_at)
INSERT INTO tenant (name, host, title, created_at) VALUES (:name, :host, :title, :created_at) ON CONFLICT DO NOTHING RETURNING name;

-- name: delete_tenant(name)
DELETE FROM tenant WHERE name = :name;

-- name: bump_epoch(kind)
-- Tell other processes that what they remember of this kind is stale.
UPDATE epoch SET value = value + 1 WHERE kind = :kind;

-- name: try_write()
-- A write that means nothing. It has to change something: SQLite writes no page that stays as it is.
INSERT INTO epoch (kind, value) VALUES ('health', 1) ON CONFLICT (kind) DO UPDATE SET value = 1 - epoch.value;

-- name: load_epochs()
SELECT kind, value FROM epoch;

-- name: insert_key(id, tenant, name, kind, types, hash, created_at, expires_at)
INSERT INTO api_key (id, tenant, name, kind, types, hash, created_at, expires_at)
VALUES (:id, :tenant, :name, :kind, :types, :hash, :created_at, :expires_at);

-- name: load_key(id)
SELECT id, tenant, name, kind, types, hash, created_at, expires_at, revoked_at, last_used_at FROM api_key WHERE id = :id;

-- name: list_keys(tenant)
SELECT id, tenant, name, kind, types, hash, created_at, expires_at, revoked_at, last_used_at FROM api_key
WHERE tenant = :tenant ORDER BY created_at, id;

-- name: revoke_key(revoked_at, id, tenant)
UPDATE api_key SET revoked_at = :revoked_at WHERE id = :id AND tenant = :tenant AND revoked_at IS NULL;

-- name: delete_keys(tenant)
DELETE FROM api_key WHERE tenant = :tenant;

-- name: touch_key(last_used_at, id)
-- Several processes tell; the latest wins.
UPDATE api_key SET last_used_at = :last_used_at
WHERE id = :id AND (last_used_at IS NULL OR last_used_at < :last_used_at);
