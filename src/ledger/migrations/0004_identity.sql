-- Which ledger this is. One row: a copy has the same id, and the sequence of `changes`
-- says which of two copies is the newer one.
CREATE TABLE identity (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    -- 32 hexadecimal characters. A ledger that lost changes, and goes on, gets another one.
    id TEXT NOT NULL,
    -- Bytes that are written to see whether there is room.
    probe BLOB NOT NULL DEFAULT x''
) STRICT;
INSERT INTO identity (one, id) VALUES (1, lower(hex(randomblob(16))));
