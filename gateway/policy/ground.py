"""The ground that everything is judged on: one directory edition and the law it names, indexed once.

Immutable but for a bounded cache of what follows from both.
"""

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple

from msgspec.structs import replace

from gateway.domain.agreement import Agreement
from gateway.domain.clause import (
    Clause,
    Conditions,
    ConfidentialFact,
    Confidentiality,
    OtherUse,
    Supersession,
    ThirdParty,
)
from gateway.domain.decision import EditionRef
from gateway.domain.directory import Adherence, Authority, Directory, Signatory
from gateway.policy.agreements import Law
from gateway.policy.standing import FOREVER_MS, Bond, bond_of

# A pair of parties and an instrument each; a federation of 200 parties uses a fraction of its pairs.
BONDS_MAX = 8_192
# An instrument and a kind each; kinds are the senders' words.
SPEAKING_MAX = 4_096
# Clauses about other people's information: asked of the instrument that a source came under (1.7, 12).
SOURCED_TYPES: frozenset[type[Clause]] = frozenset({OtherUse, ThirdParty, Conditions, Confidentiality})


def make_room(cache: OrderedDict[Any, Any], bound: int) -> None:
    """Drop the oldest entry of a full cache. A plain dict would step over all that are gone to find it."""
    if len(cache) >= bound:
        cache.popitem(last=False)


def concerns(clause: Clause, kind: str, personal_data: bool) -> bool:
    """Tell whether a clause speaks of information of this kind."""
    if (clause.kinds and kind not in clause.kinds) or kind in clause.except_kinds:
        return False
    return clause.when == "always" or personal_data == (clause.when == "personal-data")


class Speaking(NamedTuple):
    """The clauses of one instrument that speak of one kind of information, their types, and those about its use."""

    clauses: tuple[Clause, ...]
    types: frozenset[type[Clause]]
    sourced: tuple[Clause, ...]


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
        # A channel on record, both ways round; lists of authorised persons that an authority made for an instrument.
        self.channels = frozenset(
            (channel.agreement, *pair)
            for channel in directory.edition.channels
            for pair in (channel.between, channel.between[::-1])
        )
        self.persons: dict[tuple[str, str], tuple[Signatory, ...]] = {}
        for entry in directory.edition.signatories:
            if entry.office == "authorised" and entry.agreement is not None:
                key = (entry.authority, entry.agreement)
                self.persons[key] = (*self.persons.get(key, ()), entry)
        self.experts = frozenset(entry.key for entry in directory.edition.signatories if entry.office == "expert")
        self.hiding = frozenset(
            name
            for name, agreement in self.agreements.items()
            if any(isinstance(clause, ConfidentialFact) for clause in agreement.clauses)
        )
        self._bonds: OrderedDict[tuple[str, str, str], Bond] = OrderedDict()
        self._speaking: OrderedDict[tuple[str, str, bool], Speaking] = OrderedDict()

    def authority(self, name: str) -> Authority | None:
        """Return an authority that is listed, with its party, or None."""
        found = self.directory.authorities.get(name)
        return found if found is not None and found.party in self.directory.parties else None

    def is_private(self, authority: Authority) -> bool:
        """Tell whether a listed authority is a private body, or belongs to a private party (LI-01)."""
        return authority.entity == "private" or self.directory.parties[authority.party].kind == "private"

    def adherences(self, agreement: str) -> Mapping[str, Adherence]:
        """Return the status of every party that the edition lists under an agreement, by party."""
        return self._adherences.get(agreement, {})

    def same_party(self, first: str, second: str) -> bool:
        """Tell whether two authorities are certain to be of one party."""
        if first == second:
            return True
        authorities = self.directory.authorities
        one, other = authorities.get(first), authorities.get(second)
        return one is not None and other is not None and one.party == other.party

    def bond(self, agreement: Agreement, first: str, second: str) -> Bond:
        """Return how `agreement` binds two parties, supersession included."""
        low, high = sorted((first, second))
        key = (agreement.id, low, high)
        found = self._bonds.get(key)
        if found is None:
            found = self._superseded(agreement, low, high)
            make_room(self._bonds, BONDS_MAX)
            self._bonds[key] = found
        return found

    def speaking(self, agreement: Agreement, kind: str, personal_data: bool) -> Speaking:
        """Return the clauses of `agreement` that concern such information."""
        key = (agreement.id, kind, personal_data)
        found = self._speaking.get(key)
        if found is None:
            clauses = tuple(clause for clause in agreement.clauses if concerns(clause, kind, personal_data))
            about = tuple(clause for clause in clauses if type(clause) in SOURCED_TYPES)
            found = Speaking(clauses, frozenset(type(clause) for clause in clauses), about)
            make_room(self._speaking, SPEAKING_MAX)
            self._speaking[key] = found
        return found

    def _superseded(self, agreement: Agreement, first: str, second: str) -> Bond:
        """On days on which both are bound by the newer one it governs; what is replaced wholly never comes back."""
        bond = bond_of(agreement, first, second, self._adherences.get(agreement.id, {}))
        for newer, clause in self._successors.get(agreement.id, ()):
            # What is replaced wholly ends for everybody once its bilateral successor binds its two parties.
            pair = (first, second) if clause.scope == "pairwise" else newer.between
            taken = bond_of(newer, pair[0], pair[-1], self._adherences.get(newer.id, {}))
            ends_ms = min(taken.end_ms, taken.lapsed_ms)
            if taken.begin_ms < min(ends_ms, bond.superseded_ms):
                returns_ms = ends_ms if clause.scope == "pairwise" else FOREVER_MS
                by = (newer.id, clause)
                bond = replace(bond, superseded_ms=taken.begin_ms, returns_ms=returns_ms, superseded_by=by)
        return bond

    def governing(self, first: str, second: str, at_ms: int) -> tuple[str, ...]:
        """Return the ids of the agreements that govern a pair at a moment, in full."""
        return tuple(
            name for name, agreement in self.agreements.items() if self.bond(agreement, first, second).clear(at_ms)
        )
