"""The ground that everything is judged on: one directory edition and the law it names, indexed once.

Immutable but for a bounded cache of what follows from both.
"""

from msgspec.structs import replace

from gateway.domain.agreement import Agreement, Supersession
from gateway.domain.decision import EditionRef
from gateway.domain.directory import Adherence, Authority, Directory
from gateway.policy.agreements import Law
from gateway.policy.standing import Bond, bond_of

# A pair of parties and an instrument each; a federation of 200 parties uses a fraction of its pairs.
BONDS_MAX = 8_192


class Ground:
    """Directory and law, and what the judge looks up in them."""

    def __init__(self, directory: Directory, law: Law) -> None:
        """Index both; agreements that the edition does not list cannot be cited."""
        self.directory = directory
        self.law = law
        self.edition = EditionRef(directory.edition.number, directory.sha256)
        self.not_after_ms = directory.edition.not_after_ms
        self.mismatched = tuple(
            sorted(name for name, digest in directory.law.items() if law.digests.get(name) != digest)
        )
        self.agreements = {name: law.agreements[name] for name in directory.law if name in law.agreements}
        self._adherences: dict[str, dict[str, Adherence]] = {}
        for (agreement, party), adherence in directory.adherences.items():
            self._adherences.setdefault(agreement, {})[party] = adherence
        self._successors: dict[str, list[tuple[Agreement, Supersession]]] = {}
        for agreement_ in self.agreements.values():
            for clause in agreement_.clauses:
                if isinstance(clause, Supersession):
                    for replaced in clause.replaces:
                        self._successors.setdefault(replaced, []).append((agreement_, clause))
        self._bonds: dict[tuple[str, str, str], Bond] = {}

    def authority(self, name: str) -> Authority | None:
        """Return an authority that is listed, with its party, or None."""
        found = self.directory.authorities.get(name)
        return found if found is not None and found.party in self.directory.parties else None

    def party_of(self, name: str) -> str | None:
        """Return the party of a listed authority."""
        found = self.directory.authorities.get(name)
        return found.party if found else None

    def same_party(self, first: str, second: str) -> bool:
        """Tell whether two authorities are certain to be of one party."""
        party = self.party_of(first)
        return first == second or (party is not None and party == self.party_of(second))

    def bond(self, agreement: Agreement, first: str, second: str) -> Bond:
        """Return how `agreement` binds two parties, supersession included."""
        low, high = sorted((first, second))
        key = (agreement.id, low, high)
        found = self._bonds.get(key)
        if found is None:
            found = self._superseded(agreement, low, high)
            if len(self._bonds) >= BONDS_MAX:
                del self._bonds[next(iter(self._bonds))]
            self._bonds[key] = found
        return found

    def _superseded(self, agreement: Agreement, first: str, second: str) -> Bond:
        """Once both are bound by the newer one the older has ended between them, whatever becomes of the newer."""
        bond = bond_of(agreement, first, second, self._adherences.get(agreement.id, {}))
        for newer, clause in self._successors.get(agreement.id, ()):
            pair = (first, second) if clause.scope == "pairwise" or not newer.between else newer.between[:2]
            taken = bond_of(newer, pair[0], pair[1], self._adherences.get(newer.id, {}))
            if taken.begin_ms < min(taken.end_ms, bond.superseded_ms):
                bond = replace(bond, superseded_ms=taken.begin_ms, superseded_by=(newer.id, clause))
        return bond

    def governing(self, first: str, second: str, at_ms: int) -> tuple[str, ...]:
        """Return the ids of the agreements that govern a pair at a moment, in full."""
        return tuple(
            name for name, agreement in self.agreements.items() if self.bond(agreement, first, second).clear(at_ms)
        )
