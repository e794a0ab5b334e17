"""Read a header: canonical JSON into a `Header`, and the rules between its fields.

A header has some twenty names with a pattern, and nearly all of them come again in the next message. So it is read as
a twin without them (`crypto.twins`); only a header with a new name is read again with every pattern.
"""

from collections.abc import Sequence

from gateway.crypto import canonical
from gateway.crypto.twins import KnownNames, are_digests, are_message_ids, twin
from gateway.domain.errors import FormatError
from gateway.domain.message import LIFETIME_MS_MAX, Header
from gateway.domain.names import AuthorityId, Code, Digest, KeyId, MediaType, MessageId

_SORTED = ("purposes", "subjects", "sources", "consents", "conditions", "label.handling", "label.special_categories")

# Names that come again and again.
REPEATING = (Code, AuthorityId, KeyId, MediaType)
_TWIN = twin(Header, (*REPEATING, Digest, MessageId))
_CODES, _AUTHORITIES, _KIDS, _MEDIA = KnownNames(), KnownNames(), KnownNames(), KnownNames()


def decode_header(raw: bytes) -> Header:
    """Return the header in `raw`; nothing is said of who signed it.

    Raises:
        FormatError: no header, not its one spelling, or its fields contradict one another.
    """
    return decode_headers((raw,))[0]


def decode_headers(raws: Sequence[bytes]) -> list[Header]:
    """Return the header in each of `raws`.

    Raises:
        FormatError: as `decode_header`, if one of them is at fault.
    """
    headers = canonical.decode_all(raws, _TWIN)
    codes, authorities, kids, media = _repeating(headers)
    known = (
        _CODES.issuperset(codes)
        and _AUTHORITIES.issuperset(authorities)
        and _KIDS.issuperset(kids)
        and _MEDIA.issuperset(media)
        and are_digests(_digests(headers))
        and are_message_ids([header.id for header in headers])
    )
    if not known:
        # One of them is new, or breaks its pattern, which is named then.
        headers = canonical.decode_all(raws, Header)
        _CODES.learn(codes)
        _AUTHORITIES.learn(authorities)
        _KIDS.learn(kids)
        _MEDIA.learn(media)
    for header in headers:
        check_header(header)
    return headers


def _digests(headers: Sequence[Header]) -> list[str]:
    """Return every digest of `headers`."""
    digests: list[str] = []
    for header in headers:
        digests += (header.key_commitment, header.body.sha256)
        digests += [recipient.wrap_sha256 for recipient in header.recipients]
        if header.sources or header.consents:
            digests += (*header.sources, *header.consents)
        if header.case is not None:
            digests.append(header.case)
        if header.in_reply_to is not None:
            digests.append(header.in_reply_to)
    return digests


def _repeating(headers: Sequence[Header]) -> tuple[list[str | None], list[str], list[str], list[str]]:
    """Return every name of `headers` that `_TWIN` reads without its pattern, by pattern."""
    codes: list[str | None] = []
    authorities: list[str] = []
    kids: list[str] = []
    media: list[str] = []
    for header in headers:
        label, body, form = header.label, header.body, header.form
        codes += (header.network, header.kind, header.agreement, *header.purposes, *header.subjects)
        codes += (header.database, header.language, body.schema, label.necessity)
        codes += (*header.conditions, *label.handling, *label.special_categories)
        if form:
            codes += (*form, *[value for value in form.values() if isinstance(value, str)])
        authorities.append(header.originator)
        kids += header.signers
        media.append(body.media_type)
        for recipient in header.recipients:
            authorities.append(recipient.authority)
            kids.append(recipient.key)
    return codes, authorities, kids, media


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
        if len(values) > 1 and not canonical.in_order(values):
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
