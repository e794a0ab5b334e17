"""What an agreement obliges an authority to do by a date. Judged in `policy`, kept in `store`."""

from msgspec import Struct

from gateway.domain.names import AuthorityId, Code, Digest, Milliseconds, Text


class Duty(Struct, frozen=True, forbid_unknown_fields=True):
    """One obligation: who, what, because of which message, until when (None: no date in the text)."""

    authority: AuthorityId
    duty: Code
    rule: Text
    header_sha256: Digest
    due_at_ms: Milliseconds | None
