-- When each subscription was written last, as the number of tenant_epoch: a reader takes up what has changed since it
-- looked, and not all ten thousand.

-- only: sqlite
ALTER TABLE subscription ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;
-- end
-- only: postgres
ALTER TABLE subscription ADD COLUMN changed bigint NOT NULL DEFAULT 0;
-- end
CREATE INDEX subscription_changed ON subscription (changed);
