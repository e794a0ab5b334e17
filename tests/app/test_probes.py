"""Deliveries that are timed: one of each urgency, from the commit to the acknowledgement, and never a failure."""

from prometheus_client import Histogram

from gateway.app.probes import GIVEN_UP_S, Probes
from gateway.domain.message import URGENCIES
from gateway.domain.session import Delivery
from gateway.switch.delivery import Fresh
from gateway.switch.outcomes import Outcomes
from gateway.telemetry.metrics import Metrics

ROUTINE = URGENCIES.index("routine")


class Bench:
    """Probes over a page of metrics, and a clock that is set by hand."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.metrics = Metrics("test")
        self.probes = Probes(self.metrics.end_to_end_duration_seconds, lambda: self.now_s)

    def committed(self, digest: bytes, recipient: str = "kz-mvd", urgency: int = ROUTINE) -> None:
        """A message was committed and offered to a connected recipient."""
        outcomes = Outcomes()
        delivery = Delivery(header_sha256=digest, envelope=b"", receipt=b"", attempt=1)
        outcomes.fresh[recipient] = [Fresh(1, urgency, 0, False, delivery)]
        self.probes.take(outcomes)

    def ended(self, *digests: bytes, recipient: str = "kz-mvd", failed: int = 0) -> None:
        """Deliveries to a recipient have ended."""
        outcomes = Outcomes()
        outcomes.ended[recipient] = list(digests)
        if failed:
            outcomes.failed["expired"] = failed
        self.probes.take(outcomes)

    def told(self, urgency: int = ROUTINE) -> tuple[float, float]:
        """Return how many durations were observed, and their sum."""
        durations: Histogram = self.metrics.end_to_end_duration_seconds[urgency]
        samples = {sample.name: sample.value for family in durations.collect() for sample in family.samples}
        name = "accord_end_to_end_duration_seconds"
        return samples[f"{name}_count"], samples[f"{name}_sum"]


def test_delivery_is_timed_from_commit_to_acknowledgement() -> None:
    """One of each urgency at a time: the second message of a kind is not looked at until the first has ended."""
    bench = Bench()
    bench.committed(b"first")
    bench.now_s = 101.0
    bench.committed(b"second")
    bench.committed(b"flash", urgency=0)
    bench.now_s = 103.0
    bench.ended(b"second", b"flash")
    bench.ended(b"first", recipient="caricc")
    bench.ended(b"first")

    assert bench.told() == (1, 3.0)
    assert bench.told(0) == (1, 2.0)


def test_failure_is_no_delivery() -> None:
    """What ends in a batch with failures is not counted, and the next message is timed."""
    bench = Bench()
    bench.committed(b"first")
    bench.ended(b"first", failed=1)
    bench.committed(b"second")
    bench.now_s = 100.5
    bench.ended(b"second")

    assert bench.told() == (1, 0.5)


def test_silent_recipient_counts_as_a_minute_and_ends_no_measurement() -> None:
    """What nobody acknowledges is seen as slow, not as nothing."""
    bench = Bench()
    bench.committed(b"first")
    bench.now_s += GIVEN_UP_S + 1
    bench.committed(b"second")
    bench.now_s += 1
    bench.ended(b"second")

    assert bench.told() == (2, GIVEN_UP_S + 2)
