"""The registry of problems: complete, stable, and silent about what was sent."""

import re
from typing import get_args

import msgspec
import pytest

from gateway.domain.decision import Reason
from gateway.domain.session import CloseReason
from gateway.policy.reasons import sentence
from gateway.wire import problems
from gateway.wire.problems import PROBLEMS, Problem, ProblemBody
from gateway.wire.russian import RUSSIAN


@pytest.mark.parametrize("entry", PROBLEMS.values(), ids=lambda entry: entry.code)
def test_problem_says_what_who_and_how(entry: Problem) -> None:
    """Every code has a title, a remedy, an error status and a close code that links may use."""
    assert entry.title
    assert entry.remedy
    assert 400 <= entry.status < 600
    # RFC 6455, section 7.4: 1000-2999 are the protocol's, 4000-4999 are ours; 1005, 1006 and 1015 never travel.
    assert entry.close_code in {1001, 1002, 1003, 1008, 1009, 1011, 1013} or 4400 <= entry.close_code < 4500


@pytest.mark.parametrize("entry", PROBLEMS.values(), ids=lambda entry: entry.code)
def test_problem_is_told_in_russian_too(entry: Problem) -> None:
    """Title and remedy of every code, none copied; another language falls back to English."""
    title, remedy = problems.told(entry, "ru")

    assert re.search(r"[\u0430-\u044f]", title)
    assert re.search(r"[\u0430-\u044f]", remedy)
    assert problems.told(entry, "kk") == problems.told(entry, "en") == (entry.title, entry.remedy)


def test_no_russian_title_is_left_without_its_code() -> None:
    """A code that went takes its translation with it."""
    assert set(RUSSIAN) == set(PROBLEMS)


def test_refusal_carries_its_reasons_in_the_language_of_the_answer() -> None:
    """Code, rule, article and basis as recorded; the sentence in English or Russian."""
    reason = Reason("consent-missing", "CZ-33", "CZKZ Art. 11(2)", "text", "caricc")
    told = {
        language: msgspec.json.decode(problems.body("refused", reasons=(reason,), language=language), type=ProblemBody)
        for language in ("en", "ru")
    }

    for language, body in told.items():
        (carried,) = body.reasons
        assert carried.sentence == sentence("consent-missing", language)
        assert (carried.code, carried.rule, carried.article, carried.basis, carried.detail) == (
            "consent-missing", "CZ-33", "CZKZ Art. 11(2)", "text", "caricc",
        )  # fmt: skip
    assert told["en"].title != told["ru"].title
    assert told["en"].code == told["ru"].code


def test_every_reason_to_close_has_a_problem() -> None:
    """No session can end for a reason that a link cannot spell."""
    for reason in get_args(CloseReason):
        assert problems.closing(reason) in PROBLEMS.values()


def test_body_is_an_rfc_9457_problem() -> None:
    """Type, title and status stand as S-09 has them; our extensions stand beside them."""
    raw = problems.body("refused", "see the receipt", 3, b"c2sp.org/tlog-proof@v1\n")

    body = msgspec.json.decode(raw, type=ProblemBody)

    assert body.type == problems.TYPE_PREFIX + "refused"
    assert (body.status, body.title, body.code) == (403, "not permitted", "refused")
    assert (body.retry_after_s, body.receipt) == (3, "c2sp.org/tlog-proof@v1\n")


def test_body_leaves_out_what_is_not_there() -> None:
    """A problem without receipt or wait says nothing of them."""
    assert msgspec.json.decode(problems.body("not-found")).keys() == {
        "type", "title", "status", "code", "actor", "remedy",
    }  # fmt: skip


def test_unregistered_code_is_a_fault_of_ours() -> None:
    """Whoever invents a code at run time makes a 500, not a crash."""
    assert problems.problem("no-such-code") is PROBLEMS["fault"]
