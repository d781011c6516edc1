-- name: trim(before, most)
-- Drop those of the oldest change rows that need not be kept any longer.
DELETE FROM change WHERE seq IN (
    SELECT o.seq FROM (SELECT c.seq, c.at FROM change c ORDER BY c.seq LIMIT :most) o WHERE o.at < :before
)
-- only: sqlite
RETURNING 0, seq;
-- end
-- only: postgres
RETURNING x::text::bigint, seq;
-- end

-- name: note(kind, value)
-- Remember the last position that was dropped, in two numbers.
INSERT INTO tenant_epoch (kind, value) VALUES (:kind, :value) ON CONFLICT (kind) DO UPDATE SET value = excluded.value;

-- name: trimmed()
-- The last position that was dropped.
SELECT kind, value FROM tenant_epoch WHERE kind IN ('trimmed.x', 'trimmed.seq');
