-- name: insert_observation(entity, series, time, id, created_at, modified_at, deleted_at, observed, kind, num, value, extra, end_time, result_time, feature)
-- One instance of history.
INSERT INTO observation (entity, series, time, id, created_at, modified_at, deleted_at, observed, kind, num, value, extra,
    end_time, result_time, feature)
@rows(entity bigint, series bigint, time bigint, id bigint, created_at bigint, modified_at bigint, deleted_at bigint,
    observed smallint, kind smallint, num double precision, value text, extra text, end_time bigint, result_time bigint,
    feature bigint);

-- name: locate(block, entity, attribute)
-- Which series and which stretch of time an observation id lies in. An open block's range is in its series.
SELECT s.n, s.dataset_id, s.unit,
    CASE WHEN s.block = b.block THEN s.block_from ELSE b.time_from END,
    CASE WHEN s.block = b.block THEN s.block_to ELSE b.time_to END
FROM id_block b JOIN series s ON s.n = b.series
WHERE b.block = :block AND s.entity = :entity AND s.attribute = :attribute;

-- name: load_observation(series, time_from, time_to, id)
SELECT o.time, o.id, o.created_at, o.modified_at, o.deleted_at, o.observed, o.kind, o.num, o.value, o.extra,
    o.end_time, o.result_time, o.feature
FROM observation o WHERE o.series = :series AND o.time BETWEEN :time_from AND :time_to AND o.id = :id;

-- name: delete_observation(series, time, id)
DELETE FROM observation WHERE series = :series AND time = :time AND id = :id;

-- name: widen_block(block, time)
UPDATE id_block SET time_from = @least(time_from, :time), time_to = @greatest(time_to, :time)
WHERE block = :block AND time_from IS NOT NULL;

-- name: widen_open_block(series, block, time)
UPDATE series SET block_from = @least(block_from, :time), block_to = @greatest(block_to, :time)
WHERE n = :series AND block = :block;

-- name: latest_observed(series, until)
-- The instance that is current by its own time.
SELECT s.dataset_id, s.unit,
    o.time, o.id, o.created_at, o.modified_at, o.deleted_at, o.observed, o.kind, o.num, o.value, o.extra,
    o.end_time, o.result_time, o.feature
FROM observation o JOIN series s ON s.n = o.series
WHERE o.series = :series AND o.observed = 1 AND o.deleted_at IS NULL AND o.time <= :until
ORDER BY o.time DESC, o.id DESC LIMIT 1;

-- name: deleted_after(series, since, id, time)
-- Whether the attribute was deleted after an instance had been written, or is said to have been after its time.
SELECT 1 FROM observation
WHERE series = :series AND time >= :since AND deleted_at IS NOT NULL
    AND ((observed = 0 AND id > :id) OR (observed = 1 AND time > :time)) LIMIT 1;

-- name: find_same(rows)
-- Observed instances by series and time, in the order of writing.
-- only: sqlite
SELECT o.series, o.time, o.id, o.created_at FROM json_each(:rows) r
JOIN observation o ON o.series = r.value ->> '$.series' AND o.time = r.value ->> '$.time'
WHERE o.observed = 1 ORDER BY o.id;
-- end
-- only: postgres
SELECT o.series, o.time, o.id, o.created_at
FROM json_to_recordset((:rows::text)::json) AS r(series bigint, time bigint)
JOIN observation o ON o.series = r.series AND o.time = r.time
WHERE o.observed = 1 ORDER BY o.id;
-- end

-- name: mark_observed(series)
UPDATE series SET observed = 1 WHERE n = :series AND observed = 0;

-- name: series_of(entity, attribute)
SELECT s.n, s.dataset_id, EXISTS (SELECT 1 FROM observation o WHERE o.series = s.n)
FROM series s WHERE s.entity = :entity AND s.attribute = :attribute;

-- name: delete_observations(series)
DELETE FROM observation WHERE series = :series;

-- name: delete_chunks(series)
DELETE FROM series_chunk WHERE series = :series;

-- name: delete_blocks(series)
DELETE FROM id_block WHERE series = :series;

-- name: reset_series(series)
-- A series that was described as a Datastream stays one, without observations.
UPDATE series SET observed = CASE WHEN name IS NULL AND sensor IS NULL AND observed_property IS NULL THEN 0 ELSE 1 END, block = 0, used = 0, block_from = NULL, block_to = NULL WHERE n = :series;

-- name: delete_bare_series(series)
-- A series without instances stays only where it was described as a Datastream.
DELETE FROM series WHERE n = :series AND name IS NULL AND sensor IS NULL AND observed_property IS NULL;

-- name: delete_series(series)
-- A series with all that is said of it.
DELETE FROM series WHERE n = :series;

-- name: delete_chunk(series, month)
DELETE FROM series_chunk WHERE series = :series AND month = :month;

-- name: recount_chunk(series, month, start, until)
INSERT INTO series_chunk (series, month, count, first, last, recorded_first, recorded_last, result_first, result_last,
    longest)
SELECT series, @big(:month), count(*), min(time), max(coalesce(end_time, time)),
    min(coalesce(modified_at, created_at)), max(coalesce(modified_at, created_at)),
    min(result_time), max(result_time), max(end_time - time)
FROM observation WHERE series = :series AND time >= :start AND time < :until AND observed = 1 AND deleted_at IS NULL
GROUP BY series;

-- name: slice_bound(series, most)
-- The time up to which so many instances of a series lie, where there are more.
SELECT time FROM observation WHERE series = :series ORDER BY time LIMIT 1 OFFSET :most;

-- name: delete_until(series, time)
DELETE FROM observation WHERE series = :series AND time <= :time;

-- name: all_series(entity)
SELECT n FROM series WHERE entity = :entity;

-- name: erase_chunks(entity)
DELETE FROM series_chunk WHERE series IN (SELECT n FROM series WHERE entity = :entity);

-- name: erase_blocks(entity)
DELETE FROM id_block WHERE series IN (SELECT n FROM series WHERE entity = :entity);

-- name: erase_series(entity)
DELETE FROM series WHERE entity = :entity;
