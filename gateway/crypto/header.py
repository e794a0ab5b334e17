"""Read a header: canonical JSON into a `Header`, and the rules between its fields.

A header has some twenty names with a pattern, and nearly all of them come again in the next message. So they are
read without their patterns and looked up among names that matched before; only a header with a new name is read
again with every pattern, for which msgspec calls one regular expression a field.
"""

import functools
import operator
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Struct

from gateway.crypto import canonical
from gateway.domain.errors import FormatError
from gateway.domain.message import LIFETIME_MS_MAX, Header
from gateway.domain.names import AuthorityId, Code, KeyId, MediaType

_SORTED = ("purposes", "subjects", "sources", "consents", "conditions", "label.handling", "label.special_categories")

# Names that come again and again. Ids and digests do not: they keep their patterns.
REPEATING = (Code, AuthorityId, KeyId, MediaType)
# More names than this in one gateway are somebody's game; we forget them and look again.
NAMES_MAX = 65_536


class _Names:
    """Names of one pattern that have been checked; None stands for an absent one."""

    def __init__(self) -> None:
        self._checked: set[str | None] = {None}

    def knows(self, names: tuple[str | None, ...]) -> bool:
        return self._checked.issuperset(names)

    def learn(self, names: tuple[str | None, ...]) -> None:
        if len(self._checked) > NAMES_MAX:
            self._checked = {None}
        self._checked.update(names)


_CODES, _AUTHORITIES, _KIDS, _MEDIA = _Names(), _Names(), _Names(), _Names()


def decode_header(raw: bytes) -> Header:
    """Return the header in `raw`; nothing is said of who signed it.

    Raises:
        FormatError: no header, not its one spelling, or its fields contradict one another.
    """
    header = canonical.decode(raw, _TWIN)
    codes, authorities, kids, media = _repeating(header)
    if not (_CODES.knows(codes) and _AUTHORITIES.knows(authorities) and _KIDS.knows(kids) and _MEDIA.knows((media,))):
        header = canonical.decode(raw, Header)
        _CODES.learn(codes)
        _AUTHORITIES.learn(authorities)
        _KIDS.learn(kids)
        _MEDIA.learn((media,))
    check_header(header)
    return header


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


def _twin(type_: Any) -> Any:
    """Return `type_` with the same fields and without the patterns of names that repeat."""
    if type_ in REPEATING:
        return str
    origin, arguments = get_origin(type_), get_args(type_)
    if origin is Annotated:
        return Annotated[(_twin(arguments[0]), *arguments[1:])]
    if origin in (Union, UnionType):
        return functools.reduce(operator.or_, [_twin(each) for each in arguments])
    if origin in (tuple, dict):
        return origin[tuple([each if each is ... else _twin(each) for each in arguments])]
    if isinstance(type_, type) and issubclass(type_, Struct):
        hints = get_type_hints(type_, include_extras=True)
        fields = [(field.name, _twin(hints[field.name])) for field in msgspec.structs.fields(type_)]
        return msgspec.defstruct(type_.__name__, fields, bases=(type_,), frozen=True, forbid_unknown_fields=True)
    return type_


_TWIN: type[Header] = _twin(Header)


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
