"""Consent and revocation: the provider's own signature, in force, over exactly this."""

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.crypto import canonical
from gateway.crypto.digests import encode_base64url, payload_type, sha256, signatures_digest
from gateway.crypto.keys import SecretKey, generate, sign
from gateway.crypto.sealing import message_id
from gateway.crypto.signed import decode_signed, encode_signed, signed_bytes
from gateway.crypto.statements import open_statement, sign_statement
from gateway.domain.directory import Directory
from gateway.domain.errors import FormatError, SignatureError
from gateway.domain.message import CLOCK_AHEAD_MS_MAX, Signature
from gateway.domain.statement import (
    STATEMENT_BYTES_MAX,
    AuthenticStatement,
    Consent,
    ConsentRevocation,
    SignedStatement,
)
from tests.crypto.federation import AT_MS, CZ, DAY_MS, DIRECTORY, KZ, NETWORK, with_key

KEY = CZ.keys["consent"]
DIGESTS = tuple(sorted(encode_base64url(sha256(bytes([number]))) for number in range(3)))
CONSENT = Consent(
    v=1,
    network=NETWORK,
    id=message_id(AT_MS),
    provider=CZ.id,
    grantee=KZ.id,
    agreement="cz-kz",
    sources=DIGESTS,
    recipients=("am-police", "caricc"),
    purposes=("detection",),
    conditions=("no-onward-transfer",),
    not_before_ms=AT_MS,
    not_after_ms=AT_MS + DAY_MS,
    uses_max=3,
    issued_at_ms=AT_MS,
)
REVOCATION = ConsentRevocation(1, NETWORK, CZ.id, DIGESTS[0], AT_MS)
RAW = sign_statement("consent", CONSENT, KEY)


def opened(raw: bytes, directory: Directory = DIRECTORY) -> AuthenticStatement:
    """Open a statement as a gateway would."""
    return open_statement(raw, directory, NETWORK, AT_MS)


def under(value: msgspec.Struct, key: SecretKey = KEY, kind: str = "consent", said: str | None = None) -> bytes:
    """Return a statement signed by whoever, as whatever kind."""
    h = canonical.encode(value)
    signature = Signature(key.kid, sign(key, signed_bytes(kind, h)))
    return encode_signed(SignedStatement(payload_type(said or kind), h, (signature,)))


def test_consent_and_revocation_come_back() -> None:
    """What the provider signed is what the gateway reads, with the digest that messages cite."""
    consent = opened(RAW)
    revocation = opened(sign_statement("consent-revocation", REVOCATION, KEY))

    assert (consent.type, consent.authority, consent.value) == ("consent", CZ.id, CONSENT)
    assert consent.sha256 == sha256(canonical.encode(CONSENT))
    assert consent.signatures_sha256 == signatures_digest(decode_signed(RAW).s)
    assert consent.raw == RAW
    assert (revocation.type, revocation.value) == ("consent-revocation", REVOCATION)


SIGNATURES: dict[str, Callable[[], bytes]] = {
    "another provider": lambda: under(replace(CONSENT, provider=KZ.id)),
    "the grantee's own signature": lambda: under(CONSENT, KZ.keys["consent"]),
    "a message key of the provider": lambda: under(CONSENT, CZ.keys["message"]),
    "a seal of the provider": lambda: under(CONSENT, CZ.keys["seal"]),
    "an unknown key": lambda: under(CONSENT, generate("consent")),
    "a revocation shown as a consent": lambda: under(CONSENT, kind="consent-revocation", said="consent"),
    "a consent shown as a revocation": lambda: under(REVOCATION, kind="consent", said="consent-revocation"),
    "a header's signature": lambda: under(CONSENT, kind="header", said="consent"),
    "two signatures": lambda: encode_signed(replace(decode_signed(RAW), s=decode_signed(RAW).s * 2)),
    "a garbled signature": lambda: encode_signed(replace(decode_signed(RAW), s=(Signature(KEY.kid, bytes(64)),))),
    "another content": lambda: encode_signed(replace(decode_signed(RAW), h=canonical.encode(REVOCATION))),
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_threat_O7_consent_needs_the_providers_own_signature(name: str) -> None:
    """O7: nobody permits the use of another's information: not the grantee, not another key of the provider."""
    with pytest.raises(SignatureError):
        opened(SIGNATURES[name]())


@pytest.mark.parametrize(
    "changes", [{"status": "superseded"}, {"status": "compromised", "invalid_from_ms": AT_MS}, {"not_after_ms": AT_MS}]
)
def test_consent_under_a_key_out_of_force_is_refused(changes: dict[str, object]) -> None:
    """wire.md: keys are judged at the gateway's time of admission."""
    with pytest.raises(SignatureError, match="in force"):
        opened(RAW, with_key(CZ, KEY, **changes))


FORMATS: dict[str, Callable[[], bytes]] = {
    "another network": lambda: under(replace(CONSENT, network="another")),
    "sources not sorted": lambda: under(replace(CONSENT, sources=DIGESTS[::-1])),
    "source twice": lambda: under(replace(CONSENT, sources=DIGESTS[:1] * 2)),
    "no source": lambda: under(replace(CONSENT, sources=())),
    "recipients not sorted": lambda: under(replace(CONSENT, recipients=("b-b", "a-a"))),
    "purposes not sorted": lambda: under(replace(CONSENT, purposes=("b", "a"))),
    "conditions not sorted": lambda: under(replace(CONSENT, conditions=("b", "a"))),
    "ends before it begins": lambda: under(replace(CONSENT, not_after_ms=AT_MS)),
    "issued in the future": lambda: under(replace(CONSENT, issued_at_ms=AT_MS + CLOCK_AHEAD_MS_MAX + 1)),
    "revoked in the future": lambda: under(
        replace(REVOCATION, at_ms=AT_MS + CLOCK_AHEAD_MS_MAX + 1), kind="consent-revocation"
    ),
    "a value of another kind": lambda: under(REVOCATION),
    "a kind that nobody submits": lambda: under(CONSENT, kind="directory"),
    "a kind that does not exist": lambda: under(CONSENT, kind="wish"),
    "batch-signed": lambda: encode_signed(
        replace(decode_signed(RAW), s=(replace(decode_signed(RAW).s[0], n=2, i=0, p=(bytes(32),)),))
    ),
    "empty": lambda: b"",
    "trailing byte": lambda: RAW + b"\x00",
    "doubled key": lambda: b"\x84" + RAW[1 : RAW.index(b"\xa1h")] + RAW[1:],
    "too large": lambda: RAW + bytes(STATEMENT_BYTES_MAX),
}


@pytest.mark.parametrize("name", FORMATS)
def test_statement_that_is_none_is_refused(name: str) -> None:
    """Bounds, schema, one spelling, sorted lists, times: the provider's own signature mends none of these."""
    with pytest.raises(FormatError):
        opened(FORMATS[name]())


def test_provider_learns_before_sending() -> None:
    """`sign_statement` refuses what no gateway would take, and keys of another role."""
    for value in (replace(CONSENT, sources=DIGESTS[::-1]), replace(CONSENT, agreement="Prose!"), REVOCATION):
        with pytest.raises(FormatError):
            sign_statement("consent", value, KEY)
    with pytest.raises(SignatureError):
        sign_statement("consent", CONSENT, CZ.keys["message"])
    with pytest.raises(FormatError):
        encode_signed(SignedStatement(payload_type("consent"), bytes(STATEMENT_BYTES_MAX), ()))


def test_every_flipped_bit_of_a_statement_is_detected() -> None:
    """P-06: no bit of a statement can change on its way."""
    for bit in range(0, len(RAW) * 8, 3):
        changed = bytearray(RAW)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises((FormatError, SignatureError)):
            opened(bytes(changed))


@given(st.tuples(st.integers(0, len(RAW)), st.binary(max_size=40)).map(lambda cut: RAW[: cut[0]] + cut[1]))
def test_any_bytes_end_in_one_of_two_errors(raw: bytes) -> None:
    """P-06: whatever claims to be a statement, nothing else than the two errors leaves."""
    if raw != RAW:
        with pytest.raises((FormatError, SignatureError)):
            opened(raw)
