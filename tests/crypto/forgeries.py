"""Envelopes with one thing wrong, signed by whoever pleases: what an insider or a gateway could send."""

from typing import Any

from msgspec.structs import replace

from gateway.crypto import canonical
from gateway.crypto.batch import VerifiedRoots
from gateway.crypto.digests import encode_base64url, pae, payload_type
from gateway.crypto.envelope import decode_envelope, encode_envelope, open_envelope
from gateway.crypto.keys import SecretKey, sign
from gateway.crypto.sealing import seal
from gateway.domain.directory import Directory
from gateway.domain.message import AuthenticMessage, Header, Signature
from tests.crypto.federation import AM, AT_MS, CZ, DIRECTORY, KZ, NETWORK, draft, envelope, to

MESSAGE, SEAL, SIGNATORY = (CZ.keys[role] for role in ("message", "seal", "signatory"))
RAW = envelope()
TWO = seal(draft(), b"content", to(KZ, AM), [MESSAGE])


def opened(
    raw: bytes, directory: Directory = DIRECTORY, at_ms: int = AT_MS, network: str = NETWORK
) -> AuthenticMessage:
    """Open an envelope as a gateway would that remembers no batch."""
    return open_envelope(raw, directory, network, at_ms, VerifiedRoots(0))


def header(raw: bytes) -> Header:
    """Return a header without any check."""
    return canonical.decode(decode_envelope(raw).h, Header)


def signed(h: bytes, *signers: SecretKey) -> tuple[Signature, ...]:
    """Return single signatures over header bytes, whatever they say."""
    return tuple(Signature(key.kid, sign(key, pae(payload_type("header"), h))) for key in signers)


def forged(raw: bytes, signers: tuple[SecretKey, ...] = (CZ.keys["message"],), **changes: Any) -> bytes:
    """Return an envelope with header fields changed, signed again by whoever holds `signers`.

    `signers` of the header follows the keys unless it is among the changes.
    """
    whole = decode_envelope(raw)
    changes.setdefault("signers", tuple(encode_base64url(key.kid) for key in signers))
    h = canonical.encode(replace(canonical.decode(whole.h, Header), **changes))
    return encode_envelope(replace(whole, h=h, s=signed(h, *signers)))


def cut(raw: bytes, **changes: object) -> bytes:
    """Return the envelope with outer fields changed and the header as it was."""
    return encode_envelope(replace(decode_envelope(raw), **changes))


def resigned(raw: bytes, *signers: SecretKey) -> bytes:
    """Return the envelope with other signatures over the same header."""
    return cut(raw, s=signed(decode_envelope(raw).h, *signers))


WHOLE, PAIR = decode_envelope(RAW), decode_envelope(TWO)
