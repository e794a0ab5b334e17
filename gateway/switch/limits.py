"""The bounds of the switch, with their units. `settings` fills them."""

from typing import Annotated

from msgspec import Meta, Struct

from gateway.domain.statement import STATEMENT_BYTES_MAX


class SwitchLimits(Struct, frozen=True, forbid_unknown_fields=True):
    """How much one authority may ask of us, and how long we wait for a recipient.

    Rates refill continuously; a burst is what may be used at once.
    """

    messages_per_s: int = 2_000
    messages_burst: int = 4_000
    bytes_per_s: int = 64 * 1024 * 1024
    bytes_burst: int = 128 * 1024 * 1024
    # Signed batches of acknowledgements have a share of their own: whoever has sent too much must still be able to end
    # what it is owed. As many as messages, so that what comes at that rate can be acknowledged singly.
    acknowledgements_per_s: int = 2_000
    acknowledgements_burst: int = 4_000
    acknowledgement_bytes_per_s: int = 4 * 1024 * 1024
    acknowledgement_bytes_burst: Annotated[int, Meta(ge=STATEMENT_BYTES_MAX)] = 32 * 1024 * 1024
    # Submissions of one session that were no envelope or not signed; forgiven at one a second.
    failures_max: int = 20
    in_flight_deliveries_max: int = 1_024
    in_flight_bytes_max: int = 16 * 1024 * 1024
    # Unacknowledged for this long, a delivery goes to another session; then twice as long, up to an hour.
    acknowledge_within_ms: int = 30_000
    acknowledge_within_ms_max: int = 3_600_000
    # Every reconnect of a recipient is an attempt too, and so is a crash of ours: a budget against poison, no deadline.
    attempts_max: int = 1_000
