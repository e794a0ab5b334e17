"""Whoever and whatever an edition names, it lists: parties, authorities, agreements, keys of signatories.

A name that leads nowhere would mean nothing to one reader, and to another whoever is listed under it next.
"""

from collections.abc import Iterator
from itertools import chain

from gateway.domain.directory import Edition
from gateway.domain.errors import TrustError

# A table of the edition, and what its entry names without being listed.
Stray = tuple[str, str]


def check_references(edition: Edition) -> None:
    """Return if every name in an edition is listed in it.

    Raises:
        TrustError: one is not, or a channel joins somebody with himself.
    """
    strays = chain(_of_authorities(edition), _of_law(edition), _of_signatories(edition), _of_blocks(edition))
    for what, stray in strays:
        raise TrustError(f"{what} {stray} that the edition does not list")
    for channel in edition.channels:
        if channel.between[0] == channel.between[1]:
            raise TrustError(f"a channel under `{channel.agreement}` joins somebody with himself")


def _parties(edition: Edition) -> set[str]:
    return {party.id for party in edition.parties}


def _authorities(edition: Edition) -> set[str]:
    return {authority.id for authority in edition.authorities}


def _of_authorities(edition: Edition) -> Iterator[Stray]:
    parties = _parties(edition)
    for authority in edition.authorities:
        if authority.party not in parties:
            yield f"authority `{authority.id}`", "belongs to a party"


def _of_law(edition: Edition) -> Iterator[Stray]:
    law, parties = {entry.agreement for entry in edition.law}, _parties(edition)
    ends = parties | _authorities(edition)
    for entry in edition.adherences:
        what = f"an adherence to `{entry.agreement}`"
        if entry.agreement not in law:
            yield what, "is to an agreement"
        if entry.party not in parties:
            yield what, "is of a party"
        if not parties.issuperset(each.party for each in entry.consented):
            yield what, "has the consent of a party"
    for channel in edition.channels:
        what = f"a channel under `{channel.agreement}`"
        if channel.agreement not in law:
            yield what, "is under an agreement"
        if not ends.issuperset(channel.between):
            yield what, "joins somebody"


def _of_signatories(edition: Edition) -> Iterator[Stray]:
    law, authorities = {entry.agreement for entry in edition.law}, _authorities(edition)
    keys = {
        (authority.id, key.kid)
        for authority in edition.authorities
        for key in authority.keys
        if key.role == "signatory"
    }
    for entry in edition.signatories:
        what = f"a signatory of `{entry.authority}`"
        if (entry.authority, entry.key) not in keys:
            yield what, "has a key of role `signatory`"
        if entry.agreement is not None and entry.agreement not in law:
            yield what, "signs under an agreement"
        if not authorities.issuperset(entry.towards):
            yield what, "signs towards an authority"


def _of_blocks(edition: Edition) -> Iterator[Stray]:
    parties = _parties(edition)
    for block in edition.blocks:
        what = f"a block of `{block.party}`"
        if block.party not in parties:
            yield what, "is of a party"
        if not parties.issuperset(block.parties):
            yield what, "names a party"
