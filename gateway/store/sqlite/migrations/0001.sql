-- The store of one gateway. `leaf` is the ledger index everywhere.
-- What a record commits to is checked by `ledger verify`, column by column, and so are references between rows:
-- foreign keys would look up each parent again on the way of every message.

CREATE TABLE identity (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The ledger: one row a leaf, never changed, never deleted.
CREATE TABLE entry (
    leaf   INTEGER PRIMARY KEY,
    salt   BLOB NOT NULL,
    record BLOB NOT NULL
) STRICT;

-- Complete tiles, 256 hashes wide.
CREATE TABLE tile (
    level  INTEGER NOT NULL,
    number INTEGER NOT NULL,
    hashes BLOB NOT NULL,
    UNIQUE (level, number)
) STRICT;

-- One signed tree head a batch. The receipt of a leaf is under the first one that covers it.
CREATE TABLE checkpoint (
    size INTEGER PRIMARY KEY,
    root BLOB NOT NULL,
    note BLOB NOT NULL
) STRICT;

-- Messages that occupy (originator, id), permitted or refused.
CREATE TABLE message (
    leaf          INTEGER PRIMARY KEY,
    originator    TEXT NOT NULL,
    id            BLOB NOT NULL,
    header_sha256 BLOB NOT NULL,
    permitted     INTEGER NOT NULL,
    at_ms         INTEGER NOT NULL,
    header        BLOB NOT NULL,
    signatures    BLOB NOT NULL,
    UNIQUE (originator, id)
) STRICT;
-- Digests are random, so every new one dirties another page: eight bytes keep the pages few.
CREATE INDEX message_by_digest ON message (substr(header_sha256, 1, 8));

-- Where a body lies in the spool file, only while somebody waits for it.
CREATE TABLE body (
    leaf             INTEGER PRIMARY KEY,
    slot             INTEGER NOT NULL,
    ciphertext_bytes INTEGER NOT NULL,
    wraps_bytes      INTEGER NOT NULL
) STRICT;

-- `outcome` NULL: owed. An outcome is set once. `position` finds the recipient's wrap.
CREATE TABLE delivery (
    leaf          INTEGER NOT NULL,
    recipient     TEXT NOT NULL,
    position      INTEGER NOT NULL,
    urgency       INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    attempts      INTEGER NOT NULL,
    outcome       TEXT,
    ended_leaf    INTEGER,
    ended_at_ms   INTEGER,
    PRIMARY KEY (leaf, recipient)
) STRICT, WITHOUT ROWID;
CREATE INDEX delivery_owed ON delivery (recipient, urgency, leaf) WHERE outcome IS NULL;
CREATE INDEX delivery_expiry ON delivery (expires_at_ms) WHERE outcome IS NULL;

-- What a recipient said after a delivery had ended well: handed over, destroyed.
CREATE TABLE later (
    leaf      INTEGER NOT NULL,
    recipient TEXT NOT NULL,
    status    TEXT NOT NULL,
    said_leaf INTEGER NOT NULL,
    at_ms     INTEGER NOT NULL,
    PRIMARY KEY (leaf, recipient, status)
) STRICT, WITHOUT ROWID;

-- Refused without occupying an identity: shown by another authority, or an id that other bytes hold.
CREATE TABLE aside (
    leaf       INTEGER PRIMARY KEY,
    against    TEXT NOT NULL,
    sha256     BLOB NOT NULL,
    object     BLOB NOT NULL,
    signatures BLOB NOT NULL,
    at_ms      INTEGER NOT NULL,
    UNIQUE (against, sha256)
) STRICT;

CREATE TABLE statement (
    leaf      INTEGER PRIMARY KEY,
    authority TEXT NOT NULL,
    sha256    BLOB NOT NULL,
    type      TEXT NOT NULL,
    raw       BLOB NOT NULL,
    permitted INTEGER NOT NULL,
    at_ms     INTEGER NOT NULL,
    UNIQUE (authority, sha256)
) STRICT;

CREATE TABLE consent (
    sha256   BLOB PRIMARY KEY,
    leaf     INTEGER NOT NULL,
    provider TEXT NOT NULL,
    value    BLOB NOT NULL,
    at_ms    INTEGER NOT NULL,
    uses     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Kept apart from consents: one that comes before its consent works all the same.
CREATE TABLE revocation (
    consent_sha256 BLOB NOT NULL,
    provider       TEXT NOT NULL,
    leaf           INTEGER NOT NULL,
    at_ms          INTEGER NOT NULL,
    PRIMARY KEY (consent_sha256, provider)
) STRICT, WITHOUT ROWID;

CREATE TABLE acknowledgement (
    leaf      INTEGER PRIMARY KEY,
    recipient TEXT NOT NULL,
    sha256    BLOB NOT NULL,
    raw       BLOB NOT NULL,
    at_ms     INTEGER NOT NULL,
    UNIQUE (recipient, sha256)
) STRICT;

CREATE TABLE edition (
    leaf       INTEGER PRIMARY KEY,
    number     INTEGER NOT NULL,
    sha256     BLOB NOT NULL,
    law_sha256 TEXT NOT NULL,
    at_ms      INTEGER NOT NULL
) STRICT;

-- What an originator is to hear of message `leaf`. `position` finds the item in the acknowledgement `said_leaf`;
-- NULL: a failure, whose receipt is the evidence.
CREATE TABLE evidence (
    originator TEXT NOT NULL,
    sequence   INTEGER NOT NULL,
    leaf       INTEGER NOT NULL,
    recipient  TEXT NOT NULL,
    outcome    TEXT NOT NULL,
    said_leaf  INTEGER NOT NULL,
    position   INTEGER,
    PRIMARY KEY (originator, sequence)
) STRICT, WITHOUT ROWID;
