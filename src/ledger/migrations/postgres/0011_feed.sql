-- The order in which decisions were written. One row: the newest position.
CREATE TABLE feed (
    one BIGINT PRIMARY KEY CHECK (one = 1),
    position BIGINT NOT NULL
);
INSERT INTO feed (one, position) SELECT 1, count(*) FROM decisions;

ALTER TABLE decisions ADD COLUMN position BIGINT NOT NULL DEFAULT 0;
UPDATE decisions SET position = ordered.position
FROM (SELECT id, row_number() OVER (ORDER BY time, id) AS position FROM decisions) AS ordered
WHERE ordered.id = decisions.id;
CREATE INDEX decisions_by_position ON decisions (position);
