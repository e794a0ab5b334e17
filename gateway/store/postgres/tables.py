"""Every table that holds state, for whoever copies a store; `schema_version` is made by migrating, not copied."""

TABLES = (
    "identity",
    "log",
    "entry",
    "tile",
    "checkpoint",
    "message",
    "body",
    "delivery",
    "later",
    "aside",
    "statement",
    "consent",
    "revocation",
    "effect",
    "acknowledgement",
    "edition",
    "originator",
    "evidence",
)
# The sequence that gives batches their turn; after a copy it must go on behind the newest checkpoint.
TURN = "SELECT setval('turn', (SELECT coalesce(max(turn), 0) + 1 FROM checkpoint))"
