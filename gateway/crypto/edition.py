"""What must hold inside one edition, whoever signed it.

Every list in its one order, every name and key once, every reference kept, every key strong and under its own
kid. An edition that breaks one of these would be read in two ways by two readers.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from msgspec.structs import replace

from gateway.crypto import canonical
from gateway.crypto.digests import decode_base64url, encode_base64url, key_id
from gateway.crypto.keys import check_public
from gateway.domain.directory import (
    RELAY_REMEDY,
    Adherence,
    Authority,
    Channel,
    Edition,
    EndpointEntry,
    GatewayEntry,
    KeyEntry,
    KeySet,
    LawEntry,
    ListedKey,
    Party,
)
from gateway.domain.errors import FormatError, TrustError

AUTHORITY_ROLES = frozenset({"message", "seal", "signatory", "consent", "acknowledgement", "wrap"})
WITNESS_ROLES = frozenset({"checkpoint"})
DIRECTORY_ROLES = frozenset({"directory"})
# Strings of canonical JSON hold no quote, so these bytes are there if, and only if, an endpoint is listed so.
_RELAY = b'"link":"relay"'


def _kid(entry: KeyEntry) -> str:
    return entry.kid


def _spki(entry: EndpointEntry) -> str:
    return entry.spki_sha256


def _identity(entry: Party | Authority) -> str:
    return entry.id


def _origin(entry: GatewayEntry) -> str:
    return entry.origin


def _law(entry: LawEntry) -> str:
    return entry.agreement


def _adherence(entry: Adherence) -> tuple[str, str]:
    return entry.agreement, entry.party


def _channel(entry: Channel) -> tuple[str, tuple[str, str], str]:
    return entry.agreement, entry.between, entry.basis


def decode_edition(raw: bytes) -> Edition:
    """Return the edition in `raw`, canonical JSON; nothing in it is checked yet.

    Raises:
        FormatError: it is no edition, or lists a relay link.
    """
    if _RELAY in raw:
        raise FormatError(f"the edition lists an endpoint as `relay`: relay links are not in use, {RELAY_REMEDY}")
    return canonical.decode(raw, Edition)


def in_one_order(edition: Edition) -> Edition:
    """Return the same edition with every list sorted whose order means nothing.

    Languages and suspensions keep theirs: preference and history.
    """
    return replace(
        edition,
        key_set=replace(edition.key_set, keys=_sorted(edition.key_set.keys, _kid)),
        gateways=_sorted(edition.gateways, _origin),
        witnesses=_sorted(edition.witnesses, _kid),
        law=_sorted(edition.law, _law),
        parties=_sorted(edition.parties, _identity),
        authorities=_sorted(map(_authority_in_order, edition.authorities), _identity),
        adherences=_sorted(map(_adherence_in_order, edition.adherences), _adherence),
        channels=_sorted(edition.channels, _channel),
    )


def _sorted(entries: Iterable[Any], key: Any) -> tuple[Any, ...]:
    return tuple(sorted(entries, key=key))


def _codes(codes: tuple[str, ...] | None) -> tuple[str, ...] | None:
    return None if codes is None else tuple(sorted(set(codes)))


def _authority_in_order(authority: Authority) -> Authority:
    mandate = authority.mandate
    return replace(
        authority,
        mandate=replace(
            mandate,
            purposes=_codes(mandate.purposes),
            subjects=_codes(mandate.subjects),
            kinds=_codes(mandate.kinds),
        ),
        keys=_sorted(authority.keys, _kid),
        endpoints=_sorted(authority.endpoints, _spki),
    )


def _adherence_in_order(entry: Adherence) -> Adherence:
    return replace(entry, reservations=_codes(entry.reservations), accepted=_codes(entry.accepted))


def check_edition(edition: Edition, known: Mapping[bytes, ListedKey]) -> dict[bytes, ListedKey]:
    """Return every key of every authority by its raw kid, once the edition is sound.

    Args:
        edition: decoded, its signatures verified.
        known: keys of an edition that was checked before; an unchanged key is not tried again.

    Raises:
        TrustError: what is wrong with it.
    """
    if in_one_order(edition) != edition:
        raise TrustError("a list of the edition is not in its one order, or says something twice")
    for what, names in _names(edition):
        if any(first == second for first, second in pairwise(names)):
            raise TrustError(f"the edition lists one of its {what} twice")
    _check_references(edition)
    check_key_set(edition.key_set)
    keys: dict[bytes, ListedKey] = {}
    for authority in edition.authorities:
        for entry in authority.keys:
            kid = decode_base64url(entry.kid)
            listed = known.get(kid)
            tried = listed is not None and listed.entry.public == entry.public and listed.entry.role == entry.role
            public = _check_key(entry, AUTHORITY_ROLES, trial=not tried)
            keys[kid] = ListedKey(entry, authority, public)
    for witness in edition.witnesses:
        _check_key(witness, WITNESS_ROLES, trial=True)
    for gateway in edition.gateways:
        public = _checked_public("checkpoint", gateway.checkpoint_public)
        if encode_base64url(key_id("checkpoint", public)) != gateway.checkpoint_key:
            raise TrustError(f"checkpoint key of gateway `{gateway.origin}` has another kid than the edition says")
    return keys


def check_key_set(key_set: KeySet) -> None:
    """Return if a set of directory keys is sound: as many distinct strong keys as its threshold at least.

    Raises:
        TrustError: it is not.
    """
    for entry in key_set.keys:
        _check_key(entry, DIRECTORY_ROLES, trial=True)
    if len({entry.public for entry in key_set.keys}) != len(key_set.keys):
        raise TrustError("the key set lists a directory key twice")
    if key_set.threshold > len(key_set.keys):
        raise TrustError(f"{key_set.threshold} directory keys must sign, and only {len(key_set.keys)} are listed")


def _names(edition: Edition) -> Iterator[tuple[str, Sequence[object]]]:
    """What must not be there twice, each list sorted."""
    authorities, gateways = edition.authorities, edition.gateways
    yield "parties", [party.id for party in edition.parties]
    yield "authorities", [authority.id for authority in authorities]
    yield "gateways", [gateway.origin for gateway in gateways]
    yield "agreements", [entry.agreement for entry in edition.law]
    yield "adherences", [_adherence(entry) for entry in edition.adherences]
    yield "channels", [_channel(entry) for entry in edition.channels]
    # One key, one role, one authority: a public key stands in one place only.
    entries = [*edition.key_set.keys, *edition.witnesses, *(key for each in authorities for key in each.keys)]
    yield "keys", sorted([entry.public for entry in entries] + [gateway.checkpoint_public for gateway in gateways])
    endpoints = [endpoint.spki_sha256 for each in authorities for endpoint in each.endpoints]
    yield "certificates", sorted(endpoints + [gateway.spki_sha256 for gateway in gateways])


def _check_references(edition: Edition) -> None:
    parties = {party.id for party in edition.parties}
    names = parties | {authority.id for authority in edition.authorities}
    for authority in edition.authorities:
        if authority.party not in parties:
            raise TrustError(f"authority `{authority.id}` belongs to a party that the edition does not list")
    for entry in edition.adherences:
        if entry.party not in parties:
            raise TrustError(f"an adherence to `{entry.agreement}` is of a party that the edition does not list")
    for channel in edition.channels:
        if not names.issuperset(channel.between):
            raise TrustError(f"a channel under `{channel.agreement}` joins somebody whom the edition does not list")


def _check_key(entry: KeyEntry, roles: frozenset[str], *, trial: bool) -> bytes:
    if entry.role not in roles:
        raise TrustError(f"key `{entry.kid}` has the role `{entry.role}`, which has no place there")
    if entry.not_before_ms >= entry.not_after_ms:
        raise TrustError(f"key `{entry.kid}` is never in force")
    if (entry.status == "compromised") != (entry.invalid_from_ms is not None):
        raise TrustError(f"key `{entry.kid}`: exactly a compromised key has an `invalid_from_ms`")
    public = _checked_public(entry.role, entry.public) if trial else decode_base64url(entry.public)
    if encode_base64url(key_id(entry.role, public)) != entry.kid:
        raise TrustError(f"`{entry.kid}` is not the kid of its key")
    return public


def _checked_public(role: str, text: str) -> bytes:
    try:
        public = decode_base64url(text)
        check_public(role, public)
    except FormatError:
        raise TrustError("a public key is not base64url in its one spelling") from None
    return public
