-- name: entities(numbers, now)
-- Whole live entities by number.
SELECT e.n, e.id, e.version, e.state, e.created_at, e.modified_at, e.deleted_at, e.expires_at, d.doc,
    @currents(e) AS currents
FROM entity e LEFT JOIN doc d ON d.n = e.n
WHERE e.n @in(:numbers, bigint) AND e.state = 0 AND (e.expires_at IS NULL OR e.expires_at > :now);

-- name: streams(numbers, now, locations)
-- Datastreams by number, with what an Observation without a feature of its own observes: the first Location of the
-- Thing, or the Thing itself where it has a place.
SELECT s.n, s.attribute, s.dataset_id, s.unit, s.multi, s.measurement, e.n, e.id,
    (SELECT p.n FROM link k JOIN entity p ON p.id = k.target
     WHERE k.source = e.n AND k.attribute = :locations AND k.dataset_id = '' AND k.pos = 0 AND p.state = 0),
    CASE WHEN EXISTS (SELECT 1 FROM geo g WHERE g.n = e.n AND g.attribute = 'location') THEN 1 ELSE 0 END
FROM series s JOIN entity e ON e.n = s.entity
WHERE s.n @in(:numbers, bigint) AND s.observed = 1 AND s.attribute NOT IN ('location', 'scope', :locations)
    AND e.state = 0 AND (e.expires_at IS NULL OR e.expires_at > :now);

-- name: taken(entities)
-- Which attributes and dataset ids of entities are Datastreams already.
SELECT entity, attribute, dataset_id FROM series WHERE entity @in(:entities, bigint) AND observed = 1;

-- name: attributes(numbers)
-- Attributes by the numbers that they have as ObservedProperties.
SELECT n, attribute FROM observed_attribute WHERE n @in(:numbers, bigint);

-- name: locate(block, now)
-- Which series and which stretch of time an observation id lies in. An open block's range is in its series.
SELECT s.n, e.id, e.n, s.attribute, s.dataset_id,
    CASE WHEN s.block = b.block THEN s.block_from ELSE b.time_from END,
    CASE WHEN s.block = b.block THEN s.block_to ELSE b.time_to END
FROM id_block b JOIN series s ON s.n = b.series JOIN entity e ON e.n = s.entity
WHERE b.block = :block AND e.state = 0 AND (e.expires_at IS NULL OR e.expires_at > :now);

-- name: is_there(series, time_from, time_to, id)
SELECT 1 FROM observation
WHERE series = :series AND time BETWEEN :time_from AND :time_to AND id = :id AND observed = 1 AND deleted_at IS NULL;

-- name: streams_of_sensor(number, most)
-- Series that name an entity as their sensor.
SELECT e.id, s.attribute, s.dataset_id FROM series s JOIN entity e ON e.n = s.entity
WHERE s.sensor = :number ORDER BY s.n LIMIT :most;

-- name: streams_of_property(number, most)
-- Series that name an entity as what they observe.
SELECT e.id, s.attribute, s.dataset_id FROM series s JOIN entity e ON e.n = s.entity
WHERE s.observed_property = :number ORDER BY s.n LIMIT :most;

-- name: multi_streams(after, most)
-- Series with several observed properties, which stand in what describes them.
SELECT s.n, e.id, s.attribute, s.dataset_id, s.measurement FROM series s JOIN entity e ON e.n = s.entity
WHERE s.multi = 1 AND s.n > :after ORDER BY s.n LIMIT :most;

-- name: observations_of_feature(number, most)
-- Observations of an entity.
SELECT e.id, s.attribute, o.id FROM observation o JOIN series s ON s.n = o.series JOIN entity e ON e.n = o.entity
WHERE o.feature = :number LIMIT :most;

-- name: things_at(location, locations, after, most)
-- Things that are at a Location now.
SELECT e.n FROM link k JOIN entity e ON e.n = k.source
WHERE k.target = :location AND k.attribute = :locations AND k.dataset_id = '' AND e.n > :after ORDER BY e.n LIMIT :most;

-- name: named_places(locations, after, most)
-- Series of the Locations that Things were at.
SELECT s.n, e.id FROM series s JOIN entity e ON e.n = s.entity
WHERE s.attribute = :locations AND s.dataset_id = '' AND s.n > :after ORDER BY s.n LIMIT :most;

-- name: stays(series, quoted, most)
-- Instances of such a series that name a Location, given as JSON text.
SELECT o.id FROM observation o
WHERE o.series = :series AND o.observed = 1 AND o.deleted_at IS NULL AND @has(o.value, :quoted) LIMIT :most;
