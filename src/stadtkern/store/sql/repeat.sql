-- name: series_of_entity(entity)
-- The series of one entity, for finding what is there already.
SELECT attribute, dataset_id, n, unit FROM series WHERE entity = :entity;

-- name: observed_at(series, first, last, times)
-- Observed instances at exactly these times; the bounds let a partitioned table pass over the rest.
SELECT o.time, o.id, o.created_at, o.modified_at, o.deleted_at, o.observed, o.kind, o.num, o.value, o.extra,
    o.end_time, o.result_time, o.feature
FROM observation o
WHERE o.series = :series AND o.time >= :first AND o.time <= :last AND o.time @in(:times, bigint)
    AND o.observed = 1
ORDER BY o.time, o.id;
