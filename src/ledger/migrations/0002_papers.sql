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
