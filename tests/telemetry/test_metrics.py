"""The page of metrics: names, labels, and a count that is only a count."""

import re

import pytest
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from gateway.telemetry.metrics import BUCKETS_S, Metrics


@pytest.fixture
def metrics() -> Metrics:
    """A page of its own."""
    return Metrics("0.1.0", "abc")


def _page(metrics: Metrics) -> str:
    return generate_latest(metrics.registry).decode()


def test_names_keep_the_convention(metrics: Metrics) -> None:
    """S-16: our prefix, base units, `_total` on counters and on nothing else, a help text, no `_created`."""
    for family in text_string_to_metric_families(_page(metrics)):
        assert family.name.startswith("accord_")
        assert family.documentation.endswith(".")
        assert not re.search(r"_(ms|milliseconds|kb|mb|percent)(_|$)", family.name)
        for sample in family.samples:
            assert not sample.name.endswith("_created")
            if family.type == "counter":
                assert sample.name.endswith("_total")
            else:
                assert not sample.name.endswith("_total")


def test_labels_come_from_closed_sets(metrics: Metrics) -> None:
    """Threat O3: no label could hold a message, a case, an authority or a person."""
    labels = {
        label
        for family in text_string_to_metric_families(_page(metrics))
        for sample in family.samples
        for label in sample.labels
    }

    assert labels <= {
        "transport", "kind", "reason", "decision", "stage", "role", "code", "le",
        "priority", "outcome", "digest", "version", "revision", "python", "sqlite", "openssl",
    }  # fmt: skip


def test_children_stand_at_zero_from_the_start(metrics: Metrics) -> None:
    """An alert on a rate must see the first increment: series are there before anything happens."""
    page = _page(metrics)

    for line in (
        'accord_messages_received_total{transport="websocket"} 0.0',
        'accord_tls_handshake_failures_total{reason="untrusted"} 0.0',
        'accord_delivery_failures_total{reason="expired"} 0.0',
        "accord_ledger_verify_failures_total 0.0",
        'accord_links_closed_total{reason="slow"} 0.0',
        'accord_delivery_attempts_total{outcome="unacknowledged"} 0.0',
        'accord_queue_depth{priority="flash"} 0.0',
        'accord_mqtt_publishes_refused_total{reason="quota"} 0.0',
        'accord_end_to_end_duration_seconds_count{priority="flash"} 0.0',
        'accord_inflight{stage="delivery"} 0.0',
    ):
        assert line in page


def test_a_batch_is_one_addition(metrics: Metrics) -> None:
    """Decisions and failures are counted by the batch, refusals by the reason that spoke."""
    metrics.decided(200, {"purpose-not-permitted": 3})
    metrics.decided(10, {"purpose-not-permitted": 1, "label-above-clearance": 1})
    metrics.failed({"expired": 2})
    metrics.problem("not-found")

    page = _page(metrics)
    assert 'accord_decisions_total{decision="permitted",reason=""} 210.0' in page
    assert 'accord_decisions_total{decision="refused",reason="purpose-not-permitted"} 4.0' in page
    assert 'accord_delivery_failures_total{reason="expired"} 2.0' in page
    assert 'accord_http_problems_total{code="not-found"} 1.0' in page


def test_law_that_was_replaced_is_gone_from_the_page(metrics: Metrics) -> None:
    """One digest at a time: what gateways apply can be compared, and the page does not grow with every law."""
    metrics.law("before")
    metrics.law("after")

    assert [line for line in _page(metrics).splitlines() if line.startswith("accord_law_info")] == [
        'accord_law_info{digest="after"} 1.0'
    ]


def test_two_pages_do_not_meet(metrics: Metrics) -> None:
    """A registry of its own: two gateways in one process count apart."""
    other = Metrics("0.1.0")
    metrics.duplicates.inc()

    assert "accord_duplicates_total 0.0" in _page(other)


def test_software_is_named(metrics: Metrics) -> None:
    """An operator sees what runs, with the libraries that matter for security."""
    line = next(line for line in _page(metrics).splitlines() if line.startswith("accord_build_info"))

    assert 'version="0.1.0"' in line
    assert 'revision="abc"' in line
    assert re.search(r'openssl="\d+\.\d+\.\d+', line)


def test_buckets_resolve_half_a_millisecond() -> None:
    """Verification and policy take less than the library's smallest default bucket."""
    assert BUCKETS_S[0] == 0.0005
    assert list(BUCKETS_S) == sorted(BUCKETS_S)
