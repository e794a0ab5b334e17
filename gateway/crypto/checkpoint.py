"""Checkpoints: the signed head of a ledger, as a C2SP signed note of three lines (S-03).

The text begins with the origin, which no other signed object of ours can begin with, and the key has the role
`checkpoint` and no other. Cosignatures of witnesses may follow the log's own signature; they are for others to judge.
"""

import binascii
import re

from gateway.crypto.digests import sha256
from gateway.crypto.keys import SecretKey, sign, verify
from gateway.domain.errors import SignatureError, TrustError
from gateway.domain.receipt import Checkpoint

NOTE_BYTES_MAX = 16 * 1024
SIGNATURES_MAX = 32

_ED25519 = b"\x01"
# 43 characters and one of padding are 32 bytes.
_NOTE = re.compile(r"([!-*,-~]+)\n(0|[1-9][0-9]{0,15})\n([A-Za-z0-9+/]{43}=)\n")
_SIGNATURE_LINE = re.compile("\u2014 ([^\\s+]+) ([A-Za-z0-9+/]+={0,2})")


def checkpoint_key_id(origin: str, public: bytes) -> bytes:
    """Return the 4 bytes that stand before a signature in a note: `SHA-256(name ‖ 0x0A ‖ 0x01 ‖ key)[:4]`."""
    return sha256(origin.encode("ascii") + b"\n" + _ED25519 + public)[:4]


def sign_checkpoint(origin: str, size: int, root: bytes, key: SecretKey) -> Checkpoint:
    """Return the signed head of the ledger `origin` at `size`.

    Raises:
        SignatureError: the key has not the role `checkpoint`.
    """
    if key.role != "checkpoint":
        raise SignatureError("a checkpoint is signed by a key of role `checkpoint`")
    text = f"{origin}\n{size}\n{_base64(root)}\n"
    signature = checkpoint_key_id(origin, key.public) + sign(key, text.encode("ascii"))
    note = f"{text}\n\u2014 {origin} {_base64(signature)}\n".encode()
    return Checkpoint(origin, size, root, note)


def verify_checkpoint(note: bytes, origin: str, public: bytes) -> Checkpoint:
    """Return the checkpoint in `note` once `public` signed it as the ledger `origin`.

    Raises:
        TrustError: no checkpoint, of another ledger, not signed by this key, or its signature does not hold.
    """
    text, signatures = _parse(note)
    parts = _NOTE.fullmatch(text)
    if parts is None:
        raise TrustError("checkpoint is not origin, size and root on three lines")
    if parts[1] != origin:
        raise TrustError("checkpoint is of another ledger")
    _verify(text.encode("ascii"), signatures, origin, public)
    return Checkpoint(origin, int(parts[2]), decode_base64(parts[3]), note)


def _parse(note: bytes) -> tuple[str, list[tuple[str, bytes]]]:
    if len(note) > NOTE_BYTES_MAX:
        raise TrustError(f"checkpoint is larger than {NOTE_BYTES_MAX} bytes")
    try:
        text, _, lines = note.decode().rpartition("\n\n")
    except UnicodeDecodeError:
        raise TrustError("checkpoint is not utf-8") from None
    if not lines.endswith("\n"):
        raise TrustError("checkpoint has no signatures after an empty line")
    signatures = []
    for line in lines[:-1].split("\n"):
        parts = _SIGNATURE_LINE.fullmatch(line)
        if parts is None:
            raise TrustError("checkpoint has a line that is no signature")
        signatures.append((parts[1], decode_base64(parts[2])))
    if len(signatures) > SIGNATURES_MAX:
        raise TrustError(f"checkpoint has more than {SIGNATURES_MAX} signatures")
    return text + "\n", signatures


def _verify(text: bytes, signatures: list[tuple[str, bytes]], origin: str, public: bytes) -> None:
    key = checkpoint_key_id(origin, public)
    # Unknown signatures are ignored (S-03): a rotated key, a witness.
    ours = [value for name, value in signatures if name == origin and value[:4] == key]
    if not ours:
        raise TrustError(f"checkpoint of `{origin}` is not signed by the key that the directory lists")
    for value in ours:
        try:
            verify(public, value[4:], text)
        except SignatureError:
            raise TrustError(f"signature of the checkpoint of `{origin}` does not hold") from None


def _base64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode("ascii")


def decode_base64(text: str) -> bytes:
    """Return the bytes of standard base64 with padding, in its one spelling.

    Raises:
        TrustError: another alphabet, white space, wrong padding or stray bits.
    """
    try:
        data = binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        raise TrustError("a line is not base64") from None
    if _base64(data) != text:
        raise TrustError("base64 has stray bits in its last character")
    return data
