"""Which bound turns submissions away: told once a minute, whatever the flood."""

from gateway.telemetry.bounds import EVERY_MS, BoundLog
from tests.logged import logged


def test_bound_is_told_once_a_minute_with_how_often_it_was_met() -> None:
    """A flood costs one line a bound and minute; the next line counts what the silence covered."""
    with logged() as lines:
        bounds = BoundLog("switch")
        for now_ms in (5, 6, 7, EVERY_MS + 4, EVERY_MS + 5):
            bounds.reached("disk", 10, now_ms, "cz-police")
        bounds.reached("queue of the store", 1, 8)
        said = lines("bound-reached")

    assert [(line["bound"], line["messages_n"], line["authority"]) for line in said] == [
        ("disk", 1, "cz-police"),
        ("disk", 4, "cz-police"),
        ("queue of the store", 1, None),
    ]
    assert {line["level"] for line in said} == {"warning"}
    assert said[0]["retry_after_s"] == 10
