-- Subscriptions, how far each was told, and a number that tells every process when the list has changed.

-- only: sqlite
CREATE TABLE subscription (
    id TEXT PRIMARY KEY,
    body TEXT NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE TABLE delivery (
    subscription TEXT PRIMARY KEY,
    body TEXT NOT NULL
) STRICT;
CREATE TABLE tenant_epoch (
    kind TEXT PRIMARY KEY,
    value INTEGER NOT NULL
) STRICT;
-- end
-- only: postgres
CREATE TABLE subscription (
    id text COLLATE "C" PRIMARY KEY,
    body text NOT NULL,
    created_at bigint NOT NULL
);
CREATE TABLE delivery (
    subscription text COLLATE "C" PRIMARY KEY,
    body text NOT NULL
);
CREATE TABLE tenant_epoch (
    kind text COLLATE "C" PRIMARY KEY,
    value bigint NOT NULL
);
-- end
INSERT INTO tenant_epoch (kind, value) VALUES ('subscriptions', 0);
CREATE INDEX change_entity ON change (entity, seq);
