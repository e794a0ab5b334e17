"""Read a header: canonical JSON into a `Header`, and the rules between its fields.

A header has some twenty names with a pattern, and nearly all of them come again in the next message. So it is read as
a twin without them (`crypto.twins`); only a header with a new name is read again with every pattern.
"""

from gateway.crypto import canonical
from gateway.crypto.twins import KnownNames, are_digests, twin
from gateway.domain.errors import FormatError
from gateway.domain.message import LIFETIME_MS_MAX, Header
from gateway.domain.names import AuthorityId, Code, Digest, KeyId, MediaType

_SORTED = ("purposes", "subjects", "sources", "consents", "conditions", "label.handling", "label.special_categories")

# Names that come again and again.
REPEATING = (Code, AuthorityId, KeyId, MediaType)
_TWIN = twin(Header, (*REPEATING, Digest))
_CODES, _AUTHORITIES, _KIDS, _MEDIA = KnownNames(), KnownNames(), KnownNames(), KnownNames()


def decode_header(raw: bytes) -> Header:
    """Return the header in `raw`; nothing is said of who signed it.

    Raises:
        FormatError: no header, not its one spelling, or its fields contradict one another.
    """
    header = canonical.decode(raw, _TWIN)
    codes, authorities, kids, media = _repeating(header)
    known = (
        _CODES.issuperset(codes)
        and _AUTHORITIES.issuperset(authorities)
        and _KIDS.issuperset(kids)
        and media in _MEDIA
        and are_digests(_digests(header))
    )
    if not known:
        # One of them is new, or breaks its pattern, which is named then.
        header = canonical.decode(raw, Header)
        _CODES.learn(codes)
        _AUTHORITIES.learn(authorities)
        _KIDS.learn(kids)
        _MEDIA.learn((media,))
    check_header(header)
    return header


def _digests(header: Header) -> list[str]:
    """Return every digest of `header`."""
    digests = [header.key_commitment, header.body.sha256, *[recipient.wrap_sha256 for recipient in header.recipients]]
    if header.sources or header.consents:
        digests += (*header.sources, *header.consents)
    if header.case is not None:
        digests.append(header.case)
    if header.in_reply_to is not None:
        digests.append(header.in_reply_to)
    return digests


def _repeating(header: Header) -> tuple[tuple[str | None, ...], tuple[str, ...], tuple[str, ...], str]:
    """Return every name of `header` that `_TWIN` reads without its pattern, by pattern."""
    label, form = header.label, header.form
    codes = (
        header.network,
        header.kind,
        header.agreement,
        *header.purposes,
        *header.subjects,
        *header.conditions,
        *label.handling,
        *label.special_categories,
        label.necessity,
        header.database,
        header.language,
        header.body.schema,
        *form,
        *[value for value in form.values() if isinstance(value, str)],
    )
    authorities = (header.originator, *[recipient.authority for recipient in header.recipients])
    kids = (*header.signers, *[recipient.key for recipient in header.recipients])
    return codes, authorities, kids, header.body.media_type


def check_header(header: Header) -> None:
    """Return if a header of the right schema also keeps the rules between its fields, at whatever time.

    Raises:
        FormatError: it does not.
    """
    label = header.label
    lists = (
        header.purposes,
        header.subjects,
        header.sources,
        header.consents,
        header.conditions,
        label.handling,
        label.special_categories,
    )
    for place, values in enumerate(lists):
        if values and not canonical.in_order(values):
            raise FormatError(f"`{_SORTED[place]}` is not strictly increasing")
    recipients = header.recipients
    if len(recipients) > 1 and len({recipient.authority for recipient in recipients}) != len(recipients):
        raise FormatError("a recipient is listed twice")
    if len(header.signers) > 1 and len(set(header.signers)) != len(header.signers):
        raise FormatError("a signer is listed twice")
    if int(header.id[:8] + header.id[9:13], 16) != header.sent_at_ms:
        raise FormatError("the millisecond in `id` is not `sent_at_ms`")
    if header.expires_at_ms > header.sent_at_ms + LIFETIME_MS_MAX:
        raise FormatError(f"`expires_at_ms` is more than {LIFETIME_MS_MAX // 86_400_000} days after `sent_at_ms`")
