-- What writes the tables of step 1: one call a batch, and the functions that it calls.

-- One batch, in one round trip and one transaction. What the gateway assumed when it made the batch is checked here, under
-- locks; where an assumption does not hold (AC001) nothing is written, and the gateway looks again. AC002: another process
-- has the ledger. AC003: the ledger is not where its gateway left it. A batch that is there already only repeats its answer:
-- the first evidence number of each originator, then one or zero for each attempt.
CREATE FUNCTION commit_batch(
    p_log smallint, p_token bigint, p_batch bigint, p_size bigint, p_alive_s float8, p_lease_s float8,
    p_salts bytea[], p_records bytea[], p_objects bytea[], p_signatures bytea[], p_root bytea, p_note bytea,
    tile_levels smallint[], tile_numbers bigint[], tile_hashes bytea[],
    m_originators text[], m_ids bytea[], m_leaves bigint[], m_digests bytea[], m_permitted boolean[], m_at bigint[],
    b_leaves bigint[], b_ciphertexts bytea[], b_wraps bytea[],
    d_leaves bigint[], d_recipients text[], d_positions smallint[], d_urgencies smallint[], d_at bigint[],
    d_expires bigint[], d_leased boolean[],
    t_logs smallint[], t_leaves bigint[], t_recipients text[], t_leases bigint[], c_attempts integer[], c_consents bytea[],
    k_recipients text[], k_digests bytea[], k_leaves bigint[], k_at bigint[],
    e_logs smallint[], e_leaves bigint[], e_recipients text[], e_outcomes text[], e_said bigint[],
    l_logs smallint[], l_leaves bigint[], l_recipients text[], l_statuses text[], l_said bigint[],
    o_names text[], o_counts bigint[],
    v_originators text[], v_offsets bigint[], v_logs smallint[], v_leaves bigint[], v_recipients text[],
    v_outcomes text[], v_said bigint[], v_positions integer[],
    p_rare jsonb
) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
    head record;
    bases bigint[] := '{}';
    booked bigint[] := '{}';
    counted bigint;
    until timestamptz := clock_timestamp() + make_interval(secs => p_lease_s);
BEGIN
    -- No default of a role or database may make a commit less durable than it says.
    IF current_setting('synchronous_commit') NOT IN ('on', 'remote_apply') THEN
        PERFORM set_config('synchronous_commit', 'on', true);
    END IF;

    SELECT size, batch, token, answer INTO head FROM log WHERE number = p_log FOR UPDATE;
    IF NOT FOUND OR head.token <> p_token THEN
        RAISE EXCEPTION 'the ledger was opened by another process' USING ERRCODE = 'AC002';
    END IF;
    IF head.batch = p_batch THEN
        RETURN head.answer;
    END IF;
    IF head.batch <> p_batch - 1 OR head.size <> p_size THEN
        RAISE EXCEPTION 'the ledger has % entries after batch %', head.size, head.batch USING ERRCODE = 'AC003';
    END IF;

    IF cardinality(m_ids) > 0 THEN
        INSERT INTO message (originator, id, log, leaf, header_sha256, permitted, at_ms)
            SELECT r.originator, r.id, p_log, r.leaf, r.digest, r.permitted, r.at_ms
            FROM unnest(m_originators, m_ids, m_leaves, m_digests, m_permitted, m_at)
                AS r (originator, id, leaf, digest, permitted, at_ms)
            ORDER BY 1, 2
            ON CONFLICT DO NOTHING;
        GET DIAGNOSTICS counted = ROW_COUNT;
        IF counted <> cardinality(m_ids) THEN
            RAISE EXCEPTION 'an id is taken' USING ERRCODE = 'AC001';
        END IF;
    END IF;
    IF cardinality(b_leaves) > 0 THEN
        INSERT INTO body (log, leaf, ciphertext, wraps)
            SELECT p_log, r.* FROM unnest(b_leaves, b_ciphertexts, b_wraps) AS r;
        INSERT INTO delivery (log, leaf, recipient, position, urgency, at_ms, expires_at_ms, attempts, lease, holder, leased_until)
            SELECT p_log, r.leaf, r.recipient, r.place, r.urgency, r.at_ms, r.expires, 0, 0,
                CASE WHEN r.leased THEN p_log END, CASE WHEN r.leased THEN until END
            FROM unnest(d_leaves, d_recipients, d_positions, d_urgencies, d_at, d_expires, d_leased)
                AS r (leaf, recipient, place, urgency, at_ms, expires, leased);
    END IF;

    IF p_rare IS NOT NULL THEN
        PERFORM commit_rare(p_log, p_rare);
    END IF;

    IF cardinality(t_leaves) > 0 THEN
        booked := book_attempts(p_log, until, t_logs, t_leaves, t_recipients, t_leases, c_attempts, c_consents);
    END IF;
    IF p_rare IS NOT NULL THEN
        PERFORM commit_revocations(p_log, p_rare);
    END IF;

    IF cardinality(k_leaves) > 0 THEN
        INSERT INTO acknowledgement (recipient, sha256, log, leaf, at_ms)
            SELECT r.recipient, r.digest, p_log, r.leaf, r.at_ms
            FROM unnest(k_recipients, k_digests, k_leaves, k_at) AS r (recipient, digest, leaf, at_ms)
            ORDER BY 1, 2
            ON CONFLICT DO NOTHING;
        GET DIAGNOSTICS counted = ROW_COUNT;
        IF counted <> cardinality(k_leaves) THEN
            RAISE EXCEPTION 'an acknowledgement is known' USING ERRCODE = 'AC001';
        END IF;
    END IF;
    IF cardinality(e_leaves) > 0 THEN
        PERFORM end_deliveries(p_log, e_logs, e_leaves, e_recipients, e_outcomes, e_said);
    END IF;
    IF cardinality(l_leaves) > 0 THEN
        INSERT INTO later (log, leaf, recipient, status, said_log, said_leaf)
            SELECT r.log, r.leaf, r.recipient, r.status, p_log, r.said
            FROM unnest(l_logs, l_leaves, l_recipients, l_statuses, l_said) AS r (log, leaf, recipient, status, said)
            ORDER BY 1, 2, 3, 4
            ON CONFLICT DO NOTHING;
        GET DIAGNOSTICS counted = ROW_COUNT;
        IF counted <> cardinality(l_leaves) THEN
            RAISE EXCEPTION 'a recipient has said so already' USING ERRCODE = 'AC001';
        END IF;
    END IF;
    IF cardinality(o_names) > 0 THEN
        -- `o_names` are sorted: two gateways that concern the same originators wait in line, not for each other.
        WITH told AS (
            INSERT INTO originator AS o (name, sequence)
                SELECT r.name, r.many FROM unnest(o_names, o_counts) AS r (name, many)
                ON CONFLICT (name) DO UPDATE SET sequence = o.sequence + excluded.sequence
                RETURNING name, sequence
        )
        SELECT array_agg(told.sequence - r.many + 1 ORDER BY r.place) INTO bases
            FROM unnest(o_names, o_counts) WITH ORDINALITY AS r (name, many, place) JOIN told USING (name);
        INSERT INTO evidence (originator, sequence, log, leaf, recipient, outcome, said_log, said_leaf, position)
            SELECT r.originator, bases[array_position(o_names, r.originator)] + r.afterwards, r.log, r.leaf, r.recipient,
                r.outcome, p_log, r.said, r.place
            FROM unnest(v_originators, v_offsets, v_logs, v_leaves, v_recipients, v_outcomes, v_said, v_positions)
                AS r (originator, afterwards, log, leaf, recipient, outcome, said, place);
    END IF;

    IF cardinality(p_records) > 0 THEN
        INSERT INTO entry (log, leaf, salt, record, object, signatures)
            SELECT p_log, p_size + r.place - 1, r.salt, r.record, r.object, r.signatures
            FROM unnest(p_salts, p_records, p_objects, p_signatures) WITH ORDINALITY
                AS r (salt, record, object, signatures, place);
        IF cardinality(tile_levels) > 0 THEN
            INSERT INTO tile (log, level, number, hashes)
                SELECT p_log, r.* FROM unnest(tile_levels, tile_numbers, tile_hashes) AS r;
        END IF;
        -- Drawn when every lock is held: of two batches of which one waited for the other, the later has the higher turn.
        INSERT INTO checkpoint (log, size, root, note, turn)
            VALUES (p_log, p_size + cardinality(p_records), p_root, p_note, nextval('turn'));
    END IF;
    UPDATE log SET size = p_size + cardinality(p_records), root = coalesce(p_root, root), batch = p_batch,
        answer = bases || booked, alive_until = clock_timestamp() + make_interval(secs => p_alive_s)
        WHERE number = p_log;
    RETURN bases || booked;
END
$$;

-- Count attempts and take the leases; what another gateway holds, or is taking at this moment, is skipped.
CREATE FUNCTION book_attempts(
    p_log smallint, p_until timestamptz, t_logs smallint[], t_leaves bigint[], t_recipients text[], t_leases bigint[],
    c_attempts integer[], c_consents bytea[]
) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
    booked bigint[];
    revoked integer[] := '{}';
BEGIN
    IF cardinality(c_attempts) > 0 THEN
        -- Whoever revokes takes the consent's row first: either it sees this attempt, or this attempt sees it.
        PERFORM 1 FROM consent WHERE sha256 = ANY (c_consents) ORDER BY sha256 FOR SHARE;
        SELECT coalesce(array_agg(r.attempt), '{}') INTO revoked
            FROM unnest(c_attempts, c_consents) AS r (attempt, digest)
            JOIN consent AS c ON c.sha256 = r.digest
            JOIN revocation AS v ON v.consent_sha256 = c.sha256 AND v.provider = c.provider;
    END IF;
    WITH wanted AS (
        SELECT r.log, r.leaf, r.recipient, count(*) AS many, array_agg(r.place::integer) AS places, max(r.lease) AS lease
        FROM unnest(t_logs, t_leaves, t_recipients, t_leases) WITH ORDINALITY AS r (log, leaf, recipient, lease, place)
        WHERE NOT (r.place = ANY (revoked))
        GROUP BY 1, 2, 3
    ), free AS MATERIALIZED (
        SELECT d.at, w.many, w.places
        FROM wanted AS w CROSS JOIN LATERAL (
            SELECT x.ctid AS at, x.outcome, x.holder, x.lease, x.leased_until FROM delivery AS x
            WHERE x.log = w.log AND x.leaf = w.leaf AND x.recipient = w.recipient FOR UPDATE SKIP LOCKED
        ) AS d
        WHERE d.outcome IS NULL AND (d.holder = p_log OR d.lease = w.lease AND is_free(d.holder, d.leased_until))
    ), taken AS (
        UPDATE delivery AS d SET attempts = d.attempts + f.many, holder = p_log, leased_until = p_until,
            lease = d.lease + CASE WHEN d.holder = p_log THEN 0 ELSE 1 END
        FROM free AS f WHERE d.ctid = f.at
        RETURNING f.places
    )
    SELECT coalesce(array_agg((r.place = ANY (t.all_places))::integer::bigint ORDER BY r.place), '{}') INTO booked
        FROM unnest(t_leaves) WITH ORDINALITY AS r (leaf, place),
            (SELECT coalesce(array_agg(p), '{}') AS all_places FROM taken, unnest(taken.places) AS p) AS t;
    RETURN booked;
END
$$;

-- Free: never leased, given back, lapsed, or leased to a gateway that has stopped saying that it lives.
CREATE FUNCTION is_free(p_holder smallint, p_until timestamptz) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT p_holder IS NULL OR p_until IS NULL OR p_until <= clock_timestamp()
        OR NOT EXISTS (SELECT 1 FROM log WHERE number = p_holder AND alive_until > clock_timestamp())
$$;

-- End deliveries that are all owed still (else AC001), and destroy the bodies that nobody waits for any more. Every row is
-- found by its key and then by its place (ctid): how many rows PostgreSQL believes to be owed must not decide how it looks.
CREATE FUNCTION end_deliveries(
    p_log smallint, e_logs smallint[], e_leaves bigint[], e_recipients text[], e_outcomes text[], e_said bigint[]
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    counted bigint;
BEGIN
    WITH owed AS MATERIALIZED (
        SELECT d.at, r.outcome, r.said
        FROM (
            SELECT * FROM unnest(e_logs, e_leaves, e_recipients, e_outcomes, e_said) AS u (log, leaf, recipient, outcome, said)
            ORDER BY 1, 2, 3
        ) AS r CROSS JOIN LATERAL (
            SELECT x.ctid AS at, x.outcome FROM delivery AS x
            WHERE x.log = r.log AND x.leaf = r.leaf AND x.recipient = r.recipient FOR UPDATE
        ) AS d
        WHERE d.outcome IS NULL
    )
    UPDATE delivery AS d SET outcome = o.outcome, ended_log = p_log, ended_leaf = o.said, holder = NULL, leased_until = NULL
        FROM owed AS o WHERE d.ctid = o.at;
    GET DIAGNOSTICS counted = ROW_COUNT;
    IF counted <> cardinality(e_leaves) THEN
        RAISE EXCEPTION 'a delivery has ended' USING ERRCODE = 'AC001';
    END IF;
    -- Two gateways that end the last two deliveries of one message at once each see the other's as owed: the lock makes
    -- the second of them look again after the first has committed.
    PERFORM 1 FROM (SELECT DISTINCT * FROM unnest(e_logs, e_leaves) AS u (log, leaf) ORDER BY 1, 2) AS r
        CROSS JOIN LATERAL (SELECT 1 WHERE is_owed(r.log, r.leaf) OFFSET 0) AS waiting
        CROSS JOIN LATERAL (SELECT 1 FROM body AS b WHERE b.log = r.log AND b.leaf = r.leaf FOR UPDATE) AS locked;
    DELETE FROM body WHERE ctid = ANY (ARRAY(
        SELECT b.at FROM (SELECT DISTINCT * FROM unnest(e_logs, e_leaves) AS u (log, leaf)) AS r
            CROSS JOIN LATERAL (
                SELECT x.ctid AS at FROM body AS x WHERE x.log = r.log AND x.leaf = r.leaf OFFSET 0
            ) AS b
            WHERE NOT is_owed(r.log, r.leaf)
    ));
END
$$;

-- Owed: somebody still waits for this message. The comparison keeps the search to the message's own rows.
CREATE FUNCTION is_owed(p_log smallint, p_leaf bigint) RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
BEGIN
    RETURN EXISTS (SELECT 1 FROM delivery WHERE log = p_log AND leaf = p_leaf AND coalesce(outcome, '') = '');
END
$$;

-- What comes rarely, as JSON with digests in hexadecimal: asides, statements, consents, revocations, uses, editions.
CREATE FUNCTION commit_rare(p_log smallint, p_rare jsonb) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    counted bigint;
BEGIN
    INSERT INTO aside (against, sha256, log, leaf, at_ms)
        SELECT r.against, decode(r.sha256, 'hex'), p_log, r.leaf, r.at_ms
        FROM jsonb_to_recordset(p_rare -> 'asides') AS r (against text, sha256 text, leaf bigint, at_ms bigint)
        ORDER BY 1, 2
        ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS counted = ROW_COUNT;
    IF counted <> jsonb_array_length(p_rare -> 'asides') THEN
        RAISE EXCEPTION 'an aside is known' USING ERRCODE = 'AC001';
    END IF;
    INSERT INTO statement (authority, sha256, log, leaf, permitted, at_ms)
        SELECT r.authority, decode(r.sha256, 'hex'), p_log, r.leaf, r.permitted, r.at_ms
        FROM jsonb_to_recordset(p_rare -> 'statements')
            AS r (authority text, sha256 text, leaf bigint, permitted boolean, at_ms bigint)
        ORDER BY 1, 2
        ON CONFLICT DO NOTHING;
    GET DIAGNOSTICS counted = ROW_COUNT;
    IF counted <> jsonb_array_length(p_rare -> 'statements') THEN
        RAISE EXCEPTION 'a statement is known' USING ERRCODE = 'AC001';
    END IF;
    INSERT INTO consent (sha256, provider, log, leaf, uses)
        SELECT decode(r.sha256, 'hex'), r.provider, p_log, r.leaf, 0
        FROM jsonb_to_recordset(p_rare -> 'consents') AS r (sha256 text, provider text, leaf bigint);
    -- Uses were judged against what was seen: as many before, and as revoked or not.
    PERFORM 1 FROM consent AS c
        JOIN jsonb_to_recordset(p_rare -> 'uses') AS r (sha256 text, before bigint, revoked boolean, added bigint)
            ON c.sha256 = decode(r.sha256, 'hex')
        ORDER BY c.sha256 FOR UPDATE OF c;
    UPDATE consent AS c SET uses = c.uses + r.added
        FROM jsonb_to_recordset(p_rare -> 'uses') AS r (sha256 text, before bigint, revoked boolean, added bigint)
        WHERE c.sha256 = decode(r.sha256, 'hex') AND c.uses = r.before
        AND r.revoked = EXISTS (
            SELECT 1 FROM revocation AS v WHERE v.consent_sha256 = c.sha256 AND v.provider = c.provider
        );
    GET DIAGNOSTICS counted = ROW_COUNT;
    IF counted <> jsonb_array_length(p_rare -> 'uses') THEN
        RAISE EXCEPTION 'a consent was used or revoked meanwhile' USING ERRCODE = 'AC001';
    END IF;
    INSERT INTO edition (log, leaf) SELECT p_log, leaf::bigint FROM jsonb_array_elements(p_rare -> 'editions') AS leaf;
END
$$;

-- Revocations of a batch, after its attempts and uses that came before them; the consent's row is taken first.
CREATE FUNCTION commit_revocations(p_log smallint, p_rare jsonb) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM consent AS c
        JOIN jsonb_to_recordset(p_rare -> 'revocations') AS r (sha256 text) ON c.sha256 = decode(r.sha256, 'hex')
        ORDER BY c.sha256 FOR UPDATE OF c;
    INSERT INTO revocation (consent_sha256, provider, log, leaf)
        SELECT decode(r.sha256, 'hex'), r.provider, p_log, r.leaf
        FROM jsonb_to_recordset(p_rare -> 'revocations') AS r (sha256 text, provider text, leaf bigint)
        ORDER BY 1, 2
        ON CONFLICT DO NOTHING;
END
$$;
