-- Which findings name an id, so that a search reads those alone. `names`: all ids of the
-- finding as a JSON list, empty where the id is its only one.
CREATE TEMP TABLE named_scans ON COMMIT DROP AS SELECT DISTINCT scan FROM vulnerabilities;
DROP TABLE vulnerabilities;
CREATE TABLE vulnerabilities (
    id TEXT COLLATE "C" NOT NULL,
    scan BIGINT NOT NULL REFERENCES scans (id) ON DELETE CASCADE,
    ordinal BIGINT NOT NULL,
    names TEXT NOT NULL,
    PRIMARY KEY (id, scan, ordinal)
);
INSERT INTO vulnerabilities (id, scan, ordinal, names)
SELECT lower((body::jsonb ->> 'id') COLLATE "C"), scan, ordinal,
    CASE jsonb_array_length(body::jsonb -> 'aliases') WHEN 0 THEN ''
    ELSE ((body::jsonb -> 'aliases') || (body::jsonb -> 'id'))::text END
FROM findings WHERE scan IN (SELECT scan FROM named_scans)
UNION ALL
SELECT lower(alias COLLATE "C"), scan, ordinal,
    ((body::jsonb -> 'aliases') || (body::jsonb -> 'id'))::text
FROM findings, jsonb_array_elements_text(body::jsonb -> 'aliases') AS alias
WHERE scan IN (SELECT scan FROM named_scans)
ON CONFLICT DO NOTHING;
CREATE INDEX vulnerabilities_by_scan ON vulnerabilities (scan);

-- How far a scan covers an image: when it was made, whether it left nothing out, and
-- whether it lists packages without a finding.
ALTER TABLE scans ADD COLUMN scanned_at BIGINT NOT NULL DEFAULT 0;
ALTER TABLE scans ADD COLUMN is_whole BIGINT NOT NULL DEFAULT 0;
ALTER TABLE scans ADD COLUMN lists_packages BIGINT NOT NULL DEFAULT 0;
UPDATE scans SET
    scanned_at = 1000000 * extract(epoch FROM (body::jsonb ->> 'scanned_at')::timestamptz)::bigint,
    is_whole = CASE WHEN body::jsonb -> 'incomplete' = '[]' THEN 1 ELSE 0 END,
    lists_packages = CASE WHEN (SELECT count(*) FROM packages WHERE scan = scans.id) >
        (SELECT count(DISTINCT (body::jsonb ->> 'package') || ' ' || (body::jsonb ->> 'installed'))
         FROM findings WHERE scan = scans.id) THEN 1 ELSE 0 END;
CREATE INDEX scans_by_coverage
    ON scans (manifest, scanned_at, lists_packages, is_whole, withdrawn_at)
    WHERE withdrawn_at IS NULL AND is_whole = 1;
