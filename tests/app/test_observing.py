"""What the process tells its operators of a committed batch."""

import io
import logging
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import structlog

from gateway.app.observing import observer
from gateway.switch.outcomes import Outcomes
from gateway.telemetry.logs import configure
from gateway.telemetry.metrics import Metrics
from tests.switch.bench import Bench


@pytest.fixture
def stream() -> Iterator[io.BytesIO]:
    """Where the log goes in this test; afterwards everything is as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield io.BytesIO()
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)


async def test_rule_that_raised_is_logged_once_a_batch_and_counted(tmp_path: Path, stream: io.BytesIO) -> None:
    """Fail closed is not fail silent: one line names rule, type of error and remedy, and a counter goes up."""
    bench = Bench(tmp_path / "data")
    bench.start()
    configure("gateway-1", "0.1.0", strict=True, stream=stream)
    metrics = Metrics("0.1.0")
    outcomes = Outcomes()
    outcomes.refused["rule-failed"] = 3
    outcomes.faults["CZ-33", "third_party: KeyError"] = 3
    observer(metrics, bench.store)(outcomes)
    await bench.store.close()

    (line,) = [msgspec.json.decode(raw) for raw in stream.getvalue().splitlines()]
    assert (line["event"], line["rule_id"], line["error"]) == ("rule-failed", "CZ-33", "third_party: KeyError")
    assert (line["level"], line["messages_n"]) == ("error", 3)
    assert line["remedy"]
    counted = metrics.registry.get_sample_value(
        "accord_decisions_total", {"decision": "refused", "reason": "rule-failed"}
    )
    assert counted == 3
