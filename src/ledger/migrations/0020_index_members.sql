-- What recorded indexes name: so the indexes above one manifest are found before memory is
-- loaded. Derived from `closures` by the database itself, whatever program writes those.
CREATE TABLE index_members (
    digest TEXT NOT NULL,
    repository TEXT NOT NULL,
    root TEXT NOT NULL,
    PRIMARY KEY (digest, repository, root)
) STRICT, WITHOUT ROWID;

INSERT INTO index_members (digest, repository, root)
SELECT member.value ->> '$.descriptor.digest', closures.repository, closures.root
FROM closures, json_each(closures.body, '$.shape.index') AS member
UNION
SELECT member.value ->> '$.digest', closures.repository, closures.root
FROM closures, json_each(closures.body, '$.nested') AS member;

CREATE TRIGGER members_of_new_closures AFTER INSERT ON closures BEGIN
    INSERT INTO index_members (digest, repository, root)
    SELECT member.value ->> '$.descriptor.digest', NEW.repository, NEW.root
    FROM json_each(NEW.body, '$.shape.index') AS member WHERE TRUE
    ON CONFLICT DO NOTHING;
    INSERT INTO index_members (digest, repository, root)
    SELECT member.value ->> '$.digest', NEW.repository, NEW.root
    FROM json_each(NEW.body, '$.nested') AS member WHERE TRUE
    ON CONFLICT DO NOTHING;
END;

CREATE TRIGGER members_of_changed_closures AFTER UPDATE OF body ON closures BEGIN
    INSERT INTO index_members (digest, repository, root)
    SELECT member.value ->> '$.descriptor.digest', NEW.repository, NEW.root
    FROM json_each(NEW.body, '$.shape.index') AS member WHERE TRUE
    ON CONFLICT DO NOTHING;
    INSERT INTO index_members (digest, repository, root)
    SELECT member.value ->> '$.digest', NEW.repository, NEW.root
    FROM json_each(NEW.body, '$.nested') AS member WHERE TRUE
    ON CONFLICT DO NOTHING;
END;
