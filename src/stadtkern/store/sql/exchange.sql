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


-- The pages of an export; the columns are those of stadtkern.exchange.lines, in their order.

-- name: page_context(id, most)
SELECT id, url, kind, body, created_at, last_used_at, uses FROM context WHERE id > :id ORDER BY id LIMIT :most;

-- name: page_subscription(id, most)
SELECT id, body, created_at FROM subscription WHERE id > :id ORDER BY id LIMIT :most;

-- name: page_entity(n, most)
SELECT e.n, e.id, e.kind, e.version, e.state, e.dataset, e.created_at, e.modified_at, e.deleted_at, e.expires_at, d.doc
FROM entity e LEFT JOIN doc d ON d.n = e.n WHERE e.n > :n ORDER BY e.n LIMIT :most;

-- name: page_series(n, most)
SELECT n, entity, attribute, dataset_id, observed, created_at, current, current_at, block, used, block_from, block_to,
    unit, name, description, sensor, observed_property, properties, measurement, multi
FROM series WHERE n > :n ORDER BY n LIMIT :most;

-- name: page_observed_attribute(n, most)
SELECT n, attribute FROM observed_attribute WHERE n > :n ORDER BY n LIMIT :most;

-- name: page_id_block(block, most)
SELECT block, entity, series, time_from, time_to FROM id_block WHERE block > :block ORDER BY block LIMIT :most;

-- name: page_series_chunk(series, month, most)
SELECT series, month, count, first, last, recorded_first, recorded_last, result_first, result_last, longest,
    west, south, east, north
FROM series_chunk WHERE (series, month) > (:series, :month) ORDER BY series, month LIMIT :most;

-- name: page_observation(series, time, id, most)
SELECT entity, series, time, id, end_time, result_time, created_at, modified_at, deleted_at, observed, kind, num, value,
    extra, feature
FROM observation WHERE (series, time, id) > (:series, :time, :id) ORDER BY series, time, id LIMIT :most;

-- name: size()
-- About how many rows a tenant has; exact counts would cost as much as the export.
-- only: sqlite
SELECT (SELECT coalesce(max(n), 0) FROM entity) + (SELECT coalesce(max(n), 0) FROM series)
    + (SELECT coalesce(sum(CASE WHEN block > 0 THEN used ELSE 0 END), 0) FROM series)
    + (SELECT 256 * count(*) FROM id_block WHERE time_from IS NOT NULL);
-- end
-- only: postgres
SELECT ((SELECT coalesce(max(n), 0) FROM entity) + (SELECT coalesce(max(n), 0) FROM series)
    + (SELECT coalesce(sum(CASE WHEN block > 0 THEN used ELSE 0 END), 0) FROM series)
    + (SELECT 256 * count(*) FROM id_block WHERE time_from IS NOT NULL))::bigint;
-- end

-- name: sequences()
-- The highest numbers ever given out.
-- only: sqlite
SELECT name, seq FROM sqlite_sequence WHERE name IN ('entity', 'series', 'observed_attribute', 'id_block', 'change') AND seq > 0 ORDER BY name;
-- end
-- only: postgres
SELECT t.name, pg_sequence_last_value(pg_get_serial_sequence(t.name, t.number)::regclass)
FROM (VALUES ('entity', 'n'), ('series', 'n'), ('observed_attribute', 'n'), ('id_block', 'block'), ('change', 'seq')) AS t(name, number) ORDER BY t.name;
-- end

-- name: advance(name, value)
-- Let a table go on numbering after this number.
-- only: sqlite
INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :value);
-- end
-- only: postgres
SELECT setval(pg_get_serial_sequence(:name::text, CASE :name::text WHEN 'id_block' THEN 'block' WHEN 'change' THEN 'seq'
    ELSE 'n' END), :value::bigint);
-- end

-- only: sqlite
-- name: forget_sequence(name)
-- What a table has numbered so far; its place in the list is not unique by itself.
DELETE FROM sqlite_sequence WHERE name = :name;
-- end

-- name: number_attributes()
-- Give a number to attributes of series that have none: exports of earlier versions hold none.
INSERT INTO observed_attribute (attribute) SELECT DISTINCT s.attribute FROM series s
WHERE NOT EXISTS (SELECT 1 FROM observed_attribute a WHERE a.attribute = s.attribute) ORDER BY s.attribute;

-- name: live_ids(n, most)
-- Which entities have a present state, for what is derived from it.
SELECT n, id FROM entity WHERE n > :n AND state = 0 ORDER BY n LIMIT :most;
