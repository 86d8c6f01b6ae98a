-- What people and pipelines did, written with what it tells of.
CREATE TABLE acts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    time INTEGER NOT NULL,
    act TEXT NOT NULL,
    principal TEXT NOT NULL,
    environment TEXT,
    -- The change of evidence that it made, or after which it was.
    change INTEGER NOT NULL,
    body TEXT NOT NULL
) STRICT;

-- The newest act that the audit log has.
ALTER TABLE identity ADD COLUMN logged_act INTEGER NOT NULL DEFAULT 0;
