-- The data of one endpoint. What a row says was verified before it was written; states are computed, never stored.

-- Whose data this is: authority and network, so that another configuration cannot open it by mistake.
-- `pinned_sha256`: the directory keys given by hand when an edition was last taken over.
CREATE TABLE owner (
    authority     TEXT NOT NULL,
    network       TEXT NOT NULL,
    pinned_sha256 BLOB,
    PRIMARY KEY (authority, network)
) STRICT, WITHOUT ROWID;

-- Verified editions; the newest is in force, older ones verify what was admitted under them.
-- `key_set`: the directory keys that each was verified under when it came.
CREATE TABLE edition (
    number      INTEGER PRIMARY KEY,
    key_set     BLOB    NOT NULL,
    raw         BLOB    NOT NULL,
    taken_at_ms INTEGER NOT NULL
) STRICT;

-- Every key that was ever ours: a key under our name that is not here is foreign.
CREATE TABLE own_key (
    kid           BLOB    PRIMARY KEY CHECK (length(kid) = 16),
    role          TEXT    NOT NULL,
    first_used_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- The cursor of what each gateway still has to tell us of our own messages.
CREATE TABLE gateway (
    origin         TEXT    PRIMARY KEY,
    evidence_after INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Signed tree heads: the newest proven one of each gateway, and those whose proof is still owed.
CREATE TABLE checkpoint (
    origin     TEXT    NOT NULL,
    size       INTEGER NOT NULL CHECK (size > 0),
    root       BLOB    NOT NULL CHECK (length(root) = 32),
    note       BLOB    NOT NULL,
    proven     INTEGER NOT NULL CHECK (proven IN (0, 1)),
    seen_at_ms INTEGER NOT NULL,
    PRIMARY KEY (origin, size, root)
) STRICT, WITHOUT ROWID;

-- What was found false. A latching alarm ends all trust in `origin` (NULL: in everything) until it is settled.
CREATE TABLE alarm (
    number          INTEGER PRIMARY KEY,
    kind            TEXT    NOT NULL,
    origin          TEXT,
    detail          TEXT    NOT NULL,
    latching        INTEGER NOT NULL CHECK (latching IN (0, 1)),
    evidence        BLOB    NOT NULL,
    at_ms           INTEGER NOT NULL,
    settled_at_ms   INTEGER,
    settled_because TEXT
) STRICT;
-- One alarm a finding: a gateway that repeats itself cannot fill our disk.
CREATE UNIQUE INDEX alarm_once ON alarm (kind, ifnull(origin, ''), detail) WHERE settled_at_ms IS NULL;

-- Sealed or signed once, sent as often as it takes. `raw` goes when every outcome is known.
CREATE TABLE outbox (
    sequence        INTEGER PRIMARY KEY,
    kind            TEXT    NOT NULL CHECK (kind IN ('message', 'statement')),
    id              TEXT    NOT NULL UNIQUE,
    object_sha256   BLOB    NOT NULL UNIQUE CHECK (length(object_sha256) = 32),
    object          BLOB    NOT NULL,
    raw             BLOB,
    urgency         INTEGER NOT NULL,
    recipients      INTEGER NOT NULL,
    queued_at_ms    INTEGER NOT NULL,
    expires_at_ms   INTEGER,
    sent_at_ms      INTEGER,
    origin          TEXT,
    receipt         BLOB,
    permitted       INTEGER CHECK (permitted IN (0, 1)),
    ledger_index    INTEGER,
    tree_size       INTEGER,
    receipted_at_ms INTEGER,
    -- Declined without a record: the gateway could not even recognise it, so there is no evidence.
    declined_code   TEXT,
    declined_detail TEXT,
    declined_at_ms  INTEGER
) STRICT;
CREATE INDEX outbox_due ON outbox (urgency, sequence) WHERE receipt IS NULL AND declined_code IS NULL;
-- Accepted, and not every outcome known yet.
CREATE INDEX outbox_open ON outbox (expires_at_ms) WHERE permitted = 1 AND raw IS NOT NULL;

-- What became of our messages, as each gateway told us, verified.
CREATE TABLE evidence (
    origin        TEXT    NOT NULL,
    sequence      INTEGER NOT NULL,
    header_sha256 BLOB    NOT NULL CHECK (length(header_sha256) = 32),
    kind          TEXT    NOT NULL CHECK (kind IN ('acknowledged', 'failed')),
    recipient     TEXT    NOT NULL,
    outcome       TEXT    NOT NULL,
    body          BLOB    NOT NULL,
    at_ms         INTEGER NOT NULL,
    heard_at_ms   INTEGER NOT NULL,
    PRIMARY KEY (origin, sequence)
) STRICT, WITHOUT ROWID;
CREATE INDEX evidence_by_header ON evidence (header_sha256);

-- Messages for us. The envelope stays sealed on disk; it is opened again for each reading.
CREATE TABLE inbox (
    sequence          INTEGER PRIMARY KEY,
    header_sha256     BLOB    NOT NULL UNIQUE CHECK (length(header_sha256) = 32),
    originator        TEXT    NOT NULL,
    id                TEXT    NOT NULL,
    kind              TEXT    NOT NULL,
    header            BLOB    NOT NULL,
    envelope          BLOB,
    receipt           BLOB    NOT NULL,
    edition           INTEGER NOT NULL,
    in_reply_to       BLOB,
    status            TEXT    NOT NULL CHECK (status IN ('consigned', 'undecipherable', 'refused')),
    admitted_at_ms    INTEGER NOT NULL,
    received_at_ms    INTEGER NOT NULL,
    handed_over_at_ms INTEGER,
    destroyed_at_ms   INTEGER,
    UNIQUE (originator, id)
) STRICT;
CREATE INDEX inbox_waiting ON inbox (sequence) WHERE handed_over_at_ms IS NULL AND status = 'consigned';
CREATE INDEX inbox_replies ON inbox (in_reply_to) WHERE in_reply_to IS NOT NULL;

-- Acknowledgements owed; a row goes when the gateway's receipt for its batch is here. Numbers never come again.
CREATE TABLE acknowledgement (
    sequence      INTEGER PRIMARY KEY AUTOINCREMENT,
    header_sha256 BLOB    NOT NULL,
    originator    TEXT    NOT NULL,
    status        TEXT    NOT NULL,
    at_ms         INTEGER NOT NULL,
    UNIQUE (header_sha256, status)
) STRICT;

-- What we acknowledged, and the receipts for it.
CREATE TABLE acknowledged (
    batch_sha256    BLOB    PRIMARY KEY CHECK (length(batch_sha256) = 32),
    raw             BLOB    NOT NULL,
    receipt         BLOB    NOT NULL,
    receipted_at_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
