-- name: load_described(entity, attribute, dataset_id)
-- What is said of a series.
SELECT observed, name, description, measurement, unit, sensor, observed_property, properties, multi
FROM series WHERE entity = :entity AND attribute = :attribute AND dataset_id = :dataset_id;

-- name: save_described(name, description, measurement, unit, sensor, observed_property, properties, multi, n)
UPDATE series SET name = :name, description = :description, measurement = :measurement, unit = :unit, sensor = :sensor,
    observed_property = :observed_property, properties = :properties, multi = :multi
WHERE n = :n;

-- name: present(numbers)
-- Which of these series are there.
SELECT n, entity FROM series WHERE n @in(:numbers, bigint);
