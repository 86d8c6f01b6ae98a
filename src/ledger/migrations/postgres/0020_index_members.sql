-- What recorded indexes name: so the indexes above one manifest are found before memory is
-- loaded. Derived from `closures` by the database itself, whatever program writes those.
CREATE TABLE index_members (
    digest TEXT COLLATE "C" NOT NULL,
    repository TEXT COLLATE "C" NOT NULL,
    root TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (digest, repository, root)
);

CREATE FUNCTION members_of_index(body jsonb) RETURNS SETOF text LANGUAGE sql IMMUTABLE AS $$
    SELECT member #>> '{descriptor,digest}'
    FROM jsonb_array_elements(coalesce(body #> '{shape,index}', '[]')) AS member
    UNION
    SELECT member ->> 'digest'
    FROM jsonb_array_elements(coalesce(body -> 'nested', '[]')) AS member
$$;

INSERT INTO index_members (digest, repository, root)
SELECT digest, repository, root FROM closures, members_of_index(body::jsonb) AS digest;

CREATE FUNCTION note_index_members() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO index_members (digest, repository, root)
    SELECT digest, NEW.repository, NEW.root
    FROM members_of_index(NEW.body::jsonb) AS digest
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;

CREATE TRIGGER members_of_closures AFTER INSERT OR UPDATE OF body ON closures
    FOR EACH ROW EXECUTE FUNCTION note_index_members();
