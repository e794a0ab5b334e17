"""How long deliveries take, from commit to acknowledgement: one of each urgency is timed at a time.

Nothing is done for a message: once a batch the few deliveries that are timed are looked for among those that ended.
"""

from collections.abc import Callable, Sequence

from msgspec import Struct
from prometheus_client import Histogram

from gateway.switch.outcomes import Outcomes

# An acknowledgement that takes longer is counted as this long, so that one silent recipient ends no measurement.
GIVEN_UP_S = 60.0


class _Probe(Struct, frozen=True):
    recipient: str
    header_sha256: bytes
    since_s: float


class Probes:
    """The deliveries that are being timed, by urgency."""

    def __init__(self, durations: Sequence[Histogram], now_s: Callable[[], float]) -> None:
        """Observe into one of `durations` for each urgency; `now_s` is monotonic."""
        self._durations = durations
        self._now_s = now_s
        self._waiting: dict[int, _Probe] = {}

    def take(self, outcomes: Outcomes) -> None:
        """See one committed batch: what it ends is timed, what it begins may be timed next."""
        now_s = self._now_s()
        for urgency, probe in list(self._waiting.items()):
            if probe.header_sha256 in outcomes.ended.get(probe.recipient, ()):
                # A batch with failures may have ended it in failure, which is no delivery.
                if not outcomes.failed:
                    self._durations[urgency].observe(now_s - probe.since_s)
                del self._waiting[urgency]
            elif now_s - probe.since_s > GIVEN_UP_S:
                self._durations[urgency].observe(now_s - probe.since_s)
                del self._waiting[urgency]
        if len(self._waiting) == len(self._durations):
            return
        for recipient, fresh in outcomes.fresh.items():
            first = fresh[0]
            if first.precedence not in self._waiting:
                self._waiting[first.precedence] = _Probe(recipient, first.delivery.header_sha256, now_s)
