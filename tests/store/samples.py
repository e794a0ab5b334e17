"""Work for a store: messages, decisions, statements and acknowledgements that are well formed.

Digests, wraps and records are real; the signatures of originators are not, because no store looks at them.
"""

import hashlib
import os
from collections.abc import Callable, Sequence

import msgspec

from gateway.crypto.acknowledgements import sign_acknowledgements
from gateway.crypto.canonical import encode
from gateway.crypto.digests import encode_base64url, sha256, signatures_digest
from gateway.crypto.keys import SecretKey, generate
from gateway.crypto.merkle import inclusion_paths, leaf_hash
from gateway.crypto.statements import StatementKind, sign_statement
from gateway.domain.decision import Decision, EditionRef, Reason
from gateway.domain.errors import LedgerError
from gateway.domain.label import Label
from gateway.domain.message import AuthenticMessage, Body, Envelope, Header, Recipient, Signature, Wrap
from gateway.domain.statement import (
    AcknowledgementEvidence,
    AcknowledgementItem,
    AuthenticStatement,
    Consent,
    ConsentRevocation,
    SignedAcknowledgements,
    SignedStatement,
)
from gateway.store.interface import (
    Acknowledge,
    AcknowledgedItem,
    AdmitMessage,
    AdmitStatement,
    ConsentUse,
    FailDelivery,
    RecordEdition,
)
from gateway.store.kept import KeptMessage, keep

Failed = Callable[[LedgerError], None]

NETWORK = "demo"
ORIGIN = "gateway.example/ledger"
NOW_MS = 1_764_000_000_000
ALPHA, BRAVO, CHARLIE = "alpha", "bravo", "charlie"
EDITION = EditionRef(number=1, sha256=encode_base64url(sha256(b"edition")))
LAW_SHA256 = encode_base64url(sha256(b"law"))
LABEL = Label(
    level="restricted",
    handling=(),
    third_party="consent-required",
    personal_data=True,
    special_categories=(),
    necessity=None,
    confidential_fact=False,
)
ACKNOWLEDGER = generate("acknowledgement")
CONSENTER = generate("consent")


def reason(code: str) -> Reason:
    """One reason that refuses."""
    return Reason(code=code, rule="CZ-01", article="Art. 1", basis="text", detail=None)


def decision(*codes: str) -> Decision:
    """A refusal for these reasons; a permission without any."""
    return Decision(
        agreement="cz-kz",
        reasons=tuple(reason(code) for code in codes),
        flags=(),
        edition=EDITION,
        law_sha256=LAW_SHA256,
    )


def message_id(number: int, sent_at_ms: int = NOW_MS) -> str:
    """A UUIDv7 whose random part is `number`."""
    text = f"{sent_at_ms:012x}7{number >> 62 & 0xFFF:03x}{0x8000_0000_0000_0000 | number & (2**62 - 1):016x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def _recipient(name: str, wrap: Wrap) -> Recipient:
    return Recipient(authority=name, key=encode_base64url(wrap.k), wrap_sha256=encode_base64url(sha256(wrap.w)))


def message(
    number: int,
    *,
    originator: str = ALPHA,
    recipients: Sequence[str] = (BRAVO,),
    body: bytes = b"ciphertext",
    wrap_bytes: int = 80,
    urgency: str = "routine",
    lifetime_ms: int = 3_600_000,
    sources: Sequence[str] = (),
    consents: Sequence[str] = (),
    label: Label = LABEL,
    kind: str = "request",
    in_reply_to: str | None = None,
) -> AuthenticMessage:
    """A message as `open_envelope` would give it."""
    wraps = tuple(Wrap(k=sha256(name.encode())[:16], w=os.urandom(wrap_bytes)) for name in recipients)
    signer = sha256(originator.encode())[:16]
    header = Header(
        v=1,
        network=NETWORK,
        suite=1,
        id=message_id(number),
        signers=(encode_base64url(signer),),
        originator=originator,
        recipients=tuple(_recipient(name, wrap) for name, wrap in zip(recipients, wraps, strict=True)),
        kind=kind,
        agreement="cz-kz",
        purposes=("detection", "prevention"),
        subjects=("narcotics",),
        label=label,
        urgency=urgency,  # type: ignore[arg-type]  # A plain string reads better where messages are made.
        sent_at_ms=NOW_MS,
        expires_at_ms=NOW_MS + lifetime_ms,
        destroy_by_ms=None,
        case=None,
        in_reply_to=in_reply_to,
        sources=tuple(sources),
        consents=tuple(consents),
        conditions=(),
        database=None,
        language="en",
        form={"signed": True},
        key_commitment=encode_base64url(sha256(b"key")),
        body=Body(sha256=encode_base64url(sha256(body)), length=len(body), media_type="text/plain", schema=None),
    )
    h = encode(header)
    envelope = Envelope(h=h, s=(Signature(k=signer, g=hashlib.sha512(h).digest()),), r=wraps, c=body)
    raw = msgspec.msgpack.encode(envelope)
    return AuthenticMessage(header, sha256(h), signatures_digest(envelope.s), envelope, ("message",), raw)


def admit(
    of: AuthenticMessage,
    *codes: str,
    against: str | None = None,
    at_ms: int = NOW_MS,
    consents: Sequence[ConsentUse] = (),
    token: object = None,
) -> AdmitMessage:
    """Admission of a message that was permitted, or refused for `codes`."""
    return AdmitMessage(
        message=keep((of,))[0],
        against=against or of.header.originator,
        decision=decision(*codes),
        at_ms=at_ms,
        consents=tuple(consents),
        otherwise=decision("consent-withdrawn") if consents else None,
        reused=decision("id-reused"),
        token=token,
    )


def acknowledge(
    *of: AuthenticMessage | KeptMessage, by: str = BRAVO, status: str = "consigned", at_ms: int = NOW_MS + 5
) -> Acknowledge:
    """A signed batch of acknowledgements with the evidence for each originator."""
    items = [
        AcknowledgementItem(
            v=1,
            network=NETWORK,
            recipient=by,
            originator=each.originator if isinstance(each, KeptMessage) else each.header.originator,
            header_sha256=encode_base64url(each.header_sha256),
            status=status,  # type: ignore[arg-type]  # A plain string reads better in parameters of tests.
            at_ms=at_ms,
            salt=encode_base64url(os.urandom(32)),
        )
        for each in of
    ]
    raw = sign_acknowledgements(items, ACKNOWLEDGER, None)
    signed = msgspec.msgpack.decode(raw, type=SignedAcknowledgements)
    paths = inclusion_paths([leaf_hash(item) for item in signed.items])
    return Acknowledge(
        recipient=by,
        batch_sha256=sha256(signed.h),
        signatures_sha256=signatures_digest((signed.s,)),
        raw=raw,
        items=tuple(
            AcknowledgedItem(
                item.recipient,
                item.originator,
                item.status,
                each.header_sha256,
                msgspec.msgpack.encode(AcknowledgementEvidence(signed.h, signed.s, signed.items[i], i, paths[i])),
            )
            for i, (item, each) in enumerate(zip(items, of, strict=True))
        ),
        edition=EDITION,
        law_sha256=LAW_SHA256,
        at_ms=at_ms,
        token=None,
    )


def consent(number: int, sources: Sequence[str], *, provider: str = ALPHA, uses_max: int | None = None) -> Consent:
    """A provider's consent to bravo for these sources."""
    return Consent(
        v=1,
        network=NETWORK,
        id=message_id(number),
        provider=provider,
        grantee=BRAVO,
        agreement="cz-kz",
        sources=tuple(sorted(sources)),
        recipients=(CHARLIE,),
        purposes=(),
        conditions=(),
        not_before_ms=NOW_MS - 1_000,
        not_after_ms=NOW_MS + 3_600_000,
        uses_max=uses_max,
        issued_at_ms=NOW_MS,
    )


def revocation(of: AdmitStatement, *, provider: str = ALPHA) -> ConsentRevocation:
    """The provider takes a consent back."""
    return ConsentRevocation(
        v=1,
        network=NETWORK,
        provider=provider,
        consent_sha256=encode_base64url(of.statement.sha256),
        at_ms=NOW_MS,
    )


def admit_statement(value: Consent | ConsentRevocation, *codes: str, against: str | None = None) -> AdmitStatement:
    """Admission of a statement."""
    kind: StatementKind = "consent" if isinstance(value, Consent) else "consent-revocation"
    raw = sign_statement(kind, value, CONSENTER)
    signed = msgspec.msgpack.decode(raw, type=SignedStatement)
    statement = AuthenticStatement(
        type=signed.t,
        authority=value.provider,
        value=value,
        sha256=sha256(signed.h),
        signatures_sha256=signatures_digest(signed.s),
        raw=raw,
    )
    return AdmitStatement(
        statement=statement, against=against or value.provider, decision=decision(*codes), at_ms=NOW_MS, token=None
    )


def fail(index: int, recipient: str = BRAVO, outcome: str = "expired") -> FailDelivery:
    """The end of one delivery in failure."""
    return FailDelivery(
        index=index, recipient=recipient, outcome=outcome, decision=decision(outcome), at_ms=NOW_MS + 9, token=None
    )


def edition(number: int = 1) -> RecordEdition:
    """An edition that came into use."""
    return RecordEdition(
        number=number, sha256=sha256(b"edition%d" % number), law_sha256=LAW_SHA256, at_ms=NOW_MS, token=None
    )


def checkpoint_key() -> SecretKey:
    """A fresh ledger key."""
    return generate("checkpoint")


def checkpoint_seed() -> bytes:
    """The private bytes of a fresh ledger key, for a process that is started with it."""
    return os.urandom(32)
