"""Which way a message goes: pure, from its header.

It goes to the recipients its originator signed, to nobody else; the switch adds none.
"""

from msgspec import Struct

from gateway.domain.label import RANK
from gateway.domain.message import URGENCIES, Header


class Route(Struct, frozen=True):
    """What delivery must know of a message: `precedence` 0 goes first, `rank` bounds the links it may use.

    `hidden`: its very existence is confidential (C8-26), so no broker may carry it.
    """

    precedence: int
    rank: int
    hidden: bool


# There are no more than these, so that a message has no route of its own to keep.
_ROUTES = {
    (urgency, level, hidden): Route(precedence, rank, hidden)
    for precedence, urgency in enumerate(URGENCIES)
    for level, rank in RANK.items()
    for hidden in (False, True)
}


def route(header: Header) -> Route:
    """Return the route of a message that was permitted.

    Source: wire.md, "Header fields"; the label bounds every link it travels on (design section 5.3).
    """
    label = header.label
    return _ROUTES[header.urgency, label.level, label.confidential_fact]
