-- What an accepted message did to earlier ones: its originator accepted their conditions (`acceptance`, C8-24, C1-14), or
-- called them back (`recall`, CZ-27), which counts if it was the provider.
CREATE TABLE effect (
    sha256     BLOB NOT NULL,
    kind       TEXT NOT NULL,
    originator TEXT NOT NULL,
    leaf       INTEGER NOT NULL,
    PRIMARY KEY (sha256, kind, originator)
) STRICT, WITHOUT ROWID;
