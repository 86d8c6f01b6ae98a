-- When the upstream of an image was last seen to hold it, and when it was seen not to: what
-- it vouches for must not come back with the next start.
ALTER TABLE facts ADD COLUMN held_at INTEGER;
ALTER TABLE facts ADD COLUMN gone_at INTEGER;
