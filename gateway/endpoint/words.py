"""What people and other processes ask of an endpoint, and what they get: the words of its local interface.

Digests are base64url, times milliseconds since the epoch. `name` is an id, or the digest of what was signed.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from gateway.domain.decision import Reason
from gateway.domain.label import Level, ThirdParty
from gateway.domain.message import LIFETIME_MS_MAX, Urgency
from gateway.endpoint.identity import SealRole

DAY_S = 24 * 3_600
Seconds = Annotated[float, Meta(ge=0, le=3_600)]
Limit = Annotated[int, Meta(ge=1, le=10_000)]

State = Literal[
    "queued", "sent", "accepted", "refused", "declined", "delivered", "failed", "partly-failed", "outcome-owed"
]


class SendRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Send a message. `wait_s` 0 returns as soon as it is durable. `id` names it anew only if it is not there yet."""

    recipients: tuple[str, ...]
    body: bytes
    kind: str
    agreement: str
    purposes: tuple[str, ...]
    subjects: tuple[str, ...] = ()
    level: Level = "restricted"
    handling: tuple[str, ...] = ()
    third_party: ThirdParty = "consent-required"
    personal_data: bool = False
    special_categories: tuple[str, ...] = ()
    necessity: str | None = None
    confidential_fact: bool = False
    urgency: Urgency = "routine"
    lifetime_s: Annotated[int, Meta(ge=1, le=LIFETIME_MS_MAX // 1_000)] = 3 * DAY_S
    destroy_by_ms: int | None = None
    case: str | None = None
    in_reply_to: str | None = None
    sources: tuple[str, ...] = ()
    consents: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    database: str | None = None
    language: str | None = "en"
    form: dict[str, bool | str] = {}
    media_type: str = "application/octet-stream"
    schema: str | None = None
    suite: Literal[1, 2] = 2
    sign_as: tuple[SealRole, ...] = ()
    id: str | None = None
    wait_s: Seconds = 0


class QueryRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Ask a database and wait for the answer; without `send.recipients` the configured central node is asked."""

    send: SendRequest
    wait_s: Seconds = 10


class GiveConsent(Struct, frozen=True, forbid_unknown_fields=True):
    """Permit `grantee` to pass our information on."""

    grantee: str
    agreement: str
    sources: tuple[str, ...]
    recipients: tuple[str, ...]
    purposes: tuple[str, ...] = ()
    conditions: tuple[str, ...] = ()
    not_before_ms: int | None = None
    not_after_ms: int | None = None
    uses_max: int | None = None
    wait_s: Seconds = 0


class RevokeConsent(Struct, frozen=True, forbid_unknown_fields=True):
    """Take a consent of ours back, by its digest."""

    consent_sha256: str
    wait_s: Seconds = 0


class Named(Struct, frozen=True, forbid_unknown_fields=True):
    """One thing, by its id or digest; `wait_s`: for news about it that is not there yet."""

    name: str
    wait_s: Seconds = 0


class Page(Struct, frozen=True, forbid_unknown_fields=True):
    """The newest rows; `everything` shows settled and handed-over ones too. `wait_s`: for the gateway to tell all."""

    limit: Limit = 50
    everything: bool = False
    wait_s: Seconds = 0


class OpenRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Open a message for reading. `handed_over`: note it, and sign that for the originator."""

    name: str
    handed_over: bool = True


class SettleRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """End an alarm; `because` is kept with it."""

    number: int
    because: Annotated[str, Meta(min_length=3, max_length=500)]


class Nothing(Struct, frozen=True, forbid_unknown_fields=True):
    """No question beyond the operation itself."""


class Step(Struct, frozen=True):
    """One thing that happened to a message: what, when, by whose word."""

    at_ms: int
    event: str
    by: str | None = None
    detail: str | None = None


class RecipientState(Struct, frozen=True):
    """Where one recipient's copy stands; None: nothing was heard yet."""

    recipient: str
    outcome: str | None
    at_ms: int | None


class Timeline(Struct, frozen=True):
    """All that is proved of one thing that we sent. States are computed from what is recorded."""

    id: str
    sha256: str
    kind: str
    state: State
    agreement: str | None
    recipients: tuple[RecipientState, ...]
    steps: tuple[Step, ...]
    ledger: str | None
    ledger_index: int | None
    reasons: tuple[Reason, ...]
    declined_code: str | None
    declined_detail: str | None
    expires_at_ms: int | None


class Health(Struct, frozen=True):
    """How the endpoint is: connected or why not, what waits, what alarms are open.

    `outcomes_owed`: messages that expired and of whose end the gateway has proved nothing. `withheld`: messages
    whose marking may not travel by this connection, which goes through a broker.
    """

    authority: str
    network: str
    connected: bool
    gateway: str | None
    failure: str | None
    alarm: str | None
    edition: int
    unanswered: int
    unread: int
    acknowledgements_owed: int
    outcomes_owed: int
    withheld: int = 0


class SentReport(Struct, frozen=True):
    """What was sent, as far as it has come, and how the endpoint is."""

    timeline: Timeline
    health: Health


class InboxLine(Struct, frozen=True):
    """One message for us, without its body."""

    id: str
    sha256: str
    originator: str
    kind: str
    agreement: str
    level: str
    urgency: str
    media_type: str
    in_reply_to: str | None
    status: str
    received_at_ms: int
    handed_over_at_ms: int | None
    destroyed_at_ms: int | None


class InboxReport(Struct, frozen=True):
    """Messages for us, newest first."""

    messages: tuple[InboxLine, ...]
    health: Health


class OpenedReport(Struct, frozen=True):
    """A message for us, open. `header` is the canonical JSON that the originator signed.

    `unchecked`: elements that the header declares and no program could check; whoever reads the body has to.
    """

    line: InboxLine
    header: str
    body: bytes
    unchecked: tuple[str, ...] = ()


class QueryReport(Struct, frozen=True):
    """What became of a query, and its answer if that is here."""

    sent: SentReport
    answer: OpenedReport | None


class ReceiptLine(Struct, frozen=True):
    """One receipt that we hold: for what, where it stands in which ledger."""

    id: str
    sha256: str
    kind: str
    permitted: bool
    ledger: str
    ledger_index: int
    receipted_at_ms: int


class ReceiptsReport(Struct, frozen=True):
    """Receipts, newest first."""

    receipts: tuple[ReceiptLine, ...]
    health: Health


class FailedReceipt(Struct, frozen=True):
    """A receipt that does not hold any more, and why."""

    id: str
    why: str


class VerifiedReport(Struct, frozen=True):
    """How many receipts hold, and which do not."""

    verified: int
    failed: tuple[FailedReceipt, ...]
    health: Health


class Proof(Struct, frozen=True):
    """A receipt as a file (`.tlog-proof`), and the signed bytes that it is for."""

    id: str
    tlog_proof: bytes
    object: bytes


class AlarmLine(Struct, frozen=True):
    """One finding, and how it was settled."""

    number: int
    kind: str
    gateway: str | None
    detail: str
    latching: bool
    at_ms: int
    settled_at_ms: int | None
    settled_because: str | None


class AlarmsReport(Struct, frozen=True):
    """Findings, newest first."""

    alarms: tuple[AlarmLine, ...]


class SeenHead(Struct, frozen=True):
    """The largest checkpoint of one gateway that was seen; `note` is signed by it."""

    origin: str
    size: int
    note: str


class SeenReport(Struct, frozen=True):
    """What this endpoint has seen of every gateway's ledger: what a restored one is held against."""

    authority: str
    heads: tuple[SeenHead, ...]


class Done(Struct, frozen=True):
    """It is done; False: there was nothing to do."""

    done: bool
