-- The order in which decisions were written: who follows them goes on behind the last
-- that it has. One row: the newest position.
CREATE TABLE feed (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    position INTEGER NOT NULL
) STRICT;
INSERT INTO feed (one, position) SELECT 1, count(*) FROM decisions;

-- A decision whose count grew is written again, and stands behind the others.
ALTER TABLE decisions ADD COLUMN position INTEGER NOT NULL DEFAULT 0;
UPDATE decisions SET position = ordered.position
FROM (SELECT id, row_number() OVER (ORDER BY time, id) AS position FROM decisions) AS ordered
WHERE ordered.id = decisions.id;
CREATE INDEX decisions_by_position ON decisions (position);
