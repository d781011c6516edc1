-- name: anything()
-- Whether a tenant has entities, or contexts that somebody gave it.
SELECT 1 FROM entity UNION ALL SELECT 1 FROM context WHERE kind = 'Hosted' LIMIT 1;

-- name: host_taken(host, name)
SELECT name FROM tenant WHERE host = :host AND name <> :name;

-- name: put_tenant(name, host, title, created_at)
-- List a tenant, or describe it anew.
INSERT INTO tenant (name, host, title, created_at) VALUES (:name, :host, :title, :created_at)
ON CONFLICT (name) DO UPDATE SET host = excluded.host, title = excluded.title, created_at = excluded.created_at;

-- name: put_key(id, tenant, name, kind, types, hash, created_at, expires_at, revoked_at, last_used_at)
-- Put a key in; one that is there stays another tenant's, and stays revoked.
INSERT INTO api_key (id, tenant, name, kind, types, hash, created_at, expires_at, revoked_at, last_used_at)
VALUES (:id, :tenant, :name, :kind, :types, :hash, :created_at, :expires_at, :revoked_at, :last_used_at)
ON CONFLICT (id) DO UPDATE SET last_used_at = excluded.last_used_at
WHERE api_key.tenant = excluded.tenant AND api_key.last_used_at IS NULL;

