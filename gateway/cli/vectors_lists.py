"""Test vectors: each list of an edition unsorted and doubled, and each name in it that leads nowhere.

All are made from one edition in which no list is empty: one thing in it is changed, and what it has nothing to do
with is left out.
"""

from collections.abc import Iterator
from functools import cache
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from gateway.cli.vectors_directory import A, B, pack, small
from gateway.cli.vectors_federation import GRANTS, digest_text, edition, entry, key_set, kid, signed_grants
from gateway.cli.vectors_verdict import Vector, accepted, refused
from gateway.crypto import canonical
from gateway.crypto.digests import encode_base64url, sha256
from gateway.crypto.edition_lists import in_one_order
from gateway.domain.directory import (
    Adherence,
    Authority,
    Block,
    Channel,
    Consented,
    Edition,
    EndpointEntry,
    GatewayEntry,
    Grants,
    LawEntry,
    Mandate,
    Party,
    Signatory,
    Suspension,
)

ABOUT = "Lists of an edition that are not in their one order, say something twice or name what is not listed."
# Their order means something: only doubles are wrong.
KEPT = frozenset({"Authority.languages", "Adherence.suspensions"})
PAIRS = frozenset({"Channel.between", "Block.directions"})
CODES = ("a-code", "b-code")

# How to come to a value from the edition: names of fields, places in lists.
Path = tuple[str | int, ...]


class Listing(Struct, frozen=True):
    """A list of an edition: the field it is, and where the whole edition has it last, with its two entries."""

    field: str
    path: Path
    entries: tuple[Any, ...]

    @property
    def doubled(self) -> tuple[Any, ...]:
        """Its entries, the last of them twice; a pair is twice the same."""
        first, last = self.entries
        return (last, last) if self.field in PAIRS else (first, last, last)


def vectors() -> list[Vector]:
    """Return the vectors of `lists.json`."""
    digest = encode_base64url(sha256(canonical.encode(whole())))
    about = "Something in every list, each in its one order."
    found = [accepted("lists", about, "edition", _given(whole()), number=7, sha256=digest, grants_number=GRANTS.number)]
    for each in listings():
        name = each.field.lower().replace(".", "-")
        if each.field not in KEPT:
            value = changed(each.path, each.entries[::-1])
            found.append(_refused(f"list-unsorted-{name}", f"`{each.field}` the other way round.", value))
        value = changed(each.path, each.doubled)
        found.append(_refused(f"list-doubled-{name}", f"`{each.field}` with an entry twice.", value))
    for name, (path, stranger) in STRANGERS.items():
        about = f"`{'.'.join(map(str, path))}` names what the edition does not list."
        found.append(_refused(f"list-stranger-{name}", about, in_one_order(changed(path, stranger))))
    return found


def _refused(name: str, about: str, value: Edition) -> Vector:
    return refused(name, "trust", about, "edition", _given(value))


def _given(value: Edition) -> dict[str, str]:
    return {"edition": encode_base64url(pack(value, A, B))}


@cache
def whole() -> Edition:
    """Return edition 7 with two entries in every list."""
    channel = Channel("cz-kz", ("CZ", "KZ"), "a protocol")
    signatory = Signatory("cz-police", kid("cz-police signatory"), "deputy", "cz-kz", ("cz-police", "kz-mvd"))
    said = {
        "key_set": key_set(A, B),
        "gateways": (*small().gateways, _gateway("checkpoint stranger")),
        "witnesses": (entry("witness a"), entry("witness b")),
        "law": tuple(LawEntry(name, digest_text(f"law {name}")) for name in ("cis-2018", "cz-kz")),
        "parties": tuple(Party(name, "state", f"Test party {name}", None) for name in ("CZ", "KZ")),
        "authorities": (_authority("cz-police", "message"), _authority("kz-mvd", "acknowledgement")),
        "adherences": (_adherence(), replace(_adherence(), party="KZ")),
        "channels": (channel, replace(channel, basis="a decision")),
        "grants": signed_grants(_grants()),
        "signatories": (signatory, replace(signatory, agreement=None)),
        "blocks": (_block(), replace(_block(), law="another law")),
    }
    return in_one_order(replace(edition(), **said))


def _gateway(name: str) -> GatewayEntry:
    listed = entry(name)
    return GatewayEntry(f"gateway.test/{name[11:]}", listed.kid, listed.public, digest_text(f"{name} certificate"))


def _authority(name: str, *roles: str) -> Authority:
    """An authority with the key of its signatory, one of each of these roles, and two endpoints."""
    listed = next(each for each in edition().authorities if each.id == name)
    second = EndpointEntry(digest_text(f"{name} second certificate"), "broker", "restricted", revoked=False)
    return replace(
        listed,
        mandate=Mandate(CODES, CODES, CODES),
        languages=("ru", "en"),
        keys=tuple(entry(f"{name} {role}") for role in ("signatory", *roles)),
        endpoints=(*listed.endpoints, second),
    )


def _adherence() -> Adherence:
    suspension = Suspension("2025-01-01", None, CODES, CODES)
    return Adherence(
        agreement="cz-kz",
        party="CZ",
        signed_on=None,
        notified_on=None,
        in_force_on=None,
        suspensions=(suspension, replace(suspension, delivered_on="2024-03-01")),
        exit=None,
        reservations=CODES,
        accepted=CODES,
        consented=(Consented("CZ", "2024-01-01"), Consented("KZ", "2023-01-01")),
    )


def _block() -> Block:
    return Block("CZ", "a law", ("receive", "send"), CODES, CODES, CODES, CODES, ("CZ", "KZ"))


def _grants() -> Grants:
    grant = replace(GRANTS.grants[0], purposes=CODES)
    return replace(GRANTS, grants=(grant, replace(grant, authority="kz-mvd")))


def listings() -> tuple[Listing, ...]:
    """Return every list of the edition and of the grants in it, each once, by the name of its field."""
    found = (*_lists_in(whole(), ()), *_lists_in(_grants(), ("grants",)))
    return tuple({each.field: each for each in found}.values())


def _lists_in(value: Any, path: Path) -> Iterator[Listing]:
    if isinstance(value, tuple):
        for place, each in enumerate(value):
            yield from _lists_in(each, (*path, place))
    if not isinstance(value, Struct):
        return
    for name in value.__struct_fields__:
        inner = getattr(value, name)
        if isinstance(inner, tuple) and len(inner) > 1:
            yield Listing(f"{type(value).__name__}.{name}", (*path, name), inner)
        yield from _lists_in(inner, (*path, name))


def changed(path: Path, value: Any) -> Edition:
    """Return the edition with `value` at `path`, exactly as it stands; what that does not concern is left out."""
    if path[0] == "grants":
        return replace(_without(), grants=signed_grants(_put(_grants(), path[1:], value)))
    top = str(path[0])
    kept: dict[str, Any] = {top: getattr(whole(), top)}
    if top == "signatories":
        kept["authorities"] = whole().authorities
    edited: Edition = _put(replace(_without(), **kept), path, value)
    return edited


def _without() -> Edition:
    """The edition without most of its lists."""
    rest = ("witnesses", "authorities", "adherences", "channels", "signatories", "blocks")
    return replace(whole(), gateways=small().gateways, grants=None, **dict.fromkeys(rest, ()))


def _put(within: Any, path: Path, value: Any) -> Any:
    if not path:
        return value
    step, rest = path[0], path[1:]
    if isinstance(step, int):
        return (*within[:step], _put(within[step], rest, value), *within[step + 1 :])
    return replace(within, **{step: _put(getattr(within, step), rest, value)})


STRANGERS: dict[str, tuple[Path, str]] = {
    "authority-party": (("authorities", 1, "party"), "XX"),
    "adherence-agreement": (("adherences", 1, "agreement"), "another"),
    "adherence-party": (("adherences", 1, "party"), "XX"),
    "consented-party": (("adherences", 1, "consented", 1, "party"), "XX"),
    "channel-agreement": (("channels", 1, "agreement"), "another"),
    "channel-end": (("channels", 1, "between", 1), "XX"),
    "signatory-authority": (("signatories", 1, "authority"), "nobody"),
    "signatory-agreement": (("signatories", 1, "agreement"), "another"),
    "signatory-towards": (("signatories", 1, "towards", 1), "nobody"),
    "signatory-key": (("signatories", 1, "key"), kid("stranger message")),
    "signatory-key-of-another": (("signatories", 1, "key"), kid("kz-mvd signatory")),
    "signatory-key-of-another-role": (("signatories", 1, "key"), kid("cz-police message")),
    "block-party": (("blocks", 1, "party"), "XX"),
    "block-parties": (("blocks", 1, "parties", 1), "XX"),
}
