-- The store that several gateways share. `log` is the number of a gateway's ledger, (log, leaf) an entry in it.
-- What records commit to is checked by `ledger verify`; references between rows are not looked up on the way of a message.

CREATE TABLE identity (
    name  text PRIMARY KEY,
    value text NOT NULL
);

-- One row a ledger: its head, compared and set by every batch. `token` rises when a process opens the ledger, `batch` with
-- every batch; `answer` is what the last batch was told, for a gateway that lost its connection before it heard.
CREATE TABLE log (
    number         smallint PRIMARY KEY,
    origin         text NOT NULL UNIQUE,
    checkpoint_key bytea NOT NULL UNIQUE,
    size           bigint NOT NULL,
    root           bytea NOT NULL,
    batch          bigint NOT NULL,
    token          bigint NOT NULL,
    answer         bigint[] NOT NULL,
    alive_until    timestamptz NOT NULL,
    frozen_reason  text,
    frozen_note    bytea
) WITH (fillfactor = 50);

-- Never changed, never deleted. `object` is what the record is about as it was received: a header with its `signatures`, or
-- a whole statement; NULL where another leaf or file has it.
CREATE TABLE entry (
    log        smallint NOT NULL,
    leaf       bigint NOT NULL,
    salt       bytea NOT NULL,
    record     bytea NOT NULL,
    object     bytea,
    signatures bytea,
    PRIMARY KEY (log, leaf)
) WITH (toast_tuple_target = 8160);
ALTER TABLE entry ALTER COLUMN record SET STORAGE MAIN;
ALTER TABLE entry ALTER COLUMN object SET STORAGE MAIN;

-- Complete tiles, 256 hashes wide.
CREATE TABLE tile (
    log    smallint NOT NULL,
    level  smallint NOT NULL,
    number bigint NOT NULL,
    hashes bytea NOT NULL,
    PRIMARY KEY (log, level, number)
);
ALTER TABLE tile ALTER COLUMN hashes SET STORAGE EXTERNAL;

-- One signed tree head a batch. `turn` is the order of batches over all ledgers wherever one had to wait for another.
CREATE TABLE checkpoint (
    log  smallint NOT NULL,
    size bigint NOT NULL,
    root bytea NOT NULL,
    note bytea NOT NULL,
    turn bigint NOT NULL,
    PRIMARY KEY (log, size)
);
CREATE SEQUENCE turn CACHE 1;

-- Who holds (originator, id), over all gateways: messages, permitted or refused.
CREATE TABLE message (
    originator    text NOT NULL,
    id            bytea NOT NULL,
    log           smallint NOT NULL,
    leaf          bigint NOT NULL,
    header_sha256 bytea NOT NULL,
    permitted     boolean NOT NULL,
    at_ms         bigint NOT NULL,
    PRIMARY KEY (originator, id)
);
CREATE INDEX message_digest ON message (header_sha256);

-- Bodies that somebody waits for; gone with the last delivery. Ciphertext does not compress.
CREATE TABLE body (
    log        smallint NOT NULL,
    leaf       bigint NOT NULL,
    ciphertext bytea NOT NULL,
    wraps      bytea NOT NULL,
    PRIMARY KEY (log, leaf)
) WITH (toast_tuple_target = 8160, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);
ALTER TABLE body ALTER COLUMN ciphertext SET STORAGE EXTERNAL;
ALTER TABLE body ALTER COLUMN wraps SET STORAGE EXTERNAL;

-- `outcome` NULL: owed. It is set once, by the entry (ended_log, ended_leaf). A lease lasts until `leased_until`, or until its
-- holder's `alive_until` if that is sooner; `lease` is its fencing token and rises when the holder changes.
CREATE TABLE delivery (
    log           smallint NOT NULL,
    leaf          bigint NOT NULL,
    recipient     text NOT NULL,
    position      smallint NOT NULL,
    urgency       smallint NOT NULL,
    at_ms         bigint NOT NULL,
    expires_at_ms bigint NOT NULL,
    attempts      integer NOT NULL,
    lease         bigint NOT NULL,
    holder        smallint,
    leased_until  timestamptz,
    outcome       text,
    ended_log     smallint,
    ended_leaf    bigint,
    PRIMARY KEY (log, leaf, recipient)
) WITH (fillfactor = 80);
CREATE INDEX delivery_owed ON delivery (recipient, urgency, at_ms, log, leaf) WHERE outcome IS NULL;
CREATE INDEX delivery_expiry ON delivery (expires_at_ms) WHERE outcome IS NULL;

-- What a recipient said after a delivery had ended well: handed over, destroyed.
CREATE TABLE later (
    log       smallint NOT NULL,
    leaf      bigint NOT NULL,
    recipient text NOT NULL,
    status    text NOT NULL,
    said_log  smallint NOT NULL,
    said_leaf bigint NOT NULL,
    PRIMARY KEY (log, leaf, recipient, status)
);

-- Refused without occupying an identity: shown by another authority, or an id that other bytes hold.
CREATE TABLE aside (
    against text NOT NULL,
    sha256  bytea NOT NULL,
    log     smallint NOT NULL,
    leaf    bigint NOT NULL,
    at_ms   bigint NOT NULL,
    PRIMARY KEY (against, sha256)
);

CREATE TABLE statement (
    authority text NOT NULL,
    sha256    bytea NOT NULL,
    log       smallint NOT NULL,
    leaf      bigint NOT NULL,
    permitted boolean NOT NULL,
    at_ms     bigint NOT NULL,
    PRIMARY KEY (authority, sha256)
);

CREATE TABLE consent (
    sha256   bytea PRIMARY KEY,
    provider text NOT NULL,
    log      smallint NOT NULL,
    leaf     bigint NOT NULL,
    uses     bigint NOT NULL
);

-- Kept apart from consents: one that comes before its consent works all the same.
CREATE TABLE revocation (
    consent_sha256 bytea NOT NULL,
    provider       text NOT NULL,
    log            smallint NOT NULL,
    leaf           bigint NOT NULL,
    PRIMARY KEY (consent_sha256, provider)
);

CREATE TABLE acknowledgement (
    recipient text NOT NULL,
    sha256    bytea NOT NULL,
    log       smallint NOT NULL,
    leaf      bigint NOT NULL,
    at_ms     bigint NOT NULL,
    PRIMARY KEY (recipient, sha256)
);

CREATE TABLE edition (
    log  smallint NOT NULL,
    leaf bigint NOT NULL,
    PRIMARY KEY (log, leaf)
);

-- The last number of each originator's evidence; its row is locked while a batch adds to it, so numbers have no gaps.
CREATE TABLE originator (
    name     text PRIMARY KEY,
    sequence bigint NOT NULL
) WITH (fillfactor = 50);

-- What an originator is to hear of message (log, leaf). `position` finds the item in the acknowledgement (said_log,
-- said_leaf); NULL: a failure, whose receipt is the evidence.
CREATE TABLE evidence (
    originator text NOT NULL,
    sequence   bigint NOT NULL,
    log        smallint NOT NULL,
    leaf       bigint NOT NULL,
    recipient  text NOT NULL,
    outcome    text NOT NULL,
    said_log   smallint NOT NULL,
    said_leaf  bigint NOT NULL,
    position   integer,
    PRIMARY KEY (originator, sequence)
);
