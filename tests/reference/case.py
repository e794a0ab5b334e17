"""One question to the table: a header, who signed, what is known of what it cites, the connection, the moment."""

import datetime as dt
from collections.abc import Callable, Sequence

from gateway.domain.directory import Authority
from gateway.domain.facts import Facts, SourceFact
from gateway.domain.label import RANK
from gateway.domain.message import Header
from gateway.domain.session import Peer
from tests.reference.counting import day_of
from tests.reference.world import World


class Case:
    """A question, with the few names that every row of the table needs."""

    def __init__(
        self, world: World, header: Header, roles: Sequence[str], facts: Facts, peer: Peer, at_ms: int
    ) -> None:
        """Look up the authorities that the header names; who is not listed is None."""
        listed = world.directory.authorities
        self.world = world
        self.header = header
        self.roles = roles
        self.facts = facts
        self.peer = peer
        self.at_ms = at_ms
        self.day: dt.date = day_of(at_ms)
        self.kind = header.kind
        self.form = header.form
        self.label = header.label
        self.rank = RANK[header.label.level]
        self.originator: Authority | None = listed.get(header.originator)
        self.to = [entry.authority for entry in header.recipients]
        self.recipients: list[Authority | None] = [listed.get(name) for name in self.to]

    def declares(self, key: str) -> bool:
        """Tell whether the form has this key and does not say no."""
        return self.form.get(key, False) is not False

    def party_of(self, name: str) -> str | None:
        """Return the party of an authority, None of one that is not listed."""
        found = self.world.directory.authorities.get(name)
        return found.party if found else None

    @property
    def own_party(self) -> str | None:
        """Return the party of the originator."""
        return self.originator.party if self.originator else None


# A row of the table: rule id, and the plain condition under which it speaks.
Row = tuple[str, Callable[[Case], bool]]
# The same for a rule about information of others: it is asked for every source, under the source's instrument.
SourceRow = tuple[str, Callable[[Case, SourceFact], bool]]
