-- How far the sources of notices were read: what was read is told, or waits below.
CREATE TABLE notice_cursors (
    source TEXT COLLATE "C" PRIMARY KEY,
    position BIGINT NOT NULL
);

-- What was told once, and is no news for a while.
CREATE TABLE notice_told (
    what TEXT COLLATE "C" PRIMARY KEY,
    at BIGINT NOT NULL
);
CREATE INDEX notice_told_by_time ON notice_told (at);

-- One message for each target, kind and environment: what it gathers until it is sent,
-- however much that is. Sent, the row stays with a count of 0, and says when.
CREATE TABLE notices (
    target TEXT COLLATE "C" NOT NULL,
    kind TEXT COLLATE "C" NOT NULL,
    environment TEXT COLLATE "C" NOT NULL,
    count BIGINT NOT NULL,
    samples TEXT NOT NULL,
    opened_at BIGINT NOT NULL,
    due_at BIGINT NOT NULL,
    attempts BIGINT NOT NULL,
    sent_at BIGINT,
    -- Counts the writes: of two processes one is the first.
    version BIGINT NOT NULL,
    PRIMARY KEY (target, kind, environment)
);
