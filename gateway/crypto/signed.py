"""The form in which statements travel: payload type, canonical JSON, signatures (`{t, h, s}`).

Only the outer form: which keys must have signed what is said by the modules that open each kind.
"""

import msgspec

from gateway.crypto import canonical
from gateway.crypto.digests import pae, payload_type
from gateway.domain.errors import FormatError
from gateway.domain.statement import STATEMENT_BYTES_MAX, SignedStatement

_DECODER = msgspec.msgpack.Decoder(SignedStatement)


def encode_signed(statement: SignedStatement) -> bytes:
    """Return the MessagePack form: a map keyed t, h, s in this order.

    Raises:
        FormatError: it is larger than a statement may be.
    """
    raw = canonical.pack(statement)
    if len(raw) > STATEMENT_BYTES_MAX:
        raise FormatError(f"statement is larger than {STATEMENT_BYTES_MAX} bytes")
    return raw


def decode_signed(raw: bytes) -> SignedStatement:
    """Return the statement in `raw`; nothing of it has been verified.

    Raises:
        FormatError: too large, not of the schema, not the one spelling of its content, or batch-signed.
    """
    statement = canonical.unpack(_DECODER, raw, STATEMENT_BYTES_MAX, "statement")
    if any(not signature.single for signature in statement.s):
        raise FormatError("only messages are signed in batches")
    return statement


def signed_bytes(kind: str, h: bytes) -> bytes:
    """Return what a key signs for a statement of this kind."""
    return pae(payload_type(kind), h)
