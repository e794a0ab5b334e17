-- What an accepted message did to earlier ones: its originator accepted their conditions (`acceptance`, C8-24, C1-14), or
-- called them back (`recall`, CZ-27), which counts if it was the provider.
CREATE TABLE effect (
    sha256     bytea NOT NULL,
    kind       text NOT NULL,
    originator text NOT NULL,
    log        smallint NOT NULL,
    leaf       bigint NOT NULL,
    PRIMARY KEY (sha256, kind, originator)
);

-- Writes the effects of a batch into a row list of its own, and everything else as before.
ALTER FUNCTION commit_rare(smallint, jsonb) RENAME TO commit_statements;
CREATE FUNCTION commit_rare(p_log smallint, p_rare jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM commit_statements(p_log, p_rare);
    INSERT INTO effect (sha256, kind, originator, log, leaf)
        SELECT decode(r.sha256, 'hex'), r.kind, r.originator, p_log, r.leaf
        FROM jsonb_to_recordset(coalesce(p_rare -> 'effects', '[]')) AS r (sha256 text, kind text, originator text, leaf bigint)
        ORDER BY 1, 2, 3
        ON CONFLICT DO NOTHING;
END
$$;
