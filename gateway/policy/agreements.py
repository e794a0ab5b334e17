"""Read the law: one TOML file an instrument, checked whole before anything is judged by it.

Pure: bytes in, `Law` out. A file that is malformed, names what does not exist or contradicts itself is refused
with file, key and remedy, so that a running gateway keeps the law it has.
"""

import base64
import hashlib
import itertools
import re
from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from gateway.domain.agreement import Agreement, AnyClause
from gateway.domain.clause import (
    Clause,
    Conditions,
    Confidentiality,
    Entry,
    Excluded,
    Form,
    Kinds,
    OtherUse,
    Purposes,
    Renewal,
    RuleSets,
    Subjects,
    Supersession,
    Survival,
    ThirdParty,
)
from gateway.domain.errors import ConfigurationError
from gateway.policy.dates import parse_day
from gateway.policy.reasons import REASONS

# An instrument that is silent on one of these would permit by silence.
_DEMANDED: tuple[type[Clause], ...] = (
    Kinds,
    Purposes,
    Subjects,
    Survival,
    OtherUse,
    ThirdParty,
    Conditions,
    Confidentiality,
)
_EXPLAIN = "see docs/agreements.md for the format"
# How a place in a treaty is cited (docs/agreements.md); `Art.` is followed by the number of an article.
CITED_AS = ("Art. ", "Preamble", "Annex", "Reservation", "Testimonium", "Status")
_ARTICLES = re.compile(r"Art\. (\d+)(?:\([^)]*\)[a-z]?)*(?:-(\d+))?")


class Law:
    """Every loaded agreement by id, the digest of its file, and one digest of all. Immutable."""

    def __init__(self, agreements: dict[str, Agreement], digests: dict[str, str]) -> None:
        """Index agreements that were checked; `digests` are base64url SHA-256 of the files' bytes."""
        self.agreements = agreements
        self.digests = digests
        self.sha256 = _digest("".join(f"{name} {digests[name]}\n" for name in sorted(digests)).encode())
        self.subjects = frozenset(
            subject
            for agreement in agreements.values()
            for clause in agreement.clauses
            if isinstance(clause, Subjects)
            for subject in clause.allowed
        )


def read_law(files: Mapping[str, bytes]) -> Law:
    """Return the law that these files state, by file name.

    Raises:
        ConfigurationError: a file is no agreement, or the files contradict one another.
    """
    agreements: dict[str, Agreement] = {}
    names: dict[str, str] = {}
    digests: dict[str, str] = {}
    for name, raw in sorted(files.items()):
        agreement = _read(name, raw)
        if agreement.id in agreements:
            raise _wrong(name, "id", f"`{agreement.id}` is stated by two files", "keep one of them")
        agreements[agreement.id] = agreement
        names[agreement.id] = name
        digests[agreement.id] = _digest(raw)
    if not agreements:
        raise ConfigurationError("no agreement file was found", "point `agreements` at a folder of *.toml")
    _check_supersession(agreements, names)
    for agreement in agreements.values():
        _check_implementing(agreement, agreements, names[agreement.id])
    return Law(agreements, digests)


def _digest(raw: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(raw).digest()).rstrip(b"=").decode()


def _wrong(name: str, key: str, what: str, remedy: str) -> ConfigurationError:
    return ConfigurationError(f"{name}: key `{key}`: {what}", remedy)


def _read(name: str, raw: bytes) -> Agreement:
    try:
        agreement = msgspec.toml.decode(raw, type=Agreement)
    except msgspec.ValidationError as error:
        text, _, path = str(error).partition(" - at `$")
        raise _wrong(name, path.rstrip("`").lstrip(".") or "(file)", text.lower(), _EXPLAIN) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _wrong(name, "(file)", f"not TOML: {error}".lower(), "mend the line it names") from None
    if name.rpartition("/")[2] != f"{agreement.id}.toml":
        raise _wrong(
            name, "id", f"`{agreement.id}` is not the file's name", f"rename the file to `{agreement.id}.toml`"
        )
    _check_parties(name, agreement)
    _check_amendments(name, agreement)
    _check_days(name, agreement)
    _check_articles(name, agreement)
    _check_clauses(name, agreement)
    # From here on an article is cited with its instrument: `CZKZ Art. 11(2)`.
    return replace(agreement, clauses=tuple(_cited(agreement, clause) for clause in agreement.clauses))


def _cited(agreement: Agreement, clause: AnyClause) -> AnyClause:
    if isinstance(clause, Entry) and clause.accession_article is not None:
        clause = replace(clause, accession_article=f"{agreement.short} {clause.accession_article}")
    return replace(clause, article=f"{agreement.short} {clause.article}")


def _check_parties(name: str, agreement: Agreement) -> None:
    entries = sum(isinstance(clause, Entry) for clause in agreement.clauses)
    if agreement.origin == "treaty" and entries != 1:
        raise _wrong(name, "clause", f"{entries} clauses of check `entry`", "state once when it enters into force")
    if agreement.origin == "treaty" and agreement.members:
        raise _wrong(name, "member", "a treaty's parties stand in the directory", "move them to `adherences`")
    if agreement.origin == "operator" and (entries or not agreement.members):
        raise _wrong(name, "member", "an operator's instrument states its own parties", "list each as [[member]]")
    if agreement.hub is not None and agreement.hub not in {member.party for member in agreement.members}:
        raise _wrong(name, "hub", f"`{agreement.hub}` is no member", "list it as [[member]]")
    for index, member in enumerate(agreement.members):
        try:
            begins = parse_day(member.from_)
            ends = parse_day(member.until) if member.until else begins
        except ValueError:
            raise _wrong(name, f"member[{index}]", "a day that does not exist", "write it as YYYY-MM-DD") from None
        if ends < begins:
            raise _wrong(name, f"member[{index}].until", "ends before it begins", "put the dates in order")


def _check_amendments(name: str, agreement: Agreement) -> None:
    ids = [amendment.id for amendment in agreement.amendments]
    for index, amendment in enumerate(agreement.amendments):
        path = f"amendment[{index}]"
        if ids.count(amendment.id) > 1:
            raise _wrong(name, f"{path}.id", f"`{amendment.id}` is stated twice", "keep one of them")
        try:
            ordered = parse_day(amendment.agreed_on) <= parse_day(amendment.in_force_on)
        except ValueError:
            raise _wrong(name, path, "a day that does not exist", "write it as YYYY-MM-DD") from None
        if not ordered:
            raise _wrong(name, f"{path}.in_force_on", "in force before it was agreed", "put the dates in order")


def _check_days(name: str, agreement: Agreement) -> None:
    """Days inside clauses exist and are in order, and a rule set's successor is one of the instrument's (CA-25)."""
    sets = {each.id for clause in agreement.clauses if isinstance(clause, RuleSets) for each in clause.sets}
    for index, clause in enumerate(agreement.clauses):
        path = f"clause[{index}]"
        if isinstance(clause, Renewal) and clause.not_extended_after is not None:
            _ordered(name, f"{path}.not_extended_after", None, clause.not_extended_after)
        for number, each in enumerate(clause.sets if isinstance(clause, RuleSets) else ()):
            _ordered(name, f"{path}.sets[{number}].until", each.from_, each.until)
            if each.successor is not None and each.successor not in sets - {each.id}:
                what = f"`{each.successor}` is no other rule set here"
                raise _wrong(name, f"{path}.sets[{number}].successor", what, "state it among the sets")


def _ordered(name: str, key: str, first: str | None, last: str | None) -> None:
    try:
        days = [parse_day(text) for text in (first, last) if text is not None]
    except ValueError:
        raise _wrong(name, key, "a day that does not exist", "write it as YYYY-MM-DD") from None
    if days != sorted(days):
        raise _wrong(name, key, "ends before it begins", "put the dates in order")


def _check_articles(name: str, agreement: Agreement) -> None:
    """A treaty says how many articles it has, and nothing cites one that is not there (1.7-10)."""
    if agreement.origin == "operator":
        return
    if agreement.articles is None:
        raise _wrong(name, "articles", "missing", "state how many articles the text has")
    cited = [(f"clause[{index}].article", clause.article) for index, clause in enumerate(agreement.clauses)]
    cited += [
        (f"clause[{index}].accession_article", clause.accession_article)
        for index, clause in enumerate(agreement.clauses)
        if isinstance(clause, Entry) and clause.accession_article is not None
    ]
    cited += [(f"amendment[{index}].article", each.article) for index, each in enumerate(agreement.amendments)]
    cited += [
        (f"clause[{index}].accession_article", each.accession_article)
        for index, each in enumerate(agreement.clauses)
        if isinstance(each, Entry) and each.accession_article is not None
    ]
    for path, article in cited:
        if not article.startswith(CITED_AS):
            allowed = ", ".join(f"`{word.strip()}`" for word in CITED_AS)
            raise _wrong(name, path, f"`{article}` is no place in a treaty", f"begin with one of {allowed}")
        numbers = {int(number) for found in _ARTICLES.findall(article) for number in found if number}
        beyond = sorted(number for number in numbers if not 1 <= number <= agreement.articles)
        if beyond or (article.startswith("Art. ") and not numbers):
            unknown = f"there is no article {beyond[0]}" if beyond else f"`{article}` names no article"
            raise _wrong(name, path, unknown, f"cite one of 1 to {agreement.articles}, or correct `articles`")


def _check_clauses(name: str, agreement: Agreement) -> None:
    for demanded in _DEMANDED:
        if not any(isinstance(clause, demanded) for clause in agreement.clauses):
            check = demanded.__struct_config__.tag
            raise _wrong(name, "clause", f"no clause of check `{check}`", "silence would permit: state one")
    for index, clause in enumerate(agreement.clauses):
        path = f"clause[{index}]"
        if isinstance(clause, Form | Excluded) and clause.code not in REASONS:
            raise _wrong(name, f"{path}.code", f"`{clause.code}` is no reason", "use a code of policy/reasons.py")
        if clause.basis == "policy" and agreement.origin == "treaty" and not clause.note:
            raise _wrong(
                name, f"{path}.note", "our policy in a treaty without a word why", "say what the text leaves open"
            )
        if isinstance(clause, Supersession) and clause.scope == "wholly" and len(agreement.between) != 2:
            raise _wrong(name, f"{path}.scope", "`wholly` without two parties", "name them in `between`")
        if isinstance(clause, OtherUse) and clause.consent == "none" and clause.attestations:
            raise _wrong(name, f"{path}.attestations", "nothing to attest where no consent helps", "remove them")


def _check_supersession(agreements: dict[str, Agreement], names: dict[str, str]) -> None:
    """Nothing replaces itself in the end, and no instrument is replaced twice for one pair."""
    newer: dict[str, list[tuple[Agreement, str]]] = {}
    for agreement in agreements.values():
        for clause in agreement.clauses:
            if isinstance(clause, Supersession):
                for older in clause.replaces:
                    newer.setdefault(older, []).append((agreement, clause.scope))
    for older in sorted(newer):
        chain = _cycle(older, newer)
        if chain:
            raise _wrong(
                names[chain[1]],
                "clause.replaces",
                f"`{older}` replaces it too, by way of {', '.join(chain[1:])}",
                "the newest one ends the others; take the link back to it out",
            )
        for (first, one), (second, other) in itertools.combinations(newer[older], 2):
            if first.id == second.id or _may_share_a_pair(first, one, second, other):
                raise _wrong(
                    names[second.id],
                    "clause.replaces",
                    f"`{older}` is replaced for the same pair by `{first.id}` as well",
                    "let the newer of the two replace the other one alone",
                )


def _check_implementing(agreement: Agreement, agreements: dict[str, Agreement], name: str) -> None:
    """An arrangement that implements another can narrow it, and widens nothing (CA-18)."""
    if agreement.implements is None:
        return
    parent = agreements.get(agreement.implements)
    if parent is None or parent.id == agreement.id or parent.implements is not None:
        what = f"`{agreement.implements}` is no agreement that can be implemented"
        raise _wrong(name, "implements", what, "name one that is loaded and implements none itself")
    for kind in (Kinds, Purposes, Subjects):
        own, given = (_codes(each, kind) for each in (agreement, parent))
        if wider := sorted(own - given):
            what = f"`{wider[0]}` is none of the {kind.__struct_config__.tag} of `{parent.id}`, which it implements"
            raise _wrong(name, "clause.allowed", what, "take it out; only an amendment of the other one widens it")


def _codes(agreement: Agreement, kind: type[Kinds | Purposes | Subjects]) -> set[str]:
    return {code for clause in agreement.clauses if isinstance(clause, kind) for code in clause.allowed}


def _cycle(start: str, newer: dict[str, list[tuple[Agreement, str]]]) -> list[str]:
    """Return a chain of replacements, oldest first, that leads from `start` back to it; empty if there is none."""
    waiting = [[start]]
    seen: set[str] = set()
    while waiting:
        chain = waiting.pop()
        for agreement, _ in newer.get(chain[-1], ()):
            if agreement.id == start:
                return [*chain, start]
            if agreement.id not in seen:
                seen.add(agreement.id)
                waiting.append([*chain, agreement.id])
    return []


def _may_share_a_pair(first: Agreement, one: str, second: Agreement, other: str) -> bool:
    """Tell whether some pair of parties could be bound by both; what ends wholly ends for every pair."""
    if "wholly" in (one, other) or not first.between or not second.between:
        return True
    return len(set(first.between) & set(second.between)) > 1
