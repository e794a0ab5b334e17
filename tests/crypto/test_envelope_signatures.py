"""Who signed a header: all of its signers, one originator, keys in force, and nobody else."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from gateway.crypto.envelope import decode_envelope, encode_envelope
from gateway.crypto.keys import generate
from gateway.domain.errors import SignatureError
from tests.crypto.federation import (
    AT_MS,
    CZ,
    DIRECTORY,
    KZ,
    authority,
    edition,
    envelope,
    trusted,
    with_authority,
    with_key,
)
from tests.crypto.forgeries import MESSAGE, RAW, SEAL, TWO, cut, forged, opened, resigned

L = 2**252 + 27742317777372353535851937790883648493
WHOLE, PAIR = decode_envelope(RAW), decode_envelope(TWO)
SIGNED_TWICE = envelope(signers=("message", "seal"))


def with_signature(raw: bytes, change: Callable[[bytes], bytes]) -> bytes:
    """Return the envelope with the bytes of its first signature changed."""
    first, *rest = decode_envelope(raw).s
    return cut(raw, s=(replace(first, g=change(first.g)), *rest))


def s_plus_l(g: bytes) -> bytes:
    """Return the malleated signature that naive verifiers accept."""
    return g[:32] + (int.from_bytes(g[32:], "little") + L).to_bytes(32, "little")


SIGNATURES: dict[str, Callable[[], bytes]] = {
    "stripped": lambda: cut(SIGNED_TWICE, s=decode_envelope(SIGNED_TWICE).s[:1]),
    "added": lambda: resigned(RAW, MESSAGE, SEAL),
    "doubled": lambda: resigned(RAW, MESSAGE, MESSAGE),
    "swapped": lambda: resigned(SIGNED_TWICE, SEAL, MESSAGE),
    "foreign": lambda: resigned(RAW, KZ.keys["message"]),
    "foreign and listed": lambda: forged(RAW, (KZ.keys["message"],)),
    "foreign beside ours": lambda: forged(RAW, (MESSAGE, KZ.keys["seal"])),
    "unknown key": lambda: forged(RAW, (generate("message"),)),
    "no message key": lambda: forged(RAW, (SEAL,)),
    "consent key": lambda: forged(RAW, (MESSAGE, CZ.keys["consent"])),
    "acknowledgement key": lambda: forged(RAW, (CZ.keys["acknowledgement"],)),
    "S + L": lambda: with_signature(RAW, s_plus_l),
    "small-order R": lambda: with_signature(RAW, lambda g: b"\x01" + bytes(31) + g[32:]),
    "all zero": lambda: with_signature(RAW, lambda g: bytes(64)),
    "of another message": lambda: cut(RAW, s=PAIR.s),
    "re-attributed to another originator": lambda: forged(RAW, originator=KZ.id),
    "re-attributed, other signer": lambda: forged(RAW, (KZ.keys["message"],), originator=CZ.id),
    "another header, old signature": lambda: encode_envelope(
        replace(decode_envelope(forged(RAW, kind="reply")), s=WHOLE.s)
    ),
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_signature_that_is_not_the_originators_is_refused(name: str) -> None:
    """wire.md, "Header signature" and its negative vectors: no more signers, no fewer, all verify, one originator."""
    with pytest.raises(SignatureError):
        opened(SIGNATURES[name]())


def test_threat_E3_signing_key_must_belong_to_the_originator() -> None:
    """E3: whoever signs must be the originator that the header names, and signers are of one authority."""
    with pytest.raises(SignatureError, match="originator"):
        opened(forged(RAW, (KZ.keys["message"],)))
    with pytest.raises(SignatureError, match="several"):
        opened(SIGNATURES["foreign beside ours"]())


def test_threat_E5_malleated_signature_makes_no_new_message() -> None:
    """E5: S + L does not verify, and identity is H(h): another valid signature over the header is the same message."""
    with pytest.raises(SignatureError):
        opened(with_signature(RAW, s_plus_l))
    assert opened(resigned(RAW, MESSAGE)).header_sha256 == opened(RAW).header_sha256


def test_threat_E18_signatures_bind_the_sender_with_public_keys_alone() -> None:
    """E18: the envelope and the directory's public keys suffice to show who said what; no other key fits."""
    message = opened(RAW)

    assert DIRECTORY.keys[message.envelope.s[0].k].authority.id == CZ.id
    with pytest.raises(SignatureError):
        opened(RAW, trusted(edition(authorities=(authority(KZ, party="KZ"),))))


@pytest.mark.parametrize("status", ["superseded", "compromised"])
def test_threat_E22_signing_key_out_of_force_is_refused(status: str) -> None:
    """E22: an old or revoked key signs nothing new."""
    invalid = AT_MS if status == "compromised" else None
    directory = with_key(CZ, MESSAGE, status=status, invalid_from_ms=invalid)

    with pytest.raises(SignatureError, match="not in force"):
        opened(RAW, directory)


@pytest.mark.parametrize("changes", [{"not_after_ms": AT_MS}, {"not_before_ms": AT_MS + 1}])
def test_threat_E22_key_counts_within_its_dates(changes: dict[str, int]) -> None:
    """E22: from `not_before_ms` on and until `not_after_ms`, which is outside."""
    with pytest.raises(SignatureError, match="not in force"):
        opened(RAW, with_key(CZ, MESSAGE, **changes))


def test_revoked_authority_signs_nothing() -> None:
    """design.md 1: revoking an authority stops its keys."""
    with pytest.raises(SignatureError, match="not in force"):
        opened(RAW, with_authority(replace(authority(CZ), revoked=True)))
