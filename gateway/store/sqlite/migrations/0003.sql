-- Ids rise with time, also across originators: keyed by id first, what is new lies at one edge of the tree and dirties one
-- page a commit, not one for each originator.
CREATE TABLE message_by_id (
    id         BLOB NOT NULL,
    originator TEXT NOT NULL,
    leaf       INTEGER NOT NULL,
    PRIMARY KEY (id, originator)
) STRICT, WITHOUT ROWID;
INSERT INTO message_by_id (id, originator, leaf) SELECT id, originator, leaf FROM message ORDER BY id;
DROP TABLE message;
ALTER TABLE message_by_id RENAME TO message;
