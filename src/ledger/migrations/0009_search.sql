-- Which findings name an id, so that a search reads those alone. `names`: all ids of the
-- finding as a JSON list, empty where the id is its only one.
CREATE TABLE found_vulnerabilities (
    id TEXT NOT NULL COLLATE NOCASE,
    scan INTEGER NOT NULL REFERENCES scans (id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    names TEXT NOT NULL,
    PRIMARY KEY (id, scan, ordinal)
) STRICT, WITHOUT ROWID;

CREATE TEMP TABLE named_scans AS SELECT DISTINCT scan FROM vulnerabilities;
INSERT INTO found_vulnerabilities (id, scan, ordinal, names)
SELECT body ->> '$.id', scan, ordinal,
    CASE coalesce(json_array_length(body, '$.aliases'), 0) WHEN 0 THEN ''
    ELSE json_insert(body -> '$.aliases', '$[#]', body ->> '$.id') END
FROM findings WHERE scan IN (SELECT scan FROM named_scans)
UNION ALL
SELECT alias.value, scan, ordinal, json_insert(body -> '$.aliases', '$[#]', body ->> '$.id')
FROM findings, json_each(findings.body, '$.aliases') AS alias
WHERE scan IN (SELECT scan FROM named_scans)
ON CONFLICT DO NOTHING;
DROP TABLE named_scans;
DROP TABLE vulnerabilities;
ALTER TABLE found_vulnerabilities RENAME TO vulnerabilities;

-- How far a scan covers an image: when it was made, whether it left nothing out, and
-- whether it lists packages without a finding.
ALTER TABLE scans ADD COLUMN scanned_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE scans ADD COLUMN is_whole INTEGER NOT NULL DEFAULT 0;
ALTER TABLE scans ADD COLUMN lists_packages INTEGER NOT NULL DEFAULT 0;
UPDATE scans SET
    scanned_at = CAST(1000 * unixepoch(body ->> '$.scanned_at', 'subsec') AS INTEGER) * 1000,
    is_whole = json_array_length(body, '$.incomplete') = 0,
    lists_packages = (SELECT count(*) FROM packages WHERE scan = scans.id) >
        (SELECT count(DISTINCT (body ->> '$.package') || ' ' || (body ->> '$.installed'))
         FROM findings WHERE scan = scans.id);
CREATE INDEX scans_by_coverage
    ON scans (manifest, scanned_at, lists_packages, is_whole, withdrawn_at)
    WHERE withdrawn_at IS NULL AND is_whole = 1;
