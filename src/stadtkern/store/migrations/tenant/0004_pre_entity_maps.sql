-- Lists of entities that readers had fixed to page through them; each goes when its time is over.

-- only: sqlite
CREATE TABLE entity_map (
    id TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    entities TEXT NOT NULL
) STRICT;
-- end
-- only: postgres
CREATE TABLE entity_map (
    id text COLLATE "C" PRIMARY KEY,
    holder text NOT NULL,
    created_at bigint NOT NULL,
    expires_at bigint NOT NULL,
    entities text NOT NULL
);
-- end
CREATE INDEX entity_map_created_at ON entity_map (created_at);
