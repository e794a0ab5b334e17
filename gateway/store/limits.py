"""The bounds of a store, with their units. `settings` fills them."""

from typing import Annotated

from msgspec import Meta, Struct

Positive = Annotated[int, Meta(ge=1)]


class WriterLimits(Struct, frozen=True, forbid_unknown_fields=True):
    """How much may wait for a commit, how a batch closes, when the disk means busy.

    A batch closes when the writer is free, at `batch_items_max`, or `batch_wait_ms` after it was opened.
    """

    batch_items_max: Positive = 200
    batch_wait_ms: Annotated[int, Meta(ge=0, le=1_000)] = 2
    queue_items_max: Positive = 8_192
    queue_bytes_max: Positive = 64 * 1024 * 1024
    # The writer copies the write-ahead log back after so much growth; beyond the second bound we are busy.
    checkpoint_bytes: Positive = 4 * 1024 * 1024
    wal_bytes_max: Positive = 256 * 1024 * 1024
    # Below this much free space nothing new is taken; what is owed still goes out.
    disk_free_bytes_min: Annotated[int, Meta(ge=0)] = 512 * 1024 * 1024


class StoreLimits(Struct, frozen=True, forbid_unknown_fields=True):
    """The bounds of a gateway's store."""

    writer: WriterLimits = WriterLimits()
    spooled_deliveries_max: Positive = 1_000_000
