"""Read a struct without the patterns of its names, which are then checked together.

msgspec calls one regular expression for each field that has a pattern: of what reading costs, the most. But nearly all
names come again in the next message, and digests can be matched in one go. So a *twin* has the same fields in the same
order and plain strings for names; whoever reads one looks its names up among those that matched before, and reads again
with every pattern where one is new.
"""

import functools
import operator
from collections.abc import Collection, Sequence
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
from msgspec import Struct

Twin = TypeVar("Twin", bound=Struct)

# More names than this in one gateway are somebody's game; we forget them and look again.
NAMES_MAX = 65_536

# Base64url, and what the last of 43 characters may be: one that carries no stray bits.
_ALPHABET, _LAST = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", b"AEIMQUYcgkosw048"
_HEXADECIMAL = b"0123456789abcdef"


class KnownNames(set[str | None]):
    """Names of one pattern that have been checked; None stands for an absent one."""

    def __init__(self) -> None:
        """Know nothing yet."""
        super().__init__((None,))

    def learn(self, names: Collection[str | None]) -> None:
        """Keep names that have just been read with their pattern."""
        if len(self) > NAMES_MAX:
            self.clear()
            self.add(None)
        self.update(names)


def are_digests(texts: Sequence[str]) -> bool:
    """Tell whether every one of `texts` is a digest in its one spelling, as the pattern of `Digest` has it."""
    # Dots, which no digest contains, stand in every 44th place exactly if each text has 43 characters.
    joined, dots = ".".join(texts).encode(), b"." * (len(texts) - 1)
    return (
        len(joined) == 44 * len(texts) - 1
        and joined[43::44] == dots
        and joined.translate(None, _ALPHABET) == dots
        and not joined[42::44].translate(None, _LAST)
    )


def are_message_ids(texts: Sequence[str]) -> bool:
    """Tell whether every one of `texts` is a message id, as the pattern of `MessageId` has it."""
    joined, count = ".".join(texts).encode(), len(texts)
    dashes = b"-" * count
    return (
        len(joined) == 37 * count - 1
        # Nothing but hexadecimal digits, four dashes in each and dots between them; then, where those stand.
        and joined.translate(None, _HEXADECIMAL) == (b"----." * count)[:-1]
        and joined[36::37] == b"." * (count - 1)
        and all(joined[place::37] == dashes for place in (8, 13, 18, 23))
        and joined[14::37] == b"7" * count
        and not joined[19::37].translate(None, b"89ab")
    )


def twin(type_: type[Twin], names: Collection[object]) -> type[Twin]:
    """Return a subclass of `type_` with the same fields, in which every type of `names` is a plain string."""
    made: type[Twin] = _without_patterns(type_, names)
    return made


def _without_patterns(type_: Any, names: Collection[object]) -> Any:
    if type_ in names:
        return str
    origin, arguments = get_origin(type_), get_args(type_)
    if origin is Annotated:
        return Annotated[(_without_patterns(arguments[0], names), *arguments[1:])]
    if origin in (Union, UnionType):
        return functools.reduce(operator.or_, [_without_patterns(each, names) for each in arguments])
    if origin in (tuple, dict):
        return origin[tuple([each if each is ... else _without_patterns(each, names) for each in arguments])]
    if isinstance(type_, type) and issubclass(type_, Struct):
        hints = get_type_hints(type_, include_extras=True)
        fields = [(field.name, _without_patterns(hints[field.name], names)) for field in msgspec.structs.fields(type_)]
        own = {"__eq__": _says_the_same, "__hash__": None}
        return msgspec.defstruct(
            type_.__name__, fields, bases=(type_,), frozen=True, forbid_unknown_fields=True, namespace=own
        )
    return type_


def _says_the_same(self: Struct, other: object) -> bool:
    """A twin is equal to its original: by name, field for field."""
    alike = isinstance(other, Struct) and type(other).__name__ == type(self).__name__
    return alike and all(getattr(self, name) == getattr(other, name) for name in self.__struct_fields__)
