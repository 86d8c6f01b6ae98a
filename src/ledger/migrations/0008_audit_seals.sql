-- Where each audit log ended when that was last noted: a log whose end was cut off, or that
-- was written anew, does not reach it, or reaches it by another line.
CREATE TABLE audit_seals (
    -- The random name that a log's chain has.
    log TEXT PRIMARY KEY NOT NULL,
    -- Lines of the chain.
    line INTEGER NOT NULL,
    -- SHA-256 of the last one, in hex.
    hash TEXT NOT NULL,
    -- When, in microseconds.
    at INTEGER NOT NULL
) STRICT;
