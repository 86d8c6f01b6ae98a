-- Times are microseconds since 1970, UTC. Digests, repositories and names are
-- written as people write them; bodies are JSON.

-- Every write of evidence appends here in its own transaction; readers follow
-- `seq`. Rows may be pruned: who then misses one reads everything anew.
CREATE TABLE changes (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    at INTEGER
) STRICT;

CREATE TABLE scans (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    manifest TEXT NOT NULL,
    submitter TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    -- The worst rated finding, and whether some are not rated.
    worst TEXT,
    unrated INTEGER NOT NULL,
    body TEXT NOT NULL,
    withdrawn_at INTEGER
) STRICT;
CREATE INDEX scans_by_manifest ON scans (manifest) WHERE withdrawn_at IS NULL;
CREATE INDEX scans_by_submitter ON scans (submitter) WHERE withdrawn_at IS NULL;
CREATE UNIQUE INDEX scans_by_fingerprint ON scans (fingerprint) WHERE withdrawn_at IS NULL;

CREATE TABLE findings (
    scan INTEGER NOT NULL REFERENCES scans (id) ON DELETE CASCADE,
    ordinal INTEGER NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (scan, ordinal)
) STRICT, WITHOUT ROWID;

CREATE TABLE promotions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    environment TEXT NOT NULL,
    repository TEXT NOT NULL,
    digest TEXT NOT NULL,
    tag TEXT,
    promoter TEXT NOT NULL,
    promoted_at INTEGER NOT NULL,
    reason TEXT,
    link TEXT,
    forced INTEGER NOT NULL,
    withdrawn_at INTEGER
) STRICT;
CREATE INDEX promotions_by_digest ON promotions (digest, environment) WHERE withdrawn_at IS NULL;
CREATE INDEX promotions_by_tag ON promotions (environment, repository, tag)
    WHERE withdrawn_at IS NULL AND tag IS NOT NULL;
CREATE INDEX promotions_by_promoter ON promotions (promoter) WHERE withdrawn_at IS NULL;

CREATE TABLE revocations (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    digest TEXT NOT NULL,
    environment TEXT,
    revoker TEXT NOT NULL,
    revoked_at INTEGER NOT NULL,
    reason TEXT NOT NULL,
    reinstated_at INTEGER,
    reinstated_by TEXT,
    reinstated_reason TEXT
) STRICT;
CREATE INDEX revocations_by_digest ON revocations (digest) WHERE reinstated_at IS NULL;

CREATE TABLE closures (
    repository TEXT NOT NULL,
    root TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (repository, root)
) STRICT;

CREATE TABLE aliases (
    sha256 TEXT PRIMARY KEY,
    sha512 TEXT NOT NULL UNIQUE
) STRICT, WITHOUT ROWID;

CREATE TABLE facts (
    environment TEXT NOT NULL,
    repository TEXT NOT NULL,
    digest TEXT NOT NULL,
    first_seen INTEGER NOT NULL,
    first_served INTEGER,
    last_pulled INTEGER,
    PRIMARY KEY (digest, repository, environment)
) STRICT, WITHOUT ROWID;

CREATE TABLE decisions (
    id TEXT PRIMARY KEY,
    time INTEGER NOT NULL,
    environment TEXT NOT NULL,
    verdict TEXT NOT NULL,
    count INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;
CREATE INDEX decisions_by_time ON decisions (time);

CREATE TABLE tokens (
    name TEXT PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    role TEXT NOT NULL,
    scope TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER,
    revoked_at INTEGER
) STRICT;
