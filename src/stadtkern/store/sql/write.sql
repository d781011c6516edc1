-- name: load(ids)
-- The whole current state of entities by id: head, document and the current instances of observed attributes.
SELECT e.n, e.id, e.version, e.state, e.created_at, e.modified_at, e.deleted_at, e.expires_at, d.doc,
    @currents(e) AS currents
FROM entity e LEFT JOIN doc d ON d.n = e.n
WHERE e.id @in(:ids, text);

-- name: insert_entities(rows)
-- Give new entities their number.
-- only: sqlite
INSERT INTO entity (id, version, state, created_at, modified_at)
SELECT value ->> '$.id', 0, 0, value ->> '$.at', value ->> '$.at' FROM json_each(:rows) WHERE true
RETURNING id, n;
-- end
-- only: postgres
INSERT INTO entity (id, version, state, created_at, modified_at)
SELECT r.id, 0, 0, r.at, r.at FROM json_to_recordset((:rows::text)::json) AS r(id text, at bigint)
RETURNING id, n;
-- end

-- name: update_entity(version, state, created_at, modified_at, deleted_at, expires_at, n)
-- Write the slim row of one entity.
-- only: sqlite
UPDATE entity SET version = :version, state = :state, created_at = :created_at, modified_at = :modified_at,
    deleted_at = :deleted_at, expires_at = :expires_at
WHERE n = :n;
-- end
-- only: postgres
UPDATE entity AS e SET version = r.version, state = r.state, created_at = r.created_at, modified_at = r.modified_at,
    deleted_at = r.deleted_at, expires_at = r.expires_at
FROM unnest(:version::bigint[], :state::integer[], :created_at::bigint[], :modified_at::bigint[], :deleted_at::bigint[],
    :expires_at::bigint[], :n::bigint[]) AS r(version, state, created_at, modified_at, deleted_at, expires_at, n)
WHERE e.n = r.n;
-- end

-- name: save_doc(n, doc)
-- Write the document: what does not change with every observation.
INSERT INTO doc (n, doc) @rows(n bigint, doc text) ON CONFLICT (n) DO UPDATE SET doc = excluded.doc;

-- name: delete_doc(n)
DELETE FROM doc WHERE n = :n;

-- name: delete_types(n)
DELETE FROM entity_type WHERE n = :n;

-- name: insert_type(type, n)
INSERT INTO entity_type (type, n) @rows(type text, n bigint) ON CONFLICT DO NOTHING;

-- name: delete_scopes(n)
DELETE FROM entity_scope WHERE n = :n;

-- name: insert_scope(scope, n)
INSERT INTO entity_scope (scope, n) @rows(scope text, n bigint) ON CONFLICT DO NOTHING;

-- name: delete_geo(n, attribute, dataset_id)
-- only: sqlite
DELETE FROM geo WHERE n = :n AND attribute = :attribute AND dataset_id = :dataset_id;
-- end
-- only: postgres
DELETE FROM geo WHERE n = :n AND attribute = :attribute AND dataset_id = :dataset_id;
-- end

-- only: sqlite
-- name: delete_geo_box(n, attribute, dataset_id)
-- The R*Tree has no trigger: its rows go first.
DELETE FROM geo_box WHERE id IN (SELECT id FROM geo WHERE n = :n AND attribute = :attribute AND dataset_id = :dataset_id);

-- name: delete_all_geo_box(n)
DELETE FROM geo_box WHERE id IN (SELECT id FROM geo WHERE n = :n);

-- name: insert_geo(n, attribute, dataset_id, geom)
INSERT INTO geo (n, attribute, dataset_id, geom) VALUES (:n, :attribute, :dataset_id, :geom);

-- name: insert_geo_box(n, attribute, dataset_id, west, east, south, north)
INSERT INTO geo_box (id, west, east, south, north)
SELECT id, :west, :east, :south, :north FROM geo WHERE n = :n AND attribute = :attribute AND dataset_id = :dataset_id;
-- end

-- only: postgres
-- name: insert_geo(n, attribute, dataset_id, geom)
-- The indexed geometry is derived: made valid, two dimensions. The original stays in the instance. Where it is wide, an
-- edge may join opposite positions, of which no geography can be made.
INSERT INTO geo (n, attribute, dataset_id, geom, wide)
SELECT r.n, r.attribute, r.dataset_id, g.geom,
    ST_XMax(g.geom) - ST_XMin(g.geom) >= 179 OR ST_YMax(g.geom) - ST_YMin(g.geom) >= 179
FROM unnest(:n::bigint[], :attribute::text[], :dataset_id::text[], :geom::text[]) AS r(n, attribute, dataset_id, geom),
    LATERAL (SELECT ST_Force2D(ST_MakeValid(ST_SetSRID(ST_GeomFromGeoJSON(r.geom), 4326))) AS geom OFFSET 0) AS g;
-- end

-- name: delete_all_geo(n)
DELETE FROM geo WHERE n = :n;

-- name: delete_link(source, attribute, dataset_id)
DELETE FROM link WHERE source = :source AND attribute = :attribute AND dataset_id = :dataset_id;

-- name: delete_all_links(source)
DELETE FROM link WHERE source = :source;

-- name: insert_link(source, attribute, dataset_id, pos, target)
INSERT INTO link (source, attribute, dataset_id, pos, target)
@rows(source bigint, attribute text, dataset_id text, pos integer, target text) ON CONFLICT DO NOTHING;

-- name: load_series(entities)
-- All series of entities, without their current instances.
SELECT entity, attribute, dataset_id, n, observed, created_at, current_at, block, used, block_from, block_to, unit
FROM series WHERE entity @in(:entities, bigint);

-- name: insert_series(rows)
-- only: sqlite
INSERT INTO series (entity, attribute, dataset_id, observed, created_at, unit)
SELECT value ->> '$.entity', value ->> '$.attribute', value ->> '$.dataset_id', value ->> '$.observed', value ->> '$.at', value ->> '$.unit'
FROM json_each(:rows) WHERE true
RETURNING entity, attribute, dataset_id, n;
-- end
-- only: postgres
INSERT INTO series (entity, attribute, dataset_id, observed, created_at, unit)
SELECT r.entity, r.attribute, r.dataset_id, r.observed, r.at, r.unit
FROM json_to_recordset((:rows::text)::json)
    AS r(entity bigint, attribute text, dataset_id text, observed integer, at bigint, unit text)
RETURNING entity, attribute, dataset_id, n;
-- end

-- name: number_attributes(attributes)
-- Give a small number to each attribute that has its first series; nothing where all have one.
-- only: sqlite
INSERT INTO observed_attribute (attribute) SELECT j.value FROM json_each(:attributes) j
WHERE NOT EXISTS (SELECT 1 FROM observed_attribute a WHERE a.attribute = j.value) ON CONFLICT DO NOTHING;
-- end
-- only: postgres
INSERT INTO observed_attribute (attribute) SELECT j.v FROM unnest(:attributes::text[]) AS j(v)
WHERE NOT EXISTS (SELECT 1 FROM observed_attribute a WHERE a.attribute = j.v) ON CONFLICT DO NOTHING;
-- end

-- name: insert_blocks(rows)
-- Draw id blocks for series.
-- only: sqlite
INSERT INTO id_block (entity, series) SELECT value ->> '$.entity', value ->> '$.series' FROM json_each(:rows) WHERE true
RETURNING series, block;
-- end
-- only: postgres
INSERT INTO id_block (entity, series)
SELECT r.entity, r.series FROM json_to_recordset((:rows::text)::json) AS r(entity bigint, series bigint)
RETURNING series, block;
-- end

-- name: close_block(time_from, time_to, block)
-- A full block gets the time range that its ids lie in.
UPDATE id_block SET time_from = :time_from, time_to = :time_to WHERE block = :block;

-- name: update_series(observed, current, current_at, block, used, block_from, block_to, n)
-- only: sqlite
UPDATE series SET observed = :observed, current = :current, current_at = :current_at, block = :block, used = :used,
    block_from = :block_from, block_to = :block_to
WHERE n = :n;
-- end
-- only: postgres
UPDATE series AS s SET observed = r.observed, current = r.current, current_at = r.current_at, block = r.block, used = r.used,
    block_from = r.block_from, block_to = r.block_to
FROM unnest(:observed::integer[], :current::text[], :current_at::bigint[], :block::bigint[], :used::bigint[], :block_from::bigint[],
    :block_to::bigint[], :n::bigint[]) AS r(observed, current, current_at, block, used, block_from, block_to, n)
WHERE s.n = r.n;
-- end

-- name: update_series_ids(observed, block, used, block_from, block_to, n)
-- As update_series, where the current instance stays what it is.
UPDATE series SET observed = :observed, block = :block, used = :used, block_from = :block_from, block_to = :block_to
WHERE n = :n;

-- name: clear_currents(entity)
-- The current state of an entity is gone; its history stays.
UPDATE series SET current = NULL, current_at = NULL WHERE entity = :entity AND current IS NOT NULL;

-- name: add_to_chunk(series, month, count, first, last, recorded_first, recorded_last, result_first, result_last, longest)
-- Add to a month's summary; never counts anew. last: the end of the last stretch that began in the month.
INSERT INTO series_chunk (series, month, count, first, last, recorded_first, recorded_last, result_first, result_last,
    longest)
@rows(series bigint, month integer, count bigint, first bigint, last bigint, recorded_first bigint, recorded_last bigint,
    result_first bigint, result_last bigint, longest bigint)
ON CONFLICT (series, month) DO UPDATE SET
    count = series_chunk.count + excluded.count,
    first = @least(series_chunk.first, excluded.first),
    last = @greatest(series_chunk.last, excluded.last),
    recorded_first = @least(series_chunk.recorded_first, excluded.recorded_first),
    recorded_last = @greatest(series_chunk.recorded_last, excluded.recorded_last),
    result_first = @least_known(series_chunk.result_first, excluded.result_first),
    result_last = @greatest_known(series_chunk.result_last, excluded.result_last),
    longest = @greatest_known(series_chunk.longest, excluded.longest);

-- name: insert_change(at, entity, id, version, kind, items)
-- The outbox: one row an entity and commit.
INSERT INTO change (at, entity, id, version, kind, items)
@rows(at bigint, entity bigint, id text, version bigint, kind text, items text);

-- only: postgres
-- name: notify()
-- Wake the consumers of the change log; the notice carries no data.
SELECT pg_notify('stadtkern_change', current_schema());
-- end

-- name: expired(now, most)
-- Transient entities whose time is over (CIM 009 5.2.4, expiresAt).
SELECT id FROM entity WHERE expires_at IS NOT NULL AND expires_at <= :now AND state = 0 ORDER BY expires_at LIMIT :most;
