-- Images in use that would be denied now, found by judging them again: since when, and
-- for what. A new row is news, also of an image that was there and runs by now.
CREATE TABLE standings (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    environment TEXT NOT NULL,
    repository TEXT NOT NULL,
    digest TEXT NOT NULL,
    reason TEXT NOT NULL,
    detail TEXT NOT NULL,
    next_step TEXT NOT NULL,
    is_running INTEGER NOT NULL,
    since INTEGER NOT NULL,
    UNIQUE (environment, repository, digest)
) STRICT;
