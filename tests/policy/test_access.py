"""Access: connections, links and the recipient's side at dispatch."""

import pytest

from gateway.domain.facts import NO_FACTS
from gateway.domain.label import LEVELS
from gateway.policy.decide import Judge
from tests.policy.told import caricc, cz, query
from tests.policy.world import (
    AUTHORITIES,
    NOW,
    authority,
    codes,
    decide,
    directory,
    header,
    judge,
    label,
    law,
    peer,
    recipients,
    roles,
)


@pytest.mark.parametrize("link", ["endpoint", "broker"])
def test_threat_e3_message_over_another_authoritys_connection_is_refused(link: str) -> None:
    """E3: connection and originator are one, whatever kind of link it is."""
    message = cz().header
    foreign = judge().decide_header(message, roles(message), NO_FACTS, peer("md-police", link=link), NOW)

    assert codes(foreign) == {"originator-mismatch"}


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize("cleared", LEVELS)
def test_label_passes_exactly_up_to_the_clearance_of_both_sides(level: str, cleared: str) -> None:
    """ACC-07: for every pair of levels, of originator and of recipient."""
    fits = LEVELS.index(level) <= LEVELS.index(cleared)
    message = cz(label=label(level=level)).header
    for name, party in (("cz-police", "CZ"), ("kz-mvd", "KZ")):
        everybody = [authority(each.id, each.party, clearance="top-secret") for each in AUTHORITIES]
        world = directory(authorities=(*everybody, authority(name, party, clearance=cleared)))

        assert decide(message, by=Judge(world, law())).permitted == fits


def test_one_recipient_below_the_label_refuses_and_is_named() -> None:
    """ACC-07: all recipients, not the first; the detail says which."""
    low = (*AUTHORITIES, authority("cz-customs", "CZ", clearance="open"))
    message = header("kz-mvd", ("cz-police", "cz-customs"), "cz-kz")
    decision = decide(message, by=Judge(directory(authorities=low), law()))

    assert [(each.code, each.detail) for each in decision.reasons] == [("clearance-exceeded", "cz-customs")]


def test_link_to_the_recipient_is_judged_at_dispatch() -> None:
    """ACC-07: what the recipient's own connection may carry, where the switch asks."""
    message = cz(label=label(level="confidential")).header

    assert judge().decide_dispatch(message, NO_FACTS, "kz-mvd", NOW, 2).permitted
    assert codes(judge().decide_dispatch(message, NO_FACTS, "kz-mvd", NOW, 1)) == {"link-clearance-exceeded"}


def test_grants_that_expired_as_a_whole_open_nothing() -> None:
    """CA-12: the central node's document has an end of its own."""
    stale = Judge(directory(grants_not_after_ms=NOW), law())

    assert codes(decide(query().header, by=stale)) == {"grant-expired"}
    assert codes(decide(query().header, by=Judge(directory(grants=None), law()))) == {"grant-missing"}


def test_own_query_in_a_members_case_stays_open() -> None:
    """CA-14: CARICC's own query concerns Kazakhstan and passes; the same on Kazakhstan's behalf does not."""
    assert query().decide().permitted
    assert codes(query(form={**caricc().header.form, "on-behalf-of": "kz-mvd"}).decide()) == {"query-delegated"}


def test_query_to_a_second_recipient_is_refused() -> None:
    """ACC-08: a query goes to the central node alone."""
    both = query(recipients=recipients("interpol-gs", "caricc"))

    assert "grant-issuer" in codes(both.decide())
