"""The Prometheus rules: they parse, they fire when they should, and every metric they name exists."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.metrics_core import Metric

from gateway.telemetry.metrics import Metrics
from tests.services import require_program

FOLDER = Path(__file__).resolve().parents[2] / "deploy" / "prometheus"
RULES = FOLDER / "accord.rules.yml"
CASES = FOLDER / "accord.rules.test.yml"


def samples() -> Iterator[tuple[str, dict[str, str]]]:
    """Yield every sample a gateway shows from its start on; label values that only events bring are missing."""
    metrics = Metrics("test")
    metrics.decided(1, {"expired": 1})
    metrics.failed({"expired": 1})
    metrics.law("digest")
    families: list[Metric] = list(metrics.registry.collect())
    for family in families:
        for sample in family.samples:
            yield sample.name, sample.labels


def expressions() -> str:
    """Return the expressions of all rules, without the texts for people."""
    kept, skipping = [], False
    for line in RULES.read_text().splitlines():
        if re.match(r"\s*(annotations|#)", line):
            skipping = line.strip() == "annotations:"
        elif re.match(r"\s*-? ?(alert|record|name|groups|rules|for|labels):?", line):
            skipping = False
        elif not skipping:
            kept.append(line)
    return "\n".join(kept)


def test_rules_name_only_metrics_that_exist() -> None:
    """An alert on a metric that nobody counts would be silent for ever."""
    known = {name for name, _ in samples()} | set(re.findall(r"- record: (\w+)", RULES.read_text()))
    named = set(re.findall(r"\baccord_[a-z0-9_]+", expressions()))

    assert len(named) > 15
    assert named - known == set()


def test_rules_select_only_labels_that_exist() -> None:
    """A label value that no metric takes selects nothing."""
    shown = list(samples())
    selected = re.findall(r'(accord_[a-z0-9_]+)\{(\w+)="([^"]+)"\}', expressions())

    assert selected
    for name, label, value in selected:
        assert any(found == name and labels.get(label) == value for found, labels in shown), (name, label, value)


def test_every_alert_has_a_case() -> None:
    """Nobody relies on an alert that was never seen firing."""
    alerts = re.findall(r"^\s*- alert: (\w+)$", RULES.read_text(), re.MULTILINE)
    fired = re.findall(r"^\s*alertname: (\w+)\n\s*exp_alerts:\n\s*- exp_labels", CASES.read_text(), re.MULTILINE)

    assert sorted(alerts) == sorted(fired)


@pytest.mark.parametrize(
    "command", [["check", "rules", RULES.name], ["test", "rules", CASES.name]], ids=["check", "test"]
)
def test_promtool_agrees(command: list[str]) -> None:
    """The rules parse, fire where they should and are silent where they should be (S-16)."""
    done = subprocess.run(
        [require_program("promtool"), *command], cwd=FOLDER, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr
