"""A rule of ours that raises: the message is refused, it is counted and told, and the exchange goes on."""

from collections.abc import Iterator
from typing import Any

from gateway.policy.case import Finding
from gateway.policy.rules.registry import RULES, Rules
from tests.switch.bench import Bench, until


def failing(*_: Any) -> Iterator[Finding]:
    """A rule with a defect."""
    raise KeyError("a person's name that must not travel")


async def test_rule_that_raises_refuses_is_counted_and_the_exchange_goes_on(bench: Bench) -> None:
    """Fail closed: refused by receipt, counted by rule and error type without its text; the next judge serves again."""
    session = bench.connect("cz-police")
    bench.exchange.swap(bench.in_force(bench.directory, Rules((*RULES.house, failing), RULES.own, RULES.sourced)))
    bench.exchange.submit(session, 0, "message", bench.envelope())
    await until(session.answers, 1)
    bench.exchange.swap(bench.in_force(bench.directory))
    bench.exchange.submit(session, 1, "message", bench.envelope())
    await until(session.answers, 2)

    assert [(answer.kind, answer.permitted) for answer in session.answers] == [("receipt", False), ("receipt", True)]
    faults = [outcome.faults for outcome in bench.outcomes if outcome.faults]
    assert faults == [{("ACC-05", "failing: KeyError"): 1}]
    assert all("rule-failed" in outcome.refused for outcome in bench.outcomes if outcome.faults)
