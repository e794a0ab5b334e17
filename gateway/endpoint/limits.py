"""Every bound and every time of an endpoint, with its unit. `settings` fills them."""

import random
from typing import Annotated

from msgspec import Meta, Struct

Positive = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(gt=0)]


class EndpointLimits(Struct, frozen=True, forbid_unknown_fields=True):
    """How long an endpoint waits, and how much it holds."""

    # Reconnecting: a random time between zero and a bound that doubles (full jitter).
    reconnect_s_min: Seconds = 0.2
    reconnect_s_max: Seconds = 10.0
    connect_timeout_s: Seconds = 5.0
    hello_timeout_s: Seconds = 10.0
    heartbeat_s: Seconds = 20.0
    # A submission without an answer for this long: the connection is cut, the same bytes go again.
    answer_timeout_s: Seconds = 30.0
    # A gateway that does not prove for this long that its ledger only grew is reported.
    proof_timeout_s: Seconds = 30.0
    # Acknowledgements wait up to this long for company, so that one signature serves many: to sign and to verify each
    # alone costs both sides more than the message.
    acknowledge_after_s: Annotated[float, Meta(ge=0)] = 0.25
    # A batch has at most 64 KiB as well: 140 items fit whatever the names in them.
    acknowledgements_max: Annotated[int, Meta(ge=1, le=140)] = 128
    # Frames read and not yet dealt with; then the socket is not read any more.
    unread_bytes_max: Positive = 8 * 1024 * 1024
    # Sealed envelopes and opened messages kept in memory besides the disk; more is read back.
    ready_items_max: Positive = 512
    ready_bytes_max: Positive = 32 * 1024 * 1024
    # Submissions without a receipt that the outbox takes; then `send` says busy.
    outbox_items_max: Positive = 1_000_000
    # Past its expiry by this much, a message without an outcome is reported: the gateway owes one.
    outcome_grace_s: Seconds = 3_600.0

    def acknowledge_pause_s(self) -> float:
        """Return how long to wait for company now: between half of the bound and all of it.

        Recipients that are served together would else speak together ever after, and a gateway would stop at that
        moment for everybody else.
        """
        return random.uniform(self.acknowledge_after_s / 2, self.acknowledge_after_s)
