"""Every rule in force, kept and broken."""

import pytest

from gateway.domain.clause import Clause, Survival
from gateway.policy.house import ARTICLES
from gateway.policy.rules.registry import HOUSE, OWN, SOURCED, Rules
from tests.policy.cases_access import ACCESS_CASES
from tests.policy.cases_agreement import AGREEMENT_CASES
from tests.policy.cases_form import FORM_CASES
from tests.policy.cases_purpose import PURPOSE_CASES
from tests.policy.cases_request import REQUEST_CASES
from tests.policy.cases_signing import SIGNING_CASES
from tests.policy.cases_third_party import THIRD_PARTY_CASES
from tests.policy.told import Case
from tests.policy.world import law

CASES = (
    *AGREEMENT_CASES,
    *PURPOSE_CASES,
    *ACCESS_CASES,
    *THIRD_PARTY_CASES,
    *FORM_CASES,
    *REQUEST_CASES,
    *SIGNING_CASES,
)
# What each of these rules proves stands in tests of its own, because no single message can show it.
ELSEWHERE = {
    "ACC-03": "test_access.py: a connection of another authority",
    "ACC-13": "test_decide.py: what became of a message later",
    "ACC-15": "cases_request.py: it speaks as LI-02",
    "CZ-03": "test_agreement.py: an open list names examples and refuses nothing",
    "CZ-44": "test_agreement.py: the agreement of 1998 has ended altogether",
}


def _name(case: Case) -> str:
    return f"{case.rule} {case.code}"


@pytest.mark.parametrize("case", CASES, ids=_name)
def test_message_that_keeps_the_rule_is_permitted(case: Case) -> None:
    """The permitted telling passes, and nothing is flagged."""
    decision = case.kept.decide()

    assert decision.permitted, decision.reasons
    assert not decision.flags


@pytest.mark.parametrize("case", CASES, ids=_name)
def test_message_that_breaks_the_rule_is_refused_with_its_article(case: Case) -> None:
    """The broken telling is refused, or only flagged where the text says should; rule and article are named."""
    decision = case.broken.decide()
    spoken = decision.reasons if case.effect == "refuse" else decision.flags

    assert (case.rule, case.code, case.article) in {(each.rule, each.code, each.article) for each in spoken}
    assert decision.permitted == (case.effect == "flag")


@pytest.mark.parametrize("case", CASES, ids=_name)
def test_the_quick_path_says_what_the_rules_say(case: Case) -> None:
    """Both tellings are decided alike by lanes and by the rules one by one, flags and all."""
    for told in (case.kept, case.broken):
        assert told.decide() == told.decide(Rules(HOUSE, OWN, SOURCED))


def test_every_clause_that_refuses_or_flags_has_a_case() -> None:
    """A clause in force without a case would be a clause nobody has seen work."""
    told = {(case.rule, case.article) for case in CASES}
    open_: list[str] = []
    for agreement in law().agreements.values():
        for clause in agreement.clauses:
            if not _judges(clause, agreement.id) or clause.rule in ELSEWHERE:
                continue
            if (clause.rule, clause.article) not in told:
                open_.append(f"{agreement.id}: {clause.rule} {clause.article}")

    assert not open_


def _judges(clause: Clause, agreement: str) -> bool:
    """Survival only permits; of the three instruments of policy, one case stands for clauses they share."""
    return clause.effect != "record" and not isinstance(clause, Survival) and clause.rule not in ("1.7-12", "1.7-13")


def test_every_house_rule_has_a_case() -> None:
    """Our own demands are held to the same standard as the treaties'."""
    told = {case.rule for case in CASES}

    assert set(ARTICLES) <= told | set(ELSEWHERE)
