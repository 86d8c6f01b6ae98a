-- Packages are found by what all spellings of a name have in common; ledger/package_key.rs.
-- The indexes over the names stay: a replica of the version before asks by them.
CREATE INDEX packages_by_key ON packages USING hash (lower(regexp_replace(right(body::jsonb #>> '{name}', 64), '^.*[/:]|[-_.]', '', 'g') COLLATE "C"));
CREATE INDEX findings_by_package_key ON findings USING hash (lower(regexp_replace(right(body::jsonb #>> '{package}', 64), '^.*[/:]|[-_.]', '', 'g') COLLATE "C"));
