-- name: locate(block)
-- Which series and which stretch of time an observation id lies in. An open block's range is in its series.
SELECT s.n,
    CASE WHEN s.block = b.block THEN s.block_from ELSE b.time_from END,
    CASE WHEN s.block = b.block THEN s.block_to ELSE b.time_to END
FROM id_block b JOIN series s ON s.n = b.series
WHERE b.block = :block;

-- name: attributes()
-- All attributes that entities have, or had since the catalogue was folded last.
SELECT DISTINCT attribute FROM catalogue WHERE type = '' AND attribute <> '';
