-- name: insert(id, body, created_at)
INSERT INTO subscription (id, body, created_at, changed)
SELECT @text(:id), @text(:body), :created_at, value FROM tenant_epoch WHERE kind = 'subscriptions'
ON CONFLICT DO NOTHING RETURNING id;

-- name: load(id)
SELECT s.body, d.body FROM subscription s LEFT JOIN delivery d ON d.subscription = s.id WHERE s.id = :id;

-- name: load_locked(id)
-- The row, which nobody else changes until the transaction ends.
-- only: sqlite
SELECT body FROM subscription WHERE id = :id;
-- end
-- only: postgres
SELECT body FROM subscription WHERE id = :id FOR UPDATE;
-- end

-- name: list_page(most, skipped)
SELECT s.body, d.body FROM subscription s LEFT JOIN delivery d ON d.subscription = s.id
ORDER BY s.created_at, s.id LIMIT :most OFFSET :skipped;

-- name: list_all()
SELECT s.body, d.body FROM subscription s LEFT JOIN delivery d ON d.subscription = s.id ORDER BY s.created_at, s.id;

-- name: changed_since(epoch)
SELECT body FROM subscription WHERE changed > :epoch ORDER BY created_at, id;

-- name: ids()
SELECT id FROM subscription;

-- name: count_all()
SELECT count(*) FROM subscription;

-- name: replace(body, id)
UPDATE subscription
SET body = :body, changed = (SELECT value FROM tenant_epoch WHERE kind = 'subscriptions') WHERE id = :id;

-- name: delete(id)
DELETE FROM subscription WHERE id = :id RETURNING id;

-- name: delete_delivery(id)
DELETE FROM delivery WHERE subscription = :id;

-- name: load_deliveries()
SELECT subscription, body FROM delivery;

-- name: save_delivery(id, body)
-- What was told is kept as long as the subscription is there; the id '' is the tenant's own reader.
INSERT INTO delivery (subscription, body) SELECT @text(:id), @text(:body)
WHERE @text(:id) = '' OR EXISTS (SELECT 1 FROM subscription WHERE id = :id)
ON CONFLICT (subscription) DO UPDATE SET body = excluded.body;

-- name: bump_epoch()
-- Tell every process that the list of subscriptions is another one. First in its transaction: the number belongs to the
-- rows that are written after it, and to those of no other transaction.
UPDATE tenant_epoch SET value = value + 1 WHERE kind = 'subscriptions';

-- name: load_epoch()
SELECT value FROM tenant_epoch WHERE kind = 'subscriptions';

-- name: log_head()
-- The place in the change log that a subscription of this transaction begins behind: whatever is committed after it
-- lies behind that place. On PostgreSQL a transaction that is still running may have a smaller number than one that
-- has ended, so that the place lies before the oldest that runs.
-- only: sqlite
SELECT 0, coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'change';
-- end
-- only: postgres
SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint - 1, 9223372036854775807;
-- end
