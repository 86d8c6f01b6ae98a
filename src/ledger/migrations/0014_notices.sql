-- How far the sources of notices were read: what was read is told, or waits below.
CREATE TABLE notice_cursors (
    source TEXT PRIMARY KEY,
    position INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- What was told once, and is no news for a while.
CREATE TABLE notice_told (
    what TEXT PRIMARY KEY,
    at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX notice_told_by_time ON notice_told (at);

-- One message for each target, kind and environment: what it gathers until it is sent,
-- however much that is. Sent, the row stays with a count of 0, and says when.
CREATE TABLE notices (
    target TEXT NOT NULL,
    kind TEXT NOT NULL,
    environment TEXT NOT NULL,
    count INTEGER NOT NULL,
    samples TEXT NOT NULL,
    opened_at INTEGER NOT NULL,
    due_at INTEGER NOT NULL,
    attempts INTEGER NOT NULL,
    sent_at INTEGER,
    -- Counts the writes: of two processes one is the first.
    version INTEGER NOT NULL,
    PRIMARY KEY (target, kind, environment)
) STRICT, WITHOUT ROWID;
