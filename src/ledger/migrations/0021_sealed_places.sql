-- Machine and file of an audit log, by which the logs of replicas are told apart.
ALTER TABLE audit_seals ADD COLUMN place TEXT;
-- Until then no retention removes what the log has, in microseconds; NULL: none ever does.
ALTER TABLE audit_seals ADD COLUMN kept_until INTEGER;
