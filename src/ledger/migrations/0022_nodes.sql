-- What runs on nodes, as their agents tell it. A new row is news: what runs there changed.
CREATE TABLE nodes (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    environment TEXT NOT NULL,
    node TEXT NOT NULL,
    principal TEXT NOT NULL,
    seen INTEGER NOT NULL,
    body TEXT NOT NULL,
    UNIQUE (environment, node)
) STRICT;
