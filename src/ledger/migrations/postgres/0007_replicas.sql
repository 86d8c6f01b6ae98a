-- Work that one replica at a time does, and until when it is whose.
CREATE TABLE leases (
    name TEXT COLLATE "C" PRIMARY KEY,
    -- The replica's id.
    holder TEXT COLLATE "C" NOT NULL,
    -- Microseconds, by the server's clock.
    until BIGINT NOT NULL,
    -- One more with each change of hands.
    fence BIGINT NOT NULL
);

-- The processes that serve this ledger, as each last told of itself.
CREATE TABLE replicas (
    id TEXT COLLATE "C" PRIMARY KEY,
    name TEXT NOT NULL,
    version TEXT NOT NULL,
    -- Microseconds, by the replica's clock.
    started BIGINT NOT NULL,
    -- Microseconds, by the server's clock.
    seen BIGINT NOT NULL,
    -- The newest change in its memory.
    change BIGINT NOT NULL
);
