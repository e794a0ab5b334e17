"""Which messages change what others mean: an acceptance of conditions, a recall.

Both name what they are about in `in_reply_to` or `sources`. An acceptance binds whoever sent it to the conditions of
the source (CIS2018 Art. 7(6), CIS2001 Art. 7(4): C8-24, C1-14). A recall takes a source back (CZKZ Art. 10(4): CZ-27);
only its provider's own counts, which the reader compares.
"""

from collections.abc import Iterable

from gateway.crypto.digests import decode_base64url
from gateway.domain.facts import SourceFact
from gateway.domain.message import Header

ACCEPTANCE = "acceptance"
RECALL = "recall"
KINDS = frozenset({ACCEPTANCE, RECALL})


def affected(header: Header) -> tuple[bytes, ...]:
    """Return the digests of the messages that an accepted message with this header has an effect on, each once."""
    if header.kind not in KINDS:
        return ()
    answered = () if header.in_reply_to is None else (header.in_reply_to,)
    return tuple(dict.fromkeys(decode_base64url(digest) for digest in (*answered, *header.sources)))


def source_fact(digest: str, admitted_at_ms: int, header: Header, effects: Iterable[tuple[str, str]]) -> SourceFact:
    """Return what is known of a source: an accepted message, and its effects as (kind, originator)."""
    known = set(effects)
    return SourceFact(
        header_sha256=digest,
        originator=header.originator,
        recipients=tuple(recipient.authority for recipient in header.recipients),
        agreement=header.agreement,
        kind=header.kind,
        purposes=header.purposes,
        subjects=header.subjects,
        label=header.label,
        conditions=header.conditions,
        in_reply_to=header.in_reply_to,
        sources=header.sources,
        admitted_at_ms=admitted_at_ms,
        withdrawn=(RECALL, header.originator) in known,
        accepted=tuple(sorted(originator for kind, originator in known if kind == ACCEPTANCE)),
    )
