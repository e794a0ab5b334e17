"""Every metric of the gateway on one page, under the prefix `accord_`.

Children are bound here, at start, so that counting is an addition; whoever counts adds once a
batch. Labels come from closed sets: no message id, no case, no authority, no person ever becomes
one (threat O3). Source: S-16 (Prometheus naming); reference/ecosystem.md 17.3.
"""

import platform
import sqlite3
import ssl
from collections.abc import Callable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from gateway.domain.message import URGENCIES

BUCKETS_S = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
BUCKETS_BATCH = (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000)

TRANSPORTS = ("websocket", "https", "mqtt")
ANSWERS = ("receipt", "busy", "invalid", "unauthenticated", "forbidden")
CLOSES = ("peer", "drain", "revoked", "protocol", "slow", "overload", "fault", "superseded", "diverged")
HANDSHAKE_FAILURES = ("no-certificate", "untrusted", "not-in-date", "purpose", "protocol", "other")
FAILURES = ("expired", "withdrawn", "key-compromised", "undecipherable", "refused", "attempts-exhausted")
# Why a publish of a broker is dropped: no topic of ours or of nobody, retained, not QoS 1, its topic is muted or over
# its quota, no frame, for another gateway, or a fault of ours.
DROPS = ("topic", "retained", "qos", "muted", "quota", "malformed", "other", "fault")
CERTIFICATES = ("server", "client-authority")
# What became of a delivery's attempt: `unacknowledged` ones were `sent` before.
ATTEMPTS = ("sent", "withheld", "unacknowledged")
REFUSED_PUBLISHES = ("unspecified", "implementation", "not-authorized", "topic", "quota", "format", "other")
# What is under way: submissions on their way to disk, deliveries on their way to an acknowledgement.
STAGES = ("commit", "delivery")

# The library ships this function without types.
_disable_created: Callable[[], None] = disable_created_metrics


class Metrics:
    """One registry of its own, so that two gateways in one process (a test) do not meet."""

    def __init__(self, version: str, revision: str = "unknown") -> None:
        """Bind every child; `version` and `revision` name the software that runs."""
        _disable_created()
        self.registry = CollectorRegistry()
        self._define_links()
        self._define_broker()
        self._define_messages()
        self._define_state()
        self._gauge(
            "build_info", "The software that runs; always 1.", "version", "revision", "python", "sqlite", "openssl"
        ).labels(
            version, revision, platform.python_version(), sqlite3.sqlite_version, ssl.OPENSSL_VERSION.split()[1]
        ).set(1)

    def _define_links(self) -> None:
        received = self._counter("messages_received", "Messages and statements that arrived on a link.", "transport")
        self.messages_received = _children(received, TRANSPORTS)
        self.acknowledgements_received = self._counter("acknowledgements_received", "Signed batches that arrived.")
        delivered = self._counter("messages_delivered", "Deliveries handed to a link's connection.", "transport")
        self.messages_delivered = _children(delivered, TRANSPORTS)
        answers = self._counter("answers", "Outcomes sent to submitters.", "kind")
        self.answers = _children(answers, ANSWERS)
        sessions = self._gauge("sessions", "Connections that are attached to the switch.", "transport")
        self.sessions = {name: sessions.labels(name) for name in TRANSPORTS}
        self.connections = self._gauge("connections", "Open connections of all listeners.")
        self.connections_refused = self._counter("connections_refused", "Connections over a bound of connections.")
        closes = self._counter("links_closed", "Connections and sessions that ended, and why.", "reason")
        self.links_closed = _children(closes, CLOSES)
        failures = self._counter("tls_handshake_failures", "TLS handshakes that failed.", "reason")
        self.tls_handshake_failures = _children(failures, HANDSHAKE_FAILURES)
        self._problems = self._counter("http_problems", "HTTP requests answered by a problem.", "code")
        self.accept_duration_seconds = self._histogram(
            "accept_duration_seconds", "From the arrival of a submission to its answer, sampled.", BUCKETS_S
        )
        self.unjudged_bytes = self._gauge("unjudged_bytes", "Submitted bytes that have no answer yet.")
        self.outgoing_bytes = self._gauge("outgoing_bytes", "Deliveries queued for connections.")

    def _define_broker(self) -> None:
        self.mqtt_links = self._gauge("mqtt_links", "Links through a broker that the settings name.")
        self.mqtt_connected = self._gauge("mqtt_connected", "Links through a broker that are up.")
        self.mqtt_losses = self._counter("mqtt_losses", "Brokers lost, not reached, or refused by us.")
        refused = self._counter("mqtt_publishes_refused", "Publishes that the broker refused us.", "reason")
        self.mqtt_publishes_refused = _children(refused, REFUSED_PUBLISHES)
        dropped = self._counter("mqtt_dropped", "Publishes that were dropped before anything was verified.", "reason")
        self.mqtt_dropped = _children(dropped, DROPS)

    def _define_messages(self) -> None:
        self._decisions = self._counter("decisions", "Decisions of policy.", "decision", "reason")
        self._permitted = self._decisions.labels("permitted", "")
        self.messages_committed = self._counter("messages_committed", "Permitted messages made durable.")
        self.duplicates = self._counter("duplicates", "Repeated submissions, answered by the first receipt.")
        self.acknowledged = self._counter("messages_acknowledged", "Deliveries that a recipient acknowledged.")
        self._failed = self._counter("delivery_failures", "Deliveries that ended in failure.", "reason")
        self.delivery_failures = _children(self._failed, FAILURES)
        attempts = self._counter(
            "delivery_attempts",
            "Deliveries sent, withheld at the last moment, or sent and not acknowledged.",
            "outcome",
        )
        self.delivery_attempts = _children(attempts, ATTEMPTS)
        depths = self._gauge("queue_depth", "Deliveries that are still owed.", "priority")
        self.queue_depth = [depths.labels(name) for name in URGENCIES]
        ages = self._gauge(
            "oldest_undelivered_age_seconds", "Age of the oldest delivery that is still owed, 0 if none is.", "priority"
        )
        self.oldest_undelivered_age_seconds = [ages.labels(name) for name in URGENCIES]
        inflight = self._gauge("inflight", "What waits for its commit, or for its acknowledgement.", "stage")
        self.inflight = {name: inflight.labels(name) for name in STAGES}
        end_to_end = self._histogram(
            "end_to_end_duration_seconds",
            "From a commit to the recipient's recorded acknowledgement, sampled among connected recipients.",
            BUCKETS_S,
            "priority",
        )
        self.end_to_end_duration_seconds = [end_to_end.labels(name) for name in URGENCIES]

    def _define_state(self) -> None:
        self.ready = self._gauge("ready", "1 if the gateway can verify, decide, commit and sign.")
        self.commit_batch_size = self._histogram("commit_batch_size", "Items in one commit.", BUCKETS_BATCH)
        self.commit_duration_seconds = self._histogram(
            "commit_duration_seconds", "One commit with fsync and its checkpoint.", BUCKETS_S
        )
        self.store_errors = self._counter("store_errors", "Failures of the store; the first one stops the process.")
        self.store_bytes = self._gauge("store_bytes", "Size of the database.")
        self.wal_bytes = self._gauge("wal_bytes", "Size of the write-ahead log.")
        self.disk_free_bytes = self._gauge("disk_free_bytes", "Free space below the data directory.")
        self.disk_watermark_bytes = self._gauge("disk_watermark_bytes", "Below this much free space we are busy.")
        self.edition = self._gauge("edition", "Number of the directory edition in force.")
        self.edition_not_after_timestamp_seconds = self._gauge(
            "edition_not_after_timestamp_seconds", "When the directory edition in force expires."
        )
        self.law_loaded_timestamp_seconds = self._gauge(
            "law_loaded_timestamp_seconds", "When the agreements were loaded."
        )
        self._law = self._gauge("law_info", "The law that is applied, by its digest; always 1.", "digest")
        self.ledger_size = self._gauge("ledger_size", "Entries of the ledger.")
        self.ledger_checkpoint_timestamp_seconds = self._gauge(
            "ledger_checkpoint_timestamp_seconds", "When the newest checkpoint was signed."
        )
        self.ledger_verify_failures = self._counter(
            "ledger_verify_failures", "Entries or proofs that did not verify: somebody changed the ledger."
        )
        self.ledger_claim_mismatches = self._counter(
            "ledger_claim_mismatches", "Unsigned claims of peers to have seen what this ledger does not contain."
        )
        certificates = self._gauge(
            "certificate_not_after_timestamp_seconds", "When a certificate of ours expires.", "role"
        )
        self.certificate_not_after_timestamp_seconds = {name: certificates.labels(name) for name in CERTIFICATES}
        self.clock_timestamp_seconds = self._gauge(
            "clock_timestamp_seconds", "What our clock says; against the time of the scrape it tells how wrong it is."
        )
        self.event_loop_lag_seconds = self._gauge("event_loop_lag_seconds", "How late the event loop's timers run.")

    def decided(self, permitted: int, refused: Mapping[str, int]) -> None:
        """Count one batch of decisions; `refused` maps reason codes of policy to how often each spoke."""
        self._permitted.inc(permitted)
        for reason, times in refused.items():
            self._decisions.labels("refused", reason).inc(times)

    def failed(self, outcomes: Mapping[str, int]) -> None:
        """Count deliveries that ended in failure, by outcome."""
        for outcome, times in outcomes.items():
            self._failed.labels(outcome).inc(times)

    def law(self, digest: str) -> None:
        """Name the law in force; the one before is gone from the page."""
        self._law.clear()
        self._law.labels(digest).set(1)

    def problem(self, code: str) -> None:
        """Count one HTTP problem by its registered code."""
        self._problems.labels(code).inc()

    def _counter(self, name: str, help_text: str, *labels: str) -> Counter:
        return Counter(f"accord_{name}", help_text, labels, registry=self.registry)

    def _gauge(self, name: str, help_text: str, *labels: str) -> Gauge:
        return Gauge(f"accord_{name}", help_text, labels, registry=self.registry)

    def _histogram(self, name: str, help_text: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"accord_{name}", help_text, labels, registry=self.registry, buckets=buckets)


def _children(counter: Counter, names: tuple[str, ...]) -> dict[str, Counter]:
    return {name: counter.labels(name) for name in names}
