"""What the store knows of the things a message cites. Policy reads facts, never a disk."""

from msgspec import Struct

from gateway.domain.label import Label
from gateway.domain.statement import Consent


class SourceFact(Struct, frozen=True):
    """An admitted message that somebody cites; its originator is the provider.

    `sources` are the digests it cited itself: a chain keeps its first provider. `accepted`: authorities whose
    admitted `acceptance` answers it, so that conditions which bind once accepted bind them (C8-24, C1-14).
    """

    header_sha256: str
    originator: str
    recipients: tuple[str, ...]
    agreement: str
    kind: str
    purposes: tuple[str, ...]
    subjects: tuple[str, ...]
    label: Label
    conditions: tuple[str, ...]
    in_reply_to: str | None
    sources: tuple[str, ...]
    admitted_at_ms: int
    withdrawn: bool
    accepted: tuple[str, ...] = ()


class ConsentFact(Struct, frozen=True):
    """A recorded consent, when it was revoked (None: it stands), and how often it was used."""

    consent_sha256: str
    consent: Consent
    recorded_at_ms: int
    revoked_at_ms: int | None
    uses: int


class Facts(Struct, frozen=True):
    """Everything cited, with the sources of sources; what is unknown is absent."""

    sources: dict[str, SourceFact] = {}
    consents: dict[str, ConsentFact] = {}


NO_FACTS = Facts()
