"""What a verification finds."""

from msgspec import Struct

from gateway.domain.errors import TrustError
from gateway.domain.receipt import Checkpoint


class VerificationError(TrustError):
    """The ledger is not what was recorded and signed: somebody changed it, or its disk did."""


class Report(Struct, frozen=True):
    """What was verified; `checkpoint` is the newest, `owed` counts deliveries whose bodies were checked."""

    entries: int
    checkpoints: int
    owed: int
    checkpoint: Checkpoint
