-- Geometries over half the Earth and more: an edge between opposite positions has no great circle, and PostGIS refuses it.
-- They are kept out of the index by distance and are candidates of every search by distance; the evaluator decides.

-- only: postgres
ALTER TABLE geo ADD COLUMN wide boolean NOT NULL DEFAULT FALSE;
UPDATE geo SET wide = TRUE
WHERE public.ST_XMax(geom) - public.ST_XMin(geom) >= 179 OR public.ST_YMax(geom) - public.ST_YMin(geom) >= 179;
DROP INDEX geo_geography;
CREATE INDEX geo_geography ON geo USING gist ((geom::public.geography)) WHERE NOT wide;
CREATE INDEX geo_wide ON geo (attribute, n) WHERE wide;
-- end

-- only: sqlite
UPDATE geo_box SET west = -180, east = 180, south = -90, north = 90 WHERE east - west >= 179;
-- end
