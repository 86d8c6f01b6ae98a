-- Work that one replica at a time does, and until when it is whose.
CREATE TABLE leases (
    name TEXT PRIMARY KEY,
    -- The replica's id.
    holder TEXT NOT NULL,
    -- Microseconds.
    until INTEGER NOT NULL,
    -- One more with each change of hands.
    fence INTEGER NOT NULL
) STRICT;

-- The processes that serve this ledger, as each last told of itself.
CREATE TABLE replicas (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    -- Microseconds.
    started INTEGER NOT NULL,
    seen INTEGER NOT NULL,
    -- The newest change in its memory.
    change INTEGER NOT NULL
) STRICT;
