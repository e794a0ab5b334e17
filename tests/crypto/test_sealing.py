"""Sealing: what an originator may send, and what only the recipient can read."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.crypto.digests import encode_base64url, sha256
from gateway.crypto.envelope import decode_envelope
from gateway.crypto.keys import SecretKey
from gateway.crypto.sealing import Letter, RecipientKey, message_id, recipient_key, seal, seal_batch
from gateway.crypto.unsealing import unseal
from gateway.domain.errors import FormatError, SignatureError, TrustError
from gateway.domain.message import BODY_BYTES_MAX
from tests.crypto.federation import (
    AM,
    AT_MS,
    CZ,
    DIRECTORY,
    KZ,
    LABEL,
    MD,
    NETWORK,
    authority,
    draft,
    envelope,
    to,
    with_authority,
    with_key,
)
from tests.crypto.forgeries import MESSAGE, SEAL, header, opened


def read(raw: bytes, keys: tuple[SecretKey, ...] = KZ.wrap_keys(), who: str = KZ.id) -> bytes:
    """Open as the endpoint of KZ."""
    return unseal(raw, who, keys, DIRECTORY, NETWORK, AT_MS).plaintext


@pytest.mark.parametrize("suite", [1, 2])
@pytest.mark.parametrize("plaintext", [b"", b"x", b"content" * 1000], ids=["empty", "short", "long"])
def test_recipient_reads_what_was_sealed(suite: int, plaintext: bytes) -> None:
    """The plaintext arrives as it was, in both suites."""
    assert read(envelope(plaintext, suite=suite)) == plaintext


def test_every_recipient_reads_the_same() -> None:
    """One body, one key, a wrap each."""
    raw = seal(draft(), b"content", to(KZ, AM, MD), [MESSAGE, SEAL])

    assert {read(raw, who.wrap_keys(), who.id) for who in (KZ, AM, MD)} == {b"content"}


def test_every_seal_draws_a_fresh_key() -> None:
    """wire.md, "Body": one fresh content key for each `seal`; the same draft twice shares nothing."""
    chosen = draft()
    one, other = (decode_envelope(seal(chosen, b"content", to(KZ), [MESSAGE])) for _ in range(2))

    assert one.c != other.c
    assert one.r[0].w != other.r[0].w


def test_sealing_sorts_what_has_no_order() -> None:
    """wire.md: sorted lists where order means nothing; an originator need not know."""
    digests = tuple(encode_base64url(sha256(bytes([number]))) for number in range(4))
    chosen = draft(
        purposes=("suppression", "detection", "detection"),
        subjects=("b", "a"),
        sources=digests,
        consents=digests[::-1],
        conditions=("z", "y"),
        label=replace(LABEL, handling=("q", "p"), special_categories=("health", "biometric")),
    )
    signed = opened(seal(chosen, b"content", to(KZ), [MESSAGE])).header

    assert signed.purposes == ("detection", "suppression")
    assert signed.sources == signed.consents == tuple(sorted(digests))
    assert signed.label.handling == ("p", "q")


BAD_DRAFTS: dict[str, dict[str, object]] = {
    "prose in a code": {"kind": "Request for help"},
    "no purpose": {"purposes": ()},
    "network that is no code": {"network": "Réseau"},
    "id that is no UUIDv7": {"id": str(uuid.UUID(int=1))},
    "id of another millisecond": {"id": message_id(AT_MS + 1)},
    "life beyond 30 days": {"expires_at_ms": AT_MS + 31 * 86_400_000},
    "form with prose": {"form": {"remark": "call me back, please"}},
    "65 keys in the form": {"form": {f"k{number}": True for number in range(65)}},
    "33 sources": {"sources": tuple(encode_base64url(sha256(bytes([number]))) for number in range(33))},
    "suite that is none": {"suite": 3},
    "negative time": {"sent_at_ms": -1},
    "originator that is none": {"originator": "Policie ČR"},
}


@pytest.mark.parametrize("name", BAD_DRAFTS)
def test_draft_that_no_gateway_would_take_is_not_sealed(name: str) -> None:
    """An originator learns of a broken rule from `seal`, not from a refusal."""
    with pytest.raises(FormatError):
        seal(replace(draft(), **BAD_DRAFTS[name]), b"content", to(KZ), [MESSAGE])


def test_recipients_and_signers_are_checked_before_sealing() -> None:
    """No recipient, one twice, no `message` key, two, or a key of another role: nothing leaves."""
    for recipients in ((), to(KZ) * 2):
        with pytest.raises(FormatError):
            seal(draft(), b"content", recipients, [MESSAGE])
    for signers in ([], [SEAL], [MESSAGE, MESSAGE], [MESSAGE, CZ.keys["consent"]]):
        with pytest.raises(SignatureError):
            seal(draft(), b"content", to(KZ), signers)
        with pytest.raises(SignatureError):
            seal_batch([Letter(draft(), b"", to(KZ))] * 2, signers)
    weak = RecipientKey(KZ.id, bytes(16), bytes(32))
    with pytest.raises(TrustError):
        seal(draft(suite=1), b"content", (weak,), [MESSAGE])


def test_body_beyond_its_bound_is_not_sealed() -> None:
    """wire.md: `c` is at most 1 MiB, padding and tag included; the largest that fits is read again."""
    largest = BODY_BYTES_MAX - 32 * 1024
    assert read(envelope(bytes(largest - 4))) == bytes(largest - 4)

    with pytest.raises(FormatError):
        envelope(bytes(BODY_BYTES_MAX))


def test_threat_N13_lengths_are_padded() -> None:
    """N13: plaintexts of nearby lengths have bodies of one length, and a minimum makes any two alike."""
    assert len({len(decode_envelope(envelope(bytes(size))).c) for size in range(2000, 2020)}) <= 2
    short, long = (seal(draft(), bytes(size), to(KZ), [MESSAGE], 4096) for size in (0, 4000))
    assert header(short).body.length == header(long).body.length


@given(st.integers(0, 2**48 - 1))
def test_message_id_is_a_uuid_of_its_millisecond(at_ms: int) -> None:
    """S-12: version 7, variant 10, 48 bits of time, and 74 random bits that do not repeat."""
    one, other = uuid.UUID(message_id(at_ms)), uuid.UUID(message_id(at_ms))

    assert (one.version, one.variant, one.int >> 80) == (7, uuid.RFC_4122, at_ms)
    assert one != other


def test_recipient_key_is_the_newest_in_force() -> None:
    """The directory decides which key a message is wrapped to; whoever has none cannot be written to."""
    assert recipient_key(DIRECTORY, KZ.id, 2, AT_MS).kid == KZ.keys["wrap"].kid
    assert recipient_key(DIRECTORY, KZ.id, 1, AT_MS).kid == KZ.classic.kid
    for directory, name in (
        (with_key(KZ, KZ.keys["wrap"], status="superseded"), KZ.id),
        (with_authority(replace(authority(KZ), revoked=True)), KZ.id),
        (DIRECTORY, "nobody"),
    ):
        with pytest.raises(FormatError):
            recipient_key(directory, name, 2, AT_MS)
