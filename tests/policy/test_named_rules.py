"""Rules that hold as one of several, each shown by itself and by its own name."""

import pytest
from msgspec.structs import replace

from gateway.domain.directory import Exit
from tests.policy.told import Told, c01, c18, caricc, query, under
from tests.policy.world import AUTHORITIES, BOUND, adherence, authority, bound_except, codes, header, rules


@pytest.mark.parametrize("side", ["caricc", "interpol-gs"])
def test_each_side_stays_within_its_own_competence(side: str) -> None:
    """CA-03: what the agreement permits is refused where the mandate of either party does not cover it."""
    narrow = [
        replace(one, mandate=replace(one.mandate, purposes=("suppression",))) if one.id == side else one
        for one in AUTHORITIES
    ]

    assert caricc().decide().permitted
    assert codes(caricc()._replace(world={"authorities": narrow}).decide()) == {"purpose-outside-mandate"}


@pytest.mark.parametrize("told", [c18(), c01()], ids=["C8-06", "C1-03"])
def test_only_authorities_that_were_listed_take_part(told: Told) -> None:
    """C8-06, C1-03: an authority of a State that is bound counts from the edition that lists it, not before."""
    unlisted = [one for one in AUTHORITIES if one.id != told.header.recipients[0].authority]

    assert told.decide().permitted
    assert "authority-unknown" in codes(told._replace(world={"authorities": unlisted}).decide())


def test_after_termination_only_what_protects_passes_between_interpol_and_caricc() -> None:
    """CA-23: three months after the notice no request passes; a check before use of what was given still does."""
    left = adherence("caricc-2012", "CARICC", exit=Exit("2026-01-10", None))
    ended = bound_except("caricc-2012", "CARICC", left)

    assert rules(under(ended, caricc()).decide()) == {"CA-22"}
    assert under(ended, caricc(kind="use-check", subjects=())).decide().permitted


def test_having_an_agreement_is_not_having_access() -> None:
    """CA-24, LI-02: without an explicit grant no database is asked, whatever else the same parties may exchange."""
    ungranted = {"grants": None}

    assert query().decide().permitted
    assert codes(query()._replace(world=ungranted).decide()) == {"grant-missing"}
    assert caricc()._replace(world=ungranted).decide().permitted


def test_private_entity_is_denied_whatever_agreement_it_cites() -> None:
    """LI-01: of the five classes of partners the private one has no default."""
    message = Told(header("xx-bank", "interpol-gs", "interpol-membership"))
    world = {"authorities": (*AUTHORITIES, authority("xx-bank", "UA")), "private": ("UA",)}

    assert Told(header("ua-police", "interpol-gs", "interpol-membership")).decide().permitted
    assert "private-entity" in codes(message._replace(world=world).decide())


def test_printed_name_under_the_agreement_of_2018_binds_nobody() -> None:
    """C8-39: a State that is known to have signed, and of which nothing more is known, is no party."""
    printed = adherence("cis-2018", "KZ", signed_on="2018-09-28", notified_on=None, in_force_on=None)

    assert under(BOUND, c18()).decide().permitted
    assert codes(under(bound_except("cis-2018", "KZ", printed), c18()).decide()) >= {"agreement-not-in-force"}
