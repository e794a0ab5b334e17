"""The spelling of every name that travels: patterns, no meaning.

Digests, keys and key ids are base64url without padding in JSON (wire.md). A last character
that carries stray bits is refused, so that every value has exactly one spelling.
"""

from typing import Annotated, Literal

from msgspec import Meta

# Codes, not prose: whatever a person would have to read belongs into the encrypted body.
Code = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9.-]{0,63}\Z")]
AuthorityId = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]{1,62}\Z")]
PartyId = Annotated[str, Meta(pattern=r"^[A-Z][A-Z0-9-]{1,31}\Z")]
MessageId = Annotated[str, Meta(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}\Z")]
Digest = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]\Z")]
KeyId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{21}[AQgw]\Z")]
SignatureText = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{85}[AQgw]\Z")]
# A title or an address: printable ASCII without quote and backslash.
Text = Annotated[str, Meta(pattern=r"^[ !#-\[\]-~]{1,200}\Z")]
MediaType = Annotated[str, Meta(pattern=r"^[a-z0-9.+-]{1,64}/[a-z0-9.+-]{1,127}\Z")]
Origin = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9./-]{1,127}\Z")]
# A calendar day, UTC (ADR 0004).
Day = Annotated[str, Meta(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")]
# Milliseconds since the Unix epoch; JSON integers go to 2^53 - 1 (wire.md).
Milliseconds = Annotated[int, Meta(ge=0, le=2**53 - 1)]
Count = Annotated[int, Meta(ge=0, le=2**53 - 1)]

# `wrap` is ours: wire.md names no role for the keys that wraps are made to (ADR 0005).
Role = Literal[
    "message", "seal", "signatory", "consent", "acknowledgement", "wrap", "directory", "grants", "checkpoint", "tls"
]
SIGNING_ROLES: frozenset[str] = frozenset(
    {"message", "seal", "signatory", "consent", "acknowledgement", "directory", "grants", "checkpoint"}
)
