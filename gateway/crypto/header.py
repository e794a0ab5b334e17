"""Read a header: canonical JSON into a `Header`, and the rules between its fields."""

from gateway.crypto import canonical
from gateway.domain.errors import FormatError
from gateway.domain.message import LIFETIME_MS_MAX, Header

_SORTED = ("purposes", "subjects", "sources", "consents", "conditions", "label.handling", "label.special_categories")


def decode_header(raw: bytes) -> Header:
    """Return the header in `raw`; nothing is said of who signed it.

    Raises:
        FormatError: no header, not its one spelling, or its fields contradict one another.
    """
    # Half of this is msgspec's call for each pattern. One expression for the whole object was tried: 4 % of
    # `open_envelope` for a second parser that must agree with the first.
    header = canonical.decode(raw, Header)
    check_header(header)
    return header


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
