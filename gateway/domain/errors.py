"""Errors, sorted by who must act.

The sender: `FormatError` with `RecipientError`, `SignatureError`, `PeerError`. Everybody, later: `CapacityError`.
Whoever keeps the directory: `TrustError`. The operator: `ConfigurationError`, `LedgerError`.
A refusal by policy is no error but a value (`gateway.domain.decision`).
"""


class GatewayError(Exception):
    """Any error of ours; its text is one lower-case line and carries no personal data."""


class FormatError(GatewayError):
    """The bytes are not what they claim to be; the sender must mend them."""


class RecipientError(FormatError):
    """The directory lists nobody of that name, or no key for them; the sender must name another, or have it listed."""


class SignatureError(GatewayError):
    """No key in force signed exactly these bytes; the sender must sign again."""


class PeerError(GatewayError):
    """The peer broke the protocol of its link; the link is cut."""


class TrustError(GatewayError):
    """A directory edition, a grant or a checkpoint does not deserve trust; nothing was taken over."""


class CapacityError(GatewayError):
    """A bound of ours is reached; the sender may send the same bytes later."""

    def __init__(self, bound: str, retry_after_s: int) -> None:
        super().__init__(f"bound `{bound}` is reached, retry after {retry_after_s} s")
        self.bound = bound
        self.retry_after_s = retry_after_s


class ConfigurationError(GatewayError):
    """A file or setting of the operator is wrong; `remedy` says what to do."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(f"{what}; {remedy}")
        self.what = what
        self.remedy = remedy


class LedgerError(GatewayError):
    """We no longer know our own state: stop, reopen, reconcile. Never answered, never retried."""
