"""The lists of an edition: each in its one order, and what must not stand in it twice.

Every list of `gateway.domain.directory` has its place here. Two keep the order they were written in, because it means
something: languages (preference) and suspensions (history).
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from msgspec.structs import astuple, replace

from gateway.domain.directory import Adherence, Authority, Block, Channel, Edition, KeyEntry, Signatory

Name = TypeVar("Name", bound=str)


def in_one_order(edition: Edition) -> Edition:
    """Return the same edition with every list sorted whose order means nothing; codes and names in it stand once."""
    return replace(
        edition,
        key_set=replace(edition.key_set, keys=_sorted(edition.key_set.keys, _kid)),
        gateways=_sorted(edition.gateways, lambda entry: entry.origin),
        witnesses=_sorted(edition.witnesses, _kid),
        law=_sorted(edition.law, lambda entry: entry.agreement),
        parties=_sorted(edition.parties, lambda entry: entry.id),
        authorities=_sorted(map(_authority, edition.authorities), lambda entry: entry.id),
        adherences=_sorted(map(_adherence, edition.adherences), _of_adherence),
        channels=_sorted(map(_channel, edition.channels), astuple),
        signatories=_sorted(map(_signatory, edition.signatories), _of_signatory),
        blocks=_sorted(map(_block, edition.blocks), astuple),
    )


def names(edition: Edition) -> Iterator[tuple[str, Sequence[object]]]:
    """Yield what must not stand twice in an edition, and what it is called."""
    authorities, gateways = edition.authorities, edition.gateways
    yield "parties", [party.id for party in edition.parties]
    yield "authorities", [authority.id for authority in authorities]
    yield "gateways", [gateway.origin for gateway in gateways]
    yield "agreements", [entry.agreement for entry in edition.law]
    yield "adherences", [_of_adherence(entry) for entry in edition.adherences]
    yield "channels", edition.channels
    yield "signatories", edition.signatories
    yield "blocks", edition.blocks
    # One key, one role, one authority: a public key stands in one place only.
    entries = [*edition.key_set.keys, *edition.witnesses, *(key for each in authorities for key in each.keys)]
    yield "keys", [entry.public for entry in entries] + [gateway.checkpoint_public for gateway in gateways]
    endpoints = [endpoint.spki_sha256 for each in authorities for endpoint in each.endpoints]
    yield "certificates", endpoints + [gateway.spki_sha256 for gateway in gateways]
    for authority in authorities:
        yield "languages", authority.languages
    for adherence in edition.adherences:
        yield "suspensions", adherence.suspensions
        yield "consents to an accession", [each.party for each in adherence.consented]


def _sorted(entries: Iterable[Any], key: Any) -> tuple[Any, ...]:
    return tuple(sorted(entries, key=key))


def _once(listed: tuple[Name, ...]) -> tuple[Name, ...]:
    return tuple(sorted(set(listed)))


def _codes(listed: tuple[str, ...] | None) -> tuple[str, ...] | None:
    return None if listed is None else _once(listed)


def _kid(entry: KeyEntry) -> str:
    return entry.kid


def _of_adherence(entry: Adherence) -> tuple[str, str]:
    return entry.agreement, entry.party


def _of_signatory(entry: Signatory) -> tuple[object, ...]:
    # Under every agreement stands before under one.
    return entry.authority, entry.key, entry.office, entry.agreement or "", entry.towards


def _authority(entry: Authority) -> Authority:
    mandate = entry.mandate
    return replace(
        entry,
        mandate=replace(
            mandate,
            purposes=_codes(mandate.purposes),
            subjects=_codes(mandate.subjects),
            kinds=_codes(mandate.kinds),
        ),
        keys=_sorted(entry.keys, _kid),
        endpoints=_sorted(entry.endpoints, lambda endpoint: endpoint.spki_sha256),
    )


def _adherence(entry: Adherence) -> Adherence:
    suspensions = tuple(
        replace(each, kinds=_once(each.kinds), subjects=_once(each.subjects)) for each in entry.suspensions
    )
    return replace(
        entry,
        suspensions=suspensions,
        reservations=_once(entry.reservations),
        accepted=_once(entry.accepted),
        consented=_sorted(entry.consented, lambda each: each.party),
    )


def _channel(entry: Channel) -> Channel:
    # A channel is open both ways. Both ends stay, even if they are one: that is refused, not mended.
    return replace(entry, between=_sorted(entry.between, None))


def _signatory(entry: Signatory) -> Signatory:
    return replace(entry, towards=_once(entry.towards))


def _block(entry: Block) -> Block:
    return replace(
        entry,
        directions=_once(entry.directions),
        kinds=_once(entry.kinds),
        subjects=_once(entry.subjects),
        purposes=_once(entry.purposes),
        categories=_once(entry.categories),
        parties=_once(entry.parties),
    )
