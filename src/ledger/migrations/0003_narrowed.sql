-- Revocations of a token that speaks for some repositories hold in those alone: a
-- JSON list of globs over host/name, empty for every repository.
ALTER TABLE revocations ADD COLUMN repositories TEXT NOT NULL DEFAULT '[]';
