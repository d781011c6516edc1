-- What tenants share: their list, the API keys' hashes, downloaded contexts, epochs.
-- only: sqlite
CREATE TABLE tenant (
    name TEXT PRIMARY KEY,
    host TEXT UNIQUE,
    title TEXT NOT NULL DEFAULT '',
    created_at INTEGER NOT NULL
) STRICT;
CREATE TABLE api_key (
    id TEXT PRIMARY KEY,
    tenant TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    types TEXT,
    hash TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER,
    last_used_at INTEGER
) STRICT;
CREATE TABLE cached_context (
    url TEXT PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    body TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER,
    uses INTEGER NOT NULL DEFAULT 0
) STRICT;
CREATE TABLE epoch (kind TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT;
-- end
-- only: postgres
CREATE TABLE tenant (
    name text PRIMARY KEY,
    host text UNIQUE,
    title text NOT NULL DEFAULT '',
    created_at bigint NOT NULL
);
CREATE TABLE api_key (
    id text PRIMARY KEY,
    tenant text NOT NULL,
    name text NOT NULL,
    kind text NOT NULL,
    types text,
    hash text NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint,
    revoked_at bigint,
    last_used_at bigint
);
CREATE TABLE cached_context (
    url text COLLATE "C" PRIMARY KEY,
    id text COLLATE "C" NOT NULL UNIQUE,
    body text NOT NULL,
    created_at bigint NOT NULL,
    last_used_at bigint,
    uses bigint NOT NULL DEFAULT 0
);
CREATE TABLE epoch (kind text PRIMARY KEY, value bigint NOT NULL);
-- end
CREATE INDEX api_key_tenant ON api_key (tenant);
INSERT INTO epoch (kind, value) VALUES ('tenants', 0), ('keys', 0);
