-- Packages are found by what they were built from, too; ledger/reported.rs.
CREATE INDEX packages_by_source_key ON packages USING hash (lower(regexp_replace(right(body::jsonb #>> '{source,name}', 64), '^.*[/:]|[-_.]', '', 'g') COLLATE "C"));
CREATE INDEX findings_by_source_key ON findings USING hash (lower(regexp_replace(right(body::jsonb #>> '{source,name}', 64), '^.*[/:]|[-_.]', '', 'g') COLLATE "C"));
