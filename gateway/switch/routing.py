"""Where a message goes: pure, from header and edition.

A message goes to the recipients its originator signed, to nobody else; the switch adds none.
"""

from msgspec import Struct

from gateway.domain.label import RANK
from gateway.domain.message import URGENCIES, Header


class Route(Struct, frozen=True):
    """What delivery must know of a message: `precedence` 0 goes first, `rank` bounds the links it may use.

    `hidden`: its very existence is confidential (C8-26), so no broker may carry it.
    """

    recipients: tuple[str, ...]
    precedence: int
    rank: int
    hidden: bool


_PRECEDENCE = {urgency: position for position, urgency in enumerate(URGENCIES)}


def route(header: Header) -> Route:
    """Return the route of a message that was permitted.

    Source: wire.md, "Header fields"; the label bounds every link it travels on (design section 5.3).
    """
    label = header.label
    recipients = tuple([recipient.authority for recipient in header.recipients])
    return Route(recipients, _PRECEDENCE[header.urgency], RANK[label.level], label.confidential_fact)
