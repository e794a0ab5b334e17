"""A backup: a folder of files and a manifest that names each with its digest. It knows no engine.

The manifest is written last, into a folder that gets its name last: what was interrupted verifies as nothing. Who
takes a backup as true holds its ledgers against keys from outside; the manifest only tells whether it is whole.
"""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from gateway.domain.errors import ConfigurationError, LedgerError
from gateway.domain.names import Code, Count, Digest, Milliseconds, Origin
from gateway.store.data_directory import make_private_directory, sync_directory, write_private_file
from gateway.store.verdict import VerificationError

MANIFEST = "manifest.json"
MANIFEST_BYTES_MAX = 4 * 1024 * 1024
PIECE_BYTES = 1024 * 1024

# A plain relative path below the folder of the backup.
FileName = Annotated[str, Meta(pattern=r"^([A-Za-z0-9_][A-Za-z0-9_.-]{0,127}/)?[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}$")]
Engine = Literal["sqlite", "postgres"]


class CopiedFile(Struct, frozen=True, forbid_unknown_fields=True):
    """One file of a backup."""

    name: FileName
    size_bytes: Count
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class Head(Struct, frozen=True, forbid_unknown_fields=True):
    """Where a ledger stood when the backup was made: its newest signed checkpoint, under `key` (base64url)."""

    origin: Origin
    key: Digest
    size: Count
    note: str


class Manifest(Struct, frozen=True, forbid_unknown_fields=True):
    """What a backup is of, and every file in it. `keys`: it holds private keys, which was asked for."""

    v: Literal[1]
    engine: Engine
    network: Code
    software: str
    made_at_ms: Milliseconds
    heads: tuple[Head, ...]
    keys: bool
    files: tuple[CopiedFile, ...] = ()


@contextmanager
def making(target: Path) -> Iterator[Path]:
    """Give the folder to copy into; it gets the name `target` once the block has sealed it, and goes if that fails.

    Raises:
        ConfigurationError: `target` is there already, or cannot be made.
    """
    if target.exists():
        raise ConfigurationError(f"`{target}` exists already", "give a new folder: a backup never replaces another")
    folder = target.with_name(f".{target.name}.{os.getpid()}.partial")
    make_private_directory(folder)
    try:
        yield folder
        if not (folder / MANIFEST).exists():
            raise LedgerError("the backup was not finished")
        folder.rename(target)
        sync_directory(target.parent)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def seal(folder: Path, manifest: Manifest) -> Manifest:
    """Make every file of `folder` durable and write the manifest that names them; return it."""
    names = sorted(_names(folder))
    files = tuple(_measured(folder, name, durable=True) for name in names)
    for inner in {(folder / name).parent for name in names}:
        sync_directory(inner)
    whole = msgspec.structs.replace(manifest, files=files)
    write_private_file(folder / MANIFEST, msgspec.json.format(msgspec.json.encode(whole), indent=1) + b"\n")
    return whole


def read_manifest(folder: Path) -> Manifest:
    """Return the manifest of a backup, believed for nothing yet.

    Raises:
        LedgerError: there is none, or it cannot be read.
    """
    path = folder / MANIFEST
    try:
        raw = path.read_bytes() if path.stat().st_size <= MANIFEST_BYTES_MAX else b""
        return msgspec.json.decode(raw, type=Manifest)
    except FileNotFoundError:
        raise LedgerError(
            f"`{folder}` is no backup: it has no `{MANIFEST}`, perhaps its making was cut short"
        ) from None
    except (msgspec.DecodeError, UnicodeDecodeError, OSError) as error:
        raise LedgerError(f"`{path}` cannot be read ({error})") from error


def manifest_sha256(folder: Path) -> str:
    """Return the digest of the manifest file, hexadecimal: who has noted it can tell one backup from every other."""
    return hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()


def check_files(folder: Path) -> Manifest:
    """Return the manifest once every file has the size and digest that it names, and no other file is there.

    Raises:
        VerificationError: a file was changed or added.
        LedgerError: a file is missing, cut short or unreadable.
    """
    manifest = read_manifest(folder)
    for named in manifest.files:
        try:
            found = _measured(folder, named.name, durable=False)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise LedgerError(f"file `{named.name}` of the backup cannot be read ({reason})") from error
        if found.size_bytes < named.size_bytes:
            raise LedgerError(
                f"file `{named.name}` of the backup is cut short: {found.size_bytes} of {named.size_bytes} bytes"
            )
        if found != named:
            raise VerificationError(f"file `{named.name}` of the backup was changed")
    added = set(_names(folder)) - {named.name for named in manifest.files} - {MANIFEST}
    if added:
        raise VerificationError(f"file `{min(added)}` was added to the backup")
    return manifest


def copy_durably(source: Path, target: Path) -> None:
    """Copy a file with mode 0600 and make its bytes durable."""
    with source.open("rb") as reading:
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as writing:
            shutil.copyfileobj(reading, writing, PIECE_BYTES)
            writing.flush()
            os.fsync(writing.fileno())


def _names(folder: Path) -> list[str]:
    return [str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir()]


def _measured(folder: Path, name: str, *, durable: bool) -> CopiedFile:
    digest = hashlib.sha256()
    size_bytes = 0
    with (folder / name).open("rb") as file:
        while piece := file.read(PIECE_BYTES):
            digest.update(piece)
            size_bytes += len(piece)
        if durable:
            os.fsync(file.fileno())
    return CopiedFile(name, size_bytes, digest.hexdigest())
