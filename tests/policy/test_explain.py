"""Explanations: the decision itself, every clause that applied, and plain words."""

import random
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gateway.policy
from gateway.domain.directory import Suspension
from gateway.domain.facts import NO_FACTS
from gateway.policy.decide import Judge
from gateway.policy.explain import explain
from gateway.policy.house import ARTICLES
from gateway.policy.reasons import REASONS, sentence
from gateway.policy.russian import RUSSIAN
from tests.policy.situations import federation, situations
from tests.policy.told import c01, cz, czech, passing, query
from tests.policy.world import NOW, adherence, at, bound_except, directory, facts, header, judge, law, roles


def test_permit_is_explained_by_the_clauses_that_were_kept() -> None:
    """Whoever asks why it passed sees each clause with article, basis and the words of the text."""
    told = explain(judge(), cz().header, NO_FACTS, NOW)
    purposes = next(each for each in told.applied if each.rule == "CZ-45")

    assert told.permitted
    assert (purposes.article, purposes.basis, purposes.outcome) == ("CZKZ Art. 1(1), Art. 7, Art. 9(3)", "text", "kept")
    assert "preventing and detecting" in purposes.words
    assert {each.outcome for each in told.applied} == {"kept"}


def test_refusal_is_explained_by_article_basis_and_sentence() -> None:
    """CZ-33: the source's own clause is shown as refused, and which source it protects."""
    message = passing(czech(), "caricc", "caricc-membership")
    told = explain(judge(), message.header, facts(*message.known), NOW)
    (reason,) = told.reasons
    (refused,) = [each for each in told.applied if each.outcome == "refused"]

    assert (reason.code, reason.article, reason.basis) == ("consent-missing", "CZKZ Art. 11(2)", "text")
    assert reason.sentence == "The provider has not consented to passing its information to this third party."
    assert (refused.rule, refused.source) == ("CZ-33", czech().header_sha256)


def test_flag_is_shown_beside_a_permit() -> None:
    """C1-08: passed, and marked."""
    message = c01(form={}).header
    told = explain(judge(), message, NO_FACTS, NOW, roles(message))

    assert told.permitted
    assert [each.code for each in told.flags] == ["element-missing"]
    assert [each.rule for each in told.applied if each.outcome == "flagged"] == ["C1-08"]


def test_permit_on_a_disputable_day_says_so() -> None:
    """CZ-41, 1.7-14: passed on the fifteenth day after delivery, and whoever asks learns how else it could be read."""
    given_on = adherence("cz-kz", "KZ", suspensions=(Suspension("2026-03-01", None, (), ()),))
    asked = Judge(directory(bound_except("cz-kz", "KZ", given_on)), law())
    told = {day: explain(asked, cz().header, NO_FACTS, at(day)) for day in ("2026-03-15", "2026-03-16")}

    assert all(each.permitted for each in told.values())
    assert told["2026-03-15"].governing[0].disputable == ()
    (line,) = told["2026-03-16"].governing[0].disputable
    assert line.startswith("disputable: 2026-03-16 is day 15 itself after the suspension by KZ")


def test_rule_sets_in_effect_are_told_with_a_query() -> None:
    """CA-25: which of INTERPOL's rule sets applied on that day stands in the explanation of a permit."""
    message = query().header
    told = explain(judge(), message, NO_FACTS, NOW, roles(message))
    (sets,) = [each for each in told.applied if each.rule == "CA-25"]

    assert told.permitted
    assert (sets.outcome, sets.detail) == ("recorded", "control-of-information, rpd")


def test_explanation_names_what_governs_each_pair() -> None:
    """CZ-39: one instrument is cited; which others stand open is told, never merged."""
    told = explain(judge(), header("am-police", ("md-police", "kz-mvd"), "cis-2018"), NO_FACTS, NOW)

    assert [(each.parties, each.agreements) for each in told.governing] == [
        (("AM", "MD"), ("cis-2001",)),
        (("AM", "KZ"), ("cis-2018",)),
    ]


def test_message_of_an_unknown_originator_is_explained_too() -> None:
    """No party, no pair: nothing is said to govern, and the reason is the one that matters."""
    told = explain(judge(), cz(originator="nobody").header, NO_FACTS, NOW)

    assert told.governing == ()
    assert "authority-unknown" in {each.code for each in told.reasons}


@settings(max_examples=60)
@given(st.integers(0, 2**32))
def test_explanation_is_the_decision_opened_up(seed: int) -> None:
    """For any message: the same outcome, the same reasons, and a refused clause for a refusal."""
    random_ = random.Random(seed)
    edition = federation(random_)
    (told,) = situations(random_, edition, 1)
    by = Judge(edition, law())
    decision = by.decide_header(told.header, roles(told.header), told.facts, None, told.at_ms)
    opened = explain(by, told.header, told.facts, told.at_ms, roles(told.header))

    assert opened.permitted == decision.permitted == all(each.outcome != "refused" for each in opened.applied)
    assert [each.code for each in opened.reasons] == [each.code for each in decision.reasons]


SOURCES = Path(gateway.policy.__path__[0])


def _codes_in_use() -> set[str]:
    """Every kebab-case literal that a rule hands to a reason, and those that the law names."""
    text = "\n".join(path.read_text() for path in SOURCES.rglob("*.py") if path.name != "reasons.py")
    named = {clause.code for each in law().agreements.values() for clause in each.clauses if hasattr(clause, "code")}
    return named | {word for word in re.findall(r'"([a-z]+(?:-[a-z]+)*)"', text) if word in REASONS}


def test_every_reason_of_the_registry_is_in_use() -> None:
    """A sentence for a code that nothing gives would be a promise nobody keeps."""
    assert set(REASONS) == _codes_in_use()


def test_every_code_a_rule_gives_has_a_sentence() -> None:
    """No refusal without plain words: whatever stands where a code stands is registered."""
    pattern = r'(?:demand|breach|Reason|_uncovered|_ended)\(\s*(?:clause, |self, |agreement, )?"([a-z-]+)"'
    given_ = {code for path in SOURCES.rglob("*.py") for code in re.findall(pattern, path.read_text())}

    assert len(given_) > 40
    assert given_ <= set(REASONS)


@pytest.mark.parametrize("code", list(REASONS))
def test_every_code_has_a_sentence_in_english_and_in_russian(code: str) -> None:
    """No code without a whole sentence in both languages, and none that was only copied."""
    entry = REASONS[code]

    assert re.fullmatch(r"[A-Z][ -~]+\.", entry.en)
    assert re.fullmatch(r"[\u0410-\u042f][\u0401\u0410-\u044f\u0451 ,;-]+\.", entry.ru), entry.ru
    assert (sentence(code, "en"), sentence(code, "ru"), sentence(code, "kk")) == (entry.en, entry.ru, entry.en)


def test_every_code_is_on_the_russian_page() -> None:
    """What falls back to English is found here, before somebody reads it."""
    assert set(REASONS) <= set(RUSSIAN)


def test_unknown_code_says_so_in_both_languages() -> None:
    """A record may hold a code of a newer version: it is named, never guessed at."""
    assert "no-such-code" in sentence("no-such-code")
    assert sentence("no-such-code", "ru").startswith("Основание `no-such-code`")


def test_articles_of_our_own_rules_say_whose_they_are() -> None:
    """Nobody takes our policy for a treaty's article."""
    assert all(article.startswith("Accord policy ") for article in ARTICLES.values())
