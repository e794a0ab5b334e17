"""Bodies that wait for their recipients: one file of 4 KiB slots beside the database.

A body is written and synced before the transaction that refers to it commits, and overwritten with zeros after the
transaction that ends its last delivery has. So a row never points at bytes that are not there, and a crash
leaves at most bytes that nobody points at: opening the file clears them.

Why not in the database: a body lives for a moment, and SQLite would write it four times (log, page, and both again
when it is erased), which cost more than everything else that is stored for a message (ADR 0002).
"""

import fcntl
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from gateway.domain.errors import LedgerError
from gateway.store.data_directory import make_private_file

SLOT_BYTES = 4_096
# Zeros are written and old bytes are looked at in pieces of this size.
PIECE_SLOTS = 256
# One system call takes at most this many pieces of memory (IOV_MAX).
VECTOR_MAX = 1_024

_FREE, _USED = b"\x00", b"\x01"
_ZEROS = bytes(SLOT_BYTES * PIECE_SLOTS)
_PADDING = memoryview(_ZEROS)[:SLOT_BYTES]

Buffer = bytes | memoryview


def slots_of(length: int) -> int:
    """Return how many slots `length` bytes occupy."""
    return -(-length // SLOT_BYTES)


class SpoolFile:
    """The file as its writer sees it. One thread owns it; readers use `read` on a descriptor of their own."""

    def __init__(self, path: Path, live: Iterable[tuple[int, int]]) -> None:
        """Open the file in which `live` (slot, length in bytes) are bodies that somebody waits for.

        Everything else in it is cleared: bodies of transactions that never committed, and such as had ended.

        Raises:
            LedgerError: a body that is owed lies outside the file.
        """
        make_private_file(path)
        self._file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        self._slots = bytearray()
        self._next = 0
        # Runs of bodies whose slots follow one another: where each begins, and the memory to write there.
        self._fresh: list[tuple[int, list[Buffer]]] = []
        self._fresh_end = -1
        self._ended: list[tuple[int, int]] = []
        stored = os.fstat(self._file).st_size
        for slot, length in live:
            if (slot + slots_of(length)) * SLOT_BYTES > stored:
                raise LedgerError(f"spool file `{path}` lacks a body that is owed: it is not of this ledger's time")
            self._grow(slot + slots_of(length))
            self._mark(slot, length, _USED)
        os.ftruncate(self._file, len(self._slots) * SLOT_BYTES)
        self._clear_free()
        os.fsync(self._file)

    def close(self) -> None:
        """Close the file; what was not written is gone."""
        os.close(self._file)

    def add(self, body: Buffer, wraps: Buffer) -> int:
        """Return the slot where `body ‖ wraps` will lie once `write` has returned."""
        length = len(body) + len(wraps)
        count = slots_of(length)
        slot = self._find(count)
        end = self._next = slot + count
        self._slots[slot:end] = _USED * count
        if slot != self._fresh_end or len(self._fresh[-1][1]) > VECTOR_MAX - 3:
            self._fresh.append((slot, []))
        self._fresh[-1][1].extend((body, wraps, _PADDING[: -length % SLOT_BYTES]))
        self._fresh_end = end
        return slot

    def write(self) -> None:
        """Make everything added durable. Call it before the transaction that refers to it commits."""
        if not self._fresh:
            return
        for slot, parts in self._fresh:
            _write_all(self._file, parts, slot * SLOT_BYTES)
        self._fresh.clear()
        self._fresh_end = -1
        os.fdatasync(self._file)

    def end(self, slot: int, length: int) -> None:
        """Have a body destroyed by the next `erase`."""
        self._ended.append((slot, length))

    def erase(self) -> None:
        """Overwrite what has ended. Call it after the transaction that ended it has committed.

        While a backup is copied (a shared lock on the file) nothing is overwritten; the next call does it.
        """
        if not self._ended:
            return
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return
        try:
            self._erase()
        finally:
            fcntl.flock(self._file, fcntl.LOCK_UN)

    def _erase(self) -> None:
        for first, end in _merged(self._ended):
            for slot in range(first, end, PIECE_SLOTS):
                piece = min(PIECE_SLOTS, end - slot) * SLOT_BYTES
                os.pwrite(self._file, _ZEROS if piece == len(_ZEROS) else _ZEROS[:piece], slot * SLOT_BYTES)
            self._slots[first:end] = _FREE * (end - first)
        self._ended.clear()

    def used_slots(self) -> int:
        """Return how many slots are occupied."""
        return self._slots.count(_USED)

    def _find(self, count: int) -> int:
        """The next free run from where the last one ended, then from the start, then at the end of the file."""
        wanted = _FREE * count
        for start in (self._next, 0):
            slot = self._slots.find(wanted, start)
            if slot >= 0:
                return slot
        slot = len(self._slots.rstrip(_FREE))
        self._grow(slot + count)
        return slot

    def _grow(self, slots: int) -> None:
        self._slots.extend(bytes(max(0, slots - len(self._slots))))

    def _mark(self, slot: int, length: int, mark: bytes) -> None:
        count = slots_of(length)
        self._slots[slot : slot + count] = mark * count

    def _clear_free(self) -> None:
        for first in range(0, len(self._slots), PIECE_SLOTS):
            piece = self._slots[first : first + PIECE_SLOTS]
            if _FREE not in piece:
                continue
            stored = os.pread(self._file, len(piece) * SLOT_BYTES, first * SLOT_BYTES)
            for offset, mark in enumerate(piece):
                part = stored[offset * SLOT_BYTES : (offset + 1) * SLOT_BYTES]
                if not mark and any(part):
                    os.pwrite(self._file, _ZEROS[:SLOT_BYTES], (first + offset) * SLOT_BYTES)


def read_body(file: int, slot: int, lengths: Sequence[int]) -> list[bytes]:
    """Return the parts, of `lengths` bytes each, that lie at `slot`; short if the file is."""
    stored = os.pread(file, sum(lengths), slot * SLOT_BYTES)
    parts = []
    start = 0
    for length in lengths:
        parts.append(stored[start : start + length])
        start += length
    return parts


def _merged(bodies: Iterable[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Bodies (slot, length) as runs of slots (first, end) that do not touch."""
    first = end = -1
    for slot, length in sorted(bodies):
        if slot != end:
            if end > first:
                yield first, end
            first = slot
        end = slot - (-length // SLOT_BYTES)
    if end > first:
        yield first, end


def _write_all(file: int, parts: Sequence[Buffer], offset: int) -> None:
    written = os.pwritev(file, parts, offset)
    if written < sum(map(len, parts)):
        # The kernel stops short where the disk is full; the rest tells why.
        rest = memoryview(b"".join(parts))[written:]
        while rest:
            written = os.pwrite(file, rest, offset := offset + written)
            rest = rest[written:]
