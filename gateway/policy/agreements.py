"""Read the law: one TOML file an instrument, checked whole before anything is judged by it.

Pure: bytes in, `Law` out. A file that is malformed, names what does not exist or contradicts itself is refused
with file, key and remedy, so that a running gateway keeps the law it has.
"""

import base64
import hashlib
from collections.abc import Mapping

import msgspec
from msgspec.structs import replace

from gateway.domain.agreement import Agreement
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
_EXPLAIN = "see docs/adr/0006-policy.md for the format"


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
    _check_clauses(name, agreement)
    # From here on an article is cited with its instrument: `CZKZ Art. 11(2)`.
    cited = tuple(replace(clause, article=f"{agreement.short} {clause.article}") for clause in agreement.clauses)
    return replace(agreement, clauses=cited)


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
    edges = {
        (agreement.id, replaced)
        for agreement in agreements.values()
        for clause in agreement.clauses
        if isinstance(clause, Supersession)
        for replaced in clause.replaces
    }
    for newer, older in sorted(edges):
        if newer == older or (older, newer) in edges:
            raise _wrong(names[newer], "clause.replaces", f"`{older}` replaces it too", "one of two ends, not both")
