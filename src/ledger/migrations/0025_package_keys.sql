-- Packages are found by what all spellings of a name have in common; ledger/package_key.rs.
DROP INDEX packages_by_name;
DROP INDEX findings_by_package;
CREATE INDEX packages_by_key ON packages (lower(replace(replace(replace(substr(body ->> '$.name', length(rtrim(body ->> '$.name', replace(replace(body ->> '$.name', '/', ''), ':', ''))) + 1), '-', ''), '_', ''), '.', '')));
CREATE INDEX findings_by_package_key ON findings (lower(replace(replace(replace(substr(body ->> '$.package', length(rtrim(body ->> '$.package', replace(replace(body ->> '$.package', '/', ''), ':', ''))) + 1), '-', ''), '_', ''), '.', '')));
