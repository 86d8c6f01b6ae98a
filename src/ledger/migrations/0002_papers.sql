-- Leave that people took for hours, under a ticket.
CREATE TABLE break_glass (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    environment TEXT NOT NULL,
    digest TEXT NOT NULL,
    ticket TEXT NOT NULL,
    reason TEXT NOT NULL,
    granted_by TEXT NOT NULL,
    granted_at INTEGER NOT NULL,
    until INTEGER NOT NULL,
    lifts_revocation INTEGER NOT NULL,
    withdrawn_at INTEGER
) STRICT;
CREATE INDEX break_glass_by_digest ON break_glass (digest) WHERE withdrawn_at IS NULL;

-- The last one that was set for an environment holds, until its time is over.
CREATE TABLE modes (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    environment TEXT NOT NULL,
    mode TEXT NOT NULL,
    ticket TEXT NOT NULL,
    set_by TEXT NOT NULL,
    set_at INTEGER NOT NULL,
    until INTEGER NOT NULL,
    withdrawn_at INTEGER
) STRICT;
CREATE INDEX modes_by_environment ON modes (environment, id) WHERE withdrawn_at IS NULL;

-- Packages of an image, as a scan lists them.
CREATE TABLE packages (
    scan INTEGER NOT NULL REFERENCES scans (id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (scan, ordinal)
) STRICT, WITHOUT ROWID;

-- When each submitter first named a finding of a manifest: the finding without
-- its fix, status and source, which change nothing in how it is weighed. What a
-- stolen token named goes with its scans, and leaves what others named.
CREATE TABLE first_named (
    manifest TEXT NOT NULL,
    submitter TEXT NOT NULL,
    scope TEXT NOT NULL,
    finding TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    PRIMARY KEY (manifest, submitter, scope, finding)
) STRICT, WITHOUT ROWID;

-- Ids and aliases that the scans name which nothing has replaced.
CREATE TABLE vulnerabilities (
    id TEXT NOT NULL COLLATE NOCASE,
    scan INTEGER NOT NULL REFERENCES scans (id) ON DELETE CASCADE,
    PRIMARY KEY (id, scan)
) STRICT, WITHOUT ROWID;

INSERT INTO first_named (manifest, submitter, scope, finding, received_at)
SELECT scans.manifest, scans.submitter, scans.body -> '$.scope',
    json_set(findings.body, '$.fixed', NULL, '$.severity_source', NULL, '$.status', NULL),
    min(CAST(1000 * unixepoch(scans.body ->> '$.received_at', 'subsec') AS INTEGER) * 1000)
FROM scans JOIN findings ON findings.scan = scans.id
WHERE scans.withdrawn_at IS NULL
GROUP BY 1, 2, 3, 4;

CREATE TEMP TABLE standing AS
SELECT id FROM (
    SELECT id, row_number() OVER (
        PARTITION BY manifest, submitter, body ->> '$.tool.name', body -> '$.scope'
        ORDER BY unixepoch(body ->> '$.scanned_at', 'subsec') DESC, id DESC
    ) AS place
    FROM scans WHERE withdrawn_at IS NULL
) WHERE place = 1;
INSERT INTO vulnerabilities (id, scan)
SELECT body ->> '$.id', scan FROM findings WHERE scan IN (SELECT id FROM standing)
UNION
SELECT alias.value, scan FROM findings, json_each(findings.body, '$.aliases') AS alias
WHERE scan IN (SELECT id FROM standing)
ON CONFLICT DO NOTHING;
DROP TABLE standing;

-- How bad a report is, exceptions and advisories say; `first_named` says since when.
ALTER TABLE scans DROP COLUMN worst;
ALTER TABLE scans DROP COLUMN unrated;
-- When what was scanned before the push was bound to the manifest.
ALTER TABLE scans ADD COLUMN bound_at INTEGER;

-- Scans of images that no registry had yet, by image ID. In tables of their own:
-- the digest of a config never passes for one of a manifest.
CREATE TABLE unbound_scans (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    image_id TEXT NOT NULL,
    submitter TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    body TEXT NOT NULL,
    withdrawn_at INTEGER
) STRICT;
CREATE INDEX unbound_scans_by_image ON unbound_scans (image_id, submitter)
    WHERE withdrawn_at IS NULL;
CREATE UNIQUE INDEX unbound_scans_by_fingerprint ON unbound_scans (fingerprint)
    WHERE withdrawn_at IS NULL;

CREATE TABLE unbound_findings (
    scan INTEGER NOT NULL REFERENCES unbound_scans (id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (scan, ordinal)
) STRICT, WITHOUT ROWID;

CREATE TABLE unbound_packages (
    scan INTEGER NOT NULL REFERENCES unbound_scans (id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (scan, ordinal)
) STRICT, WITHOUT ROWID;

CREATE INDEX facts_by_pull ON facts (last_pulled) WHERE last_pulled IS NOT NULL;
