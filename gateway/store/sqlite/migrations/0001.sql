-- The store of one gateway. `leaf` is the ledger index everywhere; bodies lie in the spool file.
-- What records commit to is checked by `ledger verify`, column by column, and so are references between rows:
-- foreign keys would look up each parent again on the way of every message.

CREATE TABLE identity (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- The ledger: one row a leaf, never changed, never deleted. `object` is what the record is about as it was
-- received: a header with its `signatures`, or a whole statement; NULL where another leaf or file has it.
CREATE TABLE entry (
    leaf       INTEGER PRIMARY KEY,
    salt       BLOB NOT NULL,
    record     BLOB NOT NULL,
    object     BLOB,
    signatures BLOB
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

-- Who holds (originator, id): messages, permitted or refused.
CREATE TABLE message (
    originator TEXT NOT NULL,
    id         BLOB NOT NULL,
    leaf       INTEGER NOT NULL,
    PRIMARY KEY (originator, id)
) STRICT, WITHOUT ROWID;

-- The same messages by the first eight bytes of H(h). Digests are random, so one tree over all of them would dirty
-- a page for each new one; an epoch of 32,768 leaves keeps the pages that change few and near.
CREATE TABLE digest (
    epoch  INTEGER NOT NULL,
    prefix INTEGER NOT NULL,
    leaf   INTEGER NOT NULL,
    PRIMARY KEY (epoch, prefix, leaf)
) STRICT, WITHOUT ROWID;

-- `outcome` NULL: owed. An outcome is set once, by the leaf `ended_leaf`. `position` finds the recipient's wrap, `slot`
-- the body in the spool file, which is there until nobody is owed it any more.
CREATE TABLE delivery (
    leaf             INTEGER NOT NULL,
    recipient        TEXT NOT NULL,
    position         INTEGER NOT NULL,
    urgency          INTEGER NOT NULL,
    expires_at_ms    INTEGER NOT NULL,
    attempts         INTEGER NOT NULL,
    slot             INTEGER NOT NULL,
    ciphertext_bytes INTEGER NOT NULL,
    wraps_bytes      INTEGER NOT NULL,
    outcome          TEXT,
    ended_leaf       INTEGER,
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
    PRIMARY KEY (leaf, recipient, status)
) STRICT, WITHOUT ROWID;

-- Refused without occupying an identity: shown by another authority, or an id that other bytes hold.
CREATE TABLE aside (
    against TEXT NOT NULL,
    sha256  BLOB NOT NULL,
    leaf    INTEGER NOT NULL,
    PRIMARY KEY (against, sha256)
) STRICT, WITHOUT ROWID;

CREATE TABLE statement (
    authority TEXT NOT NULL,
    sha256    BLOB NOT NULL,
    leaf      INTEGER NOT NULL,
    PRIMARY KEY (authority, sha256)
) STRICT, WITHOUT ROWID;

CREATE TABLE consent (
    sha256   BLOB PRIMARY KEY,
    provider TEXT NOT NULL,
    leaf     INTEGER NOT NULL,
    uses     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- Kept apart from consents: one that comes before its consent works all the same.
CREATE TABLE revocation (
    consent_sha256 BLOB NOT NULL,
    provider       TEXT NOT NULL,
    leaf           INTEGER NOT NULL,
    PRIMARY KEY (consent_sha256, provider)
) STRICT, WITHOUT ROWID;

CREATE TABLE acknowledgement (
    recipient TEXT NOT NULL,
    sha256    BLOB NOT NULL,
    leaf      INTEGER NOT NULL,
    PRIMARY KEY (recipient, sha256)
) STRICT, WITHOUT ROWID;

CREATE TABLE edition (
    leaf INTEGER PRIMARY KEY
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
