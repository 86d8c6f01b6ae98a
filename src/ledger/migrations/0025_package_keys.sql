-- Packages are found by what all spellings of a name have in common; ledger/package_key.rs.
DROP INDEX packages_by_name;
DROP INDEX findings_by_package;
CREATE INDEX packages_by_key ON packages (lower(replace(replace(replace(substr(substr(body ->> '$.name', -64), length(rtrim(substr(body ->> '$.name', -64), replace(replace(substr(body ->> '$.name', -64), '/', ''), ':', ''))) + 1), '-', ''), '_', ''), '.', '')));
CREATE INDEX findings_by_package_key ON findings (lower(replace(replace(replace(substr(substr(body ->> '$.package', -64), length(rtrim(substr(body ->> '$.package', -64), replace(replace(substr(body ->> '$.package', -64), '/', ''), ':', ''))) + 1), '-', ''), '_', ''), '.', '')));
