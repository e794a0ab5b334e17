-- The central node's records. No document number stands here in clear, only its keyed hash.

-- Whose database this is and under which lookup key, so that neither can be exchanged by mistake.
CREATE TABLE node (
    authority    TEXT NOT NULL,
    network      TEXT NOT NULL,
    lookup_check BLOB NOT NULL CHECK (length(lookup_check) = 16),
    PRIMARY KEY (authority, network)
) STRICT, WITHOUT ROWID;

-- On what ground owners put records here, and are told of hits; a handful of rows.
CREATE TABLE ground (
    number    INTEGER PRIMARY KEY,
    agreement TEXT    NOT NULL,
    purposes  TEXT    NOT NULL,
    subjects  TEXT    NOT NULL,
    UNIQUE (agreement, purposes, subjects)
) STRICT;

-- One row a document; without a status it was withdrawn, and is kept until no older message can arrive.
CREATE TABLE record (
    number_hash    BLOB    NOT NULL CHECK (length(number_hash) = 16),
    issuing_state  TEXT    NOT NULL,
    type           TEXT    NOT NULL,
    owner          TEXT    NOT NULL,
    changed_at_ms  INTEGER NOT NULL,
    status         TEXT    CHECK (status IN ('LOST', 'STOLEN', 'STOLEN_BLANK', 'REVOKED')),
    recorded_at_ms INTEGER,
    review_by_ms   INTEGER,
    conditions     TEXT    NOT NULL,
    withheld_from  TEXT    NOT NULL,
    ground         INTEGER REFERENCES ground (number),
    put_sha256     TEXT,
    PRIMARY KEY (number_hash, issuing_state, type)
) STRICT, WITHOUT ROWID;
CREATE INDEX record_withdrawn ON record (changed_at_ms) WHERE status IS NULL;

-- Messages that were dealt with, by an id that grows with time; kept until they have expired everywhere.
CREATE TABLE handled (
    id              TEXT    NOT NULL,
    originator      TEXT    NOT NULL,
    forget_after_ms INTEGER NOT NULL,
    PRIMARY KEY (id, originator)
) STRICT, WITHOUT ROWID;
CREATE INDEX handled_forgotten ON handled (forget_after_ms);

-- What is owed to askers and owners, until the endpoint has it on disk.
CREATE TABLE owed (
    sequence INTEGER PRIMARY KEY,
    message  BLOB    NOT NULL
) STRICT;
