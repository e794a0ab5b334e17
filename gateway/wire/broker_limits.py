"""The bounds of a connection to a broker, and of what one topic may cost us; `settings` fills them."""

from typing import Annotated

from msgspec import Meta, Struct

Positive = Annotated[int, Meta(ge=1)]
Seconds = Annotated[float, Meta(gt=0)]
# Receive maximum and packet identifiers are 16 bits.
Short = Annotated[int, Meta(ge=1, le=65_535)]


class BrokerLimits(Struct, frozen=True, forbid_unknown_fields=True):
    """What we ask of a broker, and what we take from one topic before any signature is verified."""

    # Publishes that the broker may have with us without acknowledgement; Debian's 2.0.11 sends more.
    receive_max: Short = 64
    # Publishes of ours without acknowledgement; the broker's own receive maximum may be lower.
    publishes_max: Short = 64
    keepalive_s: Annotated[int, Meta(ge=1, le=60)] = 20
    connect_timeout_s: Seconds = 10.0
    # What the broker keeps for a gateway that is away; redelivered when it is back.
    session_expiry_s: Annotated[int, Meta(ge=0, le=86_400)] = 3_600
    # After a lost broker: a random time between zero and a bound that doubles (full jitter).
    reconnect_s_min: Seconds = 0.5
    reconnect_s_max: Seconds = 30.0
    # Quota of one topic. It is half of what an authority may ask in all, so that a broker that floods a topic
    # leaves the other half to the authority's own connections.
    messages_per_s: Positive = 1_000
    messages_burst: Positive = 2_000
    bytes_per_s: Positive = 32 * 1024 * 1024
    bytes_burst: Positive = 64 * 1024 * 1024
    # Submissions of one topic without an answer, beyond what the window lets an honest endpoint send.
    unanswered_max: Positive = 2_048
    # After an endpoint broke the protocol its topics are not heard for this long.
    muted_s: Seconds = 5.0
    drain_timeout_s: Seconds = 10.0
