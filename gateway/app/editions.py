"""Edition files: the signed bytes as they lie on disk, numbers in file names.

Nothing here decides about trust: that is `gateway.crypto.trust`. A file whose signatures are not
complete yet is an edition too; it is only good for being signed.
"""

import json
from pathlib import Path

import msgspec
from msgspec import Struct

from gateway.crypto.digests import decode_base64url, encode_base64url, sha256
from gateway.crypto.edition import decode_edition
from gateway.crypto.trust import SIGNED_EDITION_BYTES_MAX, SignedEdition
from gateway.domain.directory import Edition, KeySet
from gateway.domain.errors import ConfigurationError, FormatError
from gateway.settings.source import read_bytes

SUFFIX = ".accord"


class Unverified(Struct, frozen=True):
    """What an edition file claims; believe nothing of it before `verify_edition`."""

    edition: Edition
    sha256: str
    signers: tuple[str, ...]
    raw: bytes


def read_unverified(raw: bytes) -> Unverified:
    """Return what an edition file claims.

    Raises:
        FormatError: it is no edition.
    """
    file = _decode(raw)
    edition = decode_edition(file.h)
    signers = tuple(encode_base64url(signature.k) for signature in file.s)
    return Unverified(edition, encode_base64url(sha256(file.h)), signers, raw)


def signed_by_its_own(raw: bytes) -> bytes:
    """Return an edition without the signatures of keys that it replaced: those of the set before it.

    Raises:
        FormatError: it is no edition.
    """
    file = _decode(raw)
    own = {decode_base64url(entry.kid) for entry in decode_edition(file.h).key_set.keys}
    return msgspec.msgpack.encode(SignedEdition(file.t, file.h, tuple(entry for entry in file.s if entry.k in own)))


def file_name(number: int) -> str:
    """Return the name of an edition's file; names sort like numbers."""
    return f"{number:06}{SUFFIX}"


def newest(folder: Path) -> Path | None:
    """Return the edition file of the highest number in `folder`."""
    return max(folder.glob(f"[0-9]*{SUFFIX}"), default=None, key=lambda path: path.name)


def read_edition(path: Path) -> bytes:
    """Return the bytes of an edition file.

    Raises:
        ConfigurationError: it is missing or cannot be read.
    """
    return read_bytes(path, "directory edition", SIGNED_EDITION_BYTES_MAX)


def read_key_set(path: Path) -> KeySet:
    """Return the pinned directory keys.

    Raises:
        ConfigurationError: the file is missing or holds no key set.
    """
    try:
        return msgspec.json.decode(read_bytes(path, "key set"), type=KeySet)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigurationError(
            f"`{path}` is no key set: {str(error).lower()}", "copy key-set.json from whoever keeps the directory"
        ) from None


def encode_key_set(key_set: KeySet) -> bytes:
    """Return a key set as the JSON file that gateways and endpoints pin."""
    return json.dumps(msgspec.to_builtins(key_set), indent=2).encode() + b"\n"


def _decode(raw: bytes) -> SignedEdition:
    try:
        return msgspec.msgpack.decode(raw, type=SignedEdition)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        raise FormatError("the file is no directory edition") from None
