"""Every bound of a listener and its connections, with its unit. `settings` fills them.

Source: reference/reliability.md 4.1 and rows E10 to E12; wire.md, "Envelope".
"""

from msgspec import Struct


class Limits(Struct, frozen=True, forbid_unknown_fields=True):
    """What a peer may ask of a listener before it is told to wait or is cut."""

    # Connections.
    connections_max: int = 2_048
    connections_per_certificate_max: int = 8
    backlog: int = 256
    handshake_timeout_s: float = 5.0
    tls_shutdown_timeout_s: float = 3.0
    # One HTTP request.
    header_timeout_s: float = 10.0
    idle_timeout_s: float = 15.0
    header_line_bytes_max: int = 4_096
    headers_max: int = 48
    body_bytes_max: int = 2 * 1024 * 1024
    body_timeout_s: float = 30.0
    # After the grace a body must have come at this mean rate.
    body_rate_grace_s: float = 5.0
    body_rate_bytes_per_s_min: int = 8 * 1024
    read_buffer_bytes: int = 64 * 1024
    lingering_s: float = 2.0
    # How long an HTTPS submission waits for its commit before the client is told to ask again.
    answer_timeout_s: float = 20.0
    inbox_wait_s_max: int = 30
    inbox_poll_s: float = 0.5
    inbox_items_max: int = 100
    inbox_bytes_max: int = 8 * 1024 * 1024
    # One WebSocket.
    frame_bytes_max: int = 2 * 1024 * 1024
    window: int = 256
    hello_timeout_s: float = 10.0
    heartbeat_s: float = 20.0
    # A peer that takes nothing for this long is cut; what it was owed stays in the spool.
    send_timeout_s: float = 20.0
    # From the decision to close a WebSocket to the end of its connection, whatever the peer does.
    closing_timeout_s: float = 3.0
    outgoing_items_max: int = 2_048
    # Consistency proofs asked for and not yet sent.
    replies_max: int = 8
    outgoing_bytes_max: int = 4 * 1024 * 1024
    write_buffer_bytes: int = 256 * 1024
    # Bytes handed to the switch and not yet answered: one connection, all connections.
    unjudged_bytes_max: int = 4 * 1024 * 1024
    unjudged_bytes_total_max: int = 64 * 1024 * 1024
    outgoing_bytes_total_max: int = 64 * 1024 * 1024
    busy_retry_after_s: int = 2
    drain_timeout_s: float = 10.0
