"""The bounds of a store, with their units. `settings` fills them."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

Positive = Annotated[int, Meta(ge=1)]


class WriterLimits(Struct, frozen=True, forbid_unknown_fields=True):
    """How much may wait for a commit, how a batch closes, when the disk means busy.

    A batch closes when the writer is free, at `batch_items_max`, or `batch_wait_ms` after it was opened.
    """

    batch_items_max: Positive = 800
    batch_wait_ms: Annotated[int, Meta(ge=0, le=1_000)] = 5
    queue_items_max: Positive = 8_192
    queue_bytes_max: Positive = 64 * 1024 * 1024
    # The writer copies the write-ahead log back after so much growth; beyond the second bound we are busy.
    checkpoint_bytes: Positive = 4 * 1024 * 1024
    wal_bytes_max: Positive = 256 * 1024 * 1024
    # Below this much free space nothing new is taken; what is owed still goes out. Below a quarter of it a gateway is
    # busy for that, too: no peer fills the disk to its end.
    disk_free_bytes_min: Annotated[int, Meta(ge=0)] = 512 * 1024 * 1024


class PostgresSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Where PostgreSQL is and how long we wait for it; the password lies in a file of mode 0600 or a credential.

    A delivery is leased for `lease_s` to the gateway that sends it, and free `alive_s` after that gateway's last word.
    """

    dsn: str = ""
    password_file: str | None = None
    schema: Annotated[str, Meta(pattern="^[a-z][a-z0-9_]{0,31}$")] = "accord"
    connect_s: Annotated[float, Meta(gt=0, le=60)] = 5.0
    # A read that takes longer is given up; the event loop waits for it.
    read_s: Annotated[float, Meta(gt=0, le=30)] = 2.0
    # A commit whose outcome is not known by then is asked for again over a new connection.
    commit_s: Annotated[float, Meta(gt=0, le=120)] = 15.0
    lease_s: Annotated[float, Meta(ge=1, le=600)] = 30.0
    alive_s: Annotated[float, Meta(ge=2, le=60)] = 6.0
    # How often the database is asked for what a notification may have missed.
    poll_s: Annotated[float, Meta(ge=0.1, le=30)] = 1.0


class StoreLimits(Struct, frozen=True, forbid_unknown_fields=True):
    """The bounds of a gateway's store, and which engine it is."""

    engine: Literal["sqlite", "postgres"] = "sqlite"
    writer: WriterLimits = WriterLimits()
    postgres: PostgresSettings = PostgresSettings()
    spooled_deliveries_max: Positive = 1_000_000
