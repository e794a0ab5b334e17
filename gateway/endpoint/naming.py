"""From sealed bytes to a row of the outbox, and from what a person writes to the digest it means."""

from gateway.crypto.canonical import decode
from gateway.crypto.digests import decode_base64url, sha256
from gateway.crypto.envelope import decode_envelope
from gateway.domain.errors import FormatError
from gateway.domain.message import Header
from gateway.endpoint import outbox


def parcel_of(raw: bytes) -> outbox.Parcel:
    """Return what the outbox keeps of a sealed envelope of ours."""
    envelope = decode_envelope(raw)
    header = decode(envelope.h, Header)
    return outbox.Parcel(
        kind="message",
        id=header.id,
        object_sha256=sha256(envelope.h),
        object=envelope.h,
        raw=raw,
        urgency=outbox.urgency_rank(header.urgency),
        recipients=len(header.recipients),
        expires_at_ms=header.expires_at_ms,
    )


def digest_of(text: str) -> bytes | None:
    """Return the digest that `text` spells in base64url, None if it spells none."""
    try:
        found = decode_base64url(text)
    except FormatError:
        return None
    return found if len(found) == 32 else None
