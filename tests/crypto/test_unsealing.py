"""Opening a delivered message: every check of an endpoint that needs no state."""

from typing import Any

import pytest
from msgspec.structs import replace

from gateway.crypto import content
from gateway.crypto.digests import decode_base64url, encode_base64url, sha256
from gateway.crypto.envelope import decode_envelope, encode_envelope, prune
from gateway.crypto.keys import SecretKey, generate
from gateway.crypto.padding import pad
from gateway.crypto.sealing import message_id, seal
from gateway.crypto.unsealing import UndecipherableError, unseal
from gateway.crypto.wraps import wrap
from gateway.domain.errors import FormatError, SignatureError
from gateway.domain.message import Recipient, Wrap
from tests.crypto.federation import (
    AM,
    AT_MS,
    CZ,
    DIRECTORY,
    KZ,
    NETWORK,
    draft,
    envelope,
    to,
    with_key,
)
from tests.crypto.forgeries import MESSAGE, RAW, TWO, cut, forged, header, opened


def read(raw: bytes, keys: tuple[SecretKey, ...] = KZ.wrap_keys(), who: str = KZ.id) -> bytes:
    """Open as the endpoint of KZ."""
    return unseal(raw, who, keys, DIRECTORY, NETWORK, AT_MS).plaintext


def test_threat_E4_re_encrypted_message_is_rejected_by_its_new_reader() -> None:
    """E4: B cannot re-encrypt A's message to C: recipients and wraps are under A's signature."""
    received = decode_envelope(envelope())
    bound_to_kz = header(envelope())
    for_am = Wrap(AM.keys["wrap"].kid, wrap(2, AM.keys["wrap"].public, bytes(32), b""))
    forwarded = encode_envelope(replace(received, r=(for_am,)))

    with pytest.raises(FormatError, match="no recipient"):
        read(forwarded, AM.wrap_keys(), AM.id)
    named = (Recipient(AM.id, encode_base64url(for_am.k), encode_base64url(sha256(for_am.w))),)
    renamed = forged(cut(RAW, r=(for_am,)), (KZ.keys["message"],), recipients=named, originator=bound_to_kz.originator)
    with pytest.raises(SignatureError):
        read(renamed, AM.wrap_keys(), AM.id)


def test_threat_E4_co_recipients_forward_is_rejected() -> None:
    """wire.md, negative vectors: a co-recipient that hands on the body with its own wrap is found out."""
    pruned = prune(TWO, 0)
    kept = decode_envelope(pruned)

    with pytest.raises(FormatError, match="no wrap"):
        read(pruned, AM.wrap_keys(), AM.id)
    relabelled = encode_envelope(replace(kept, r=(replace(kept.r[0], k=AM.keys["wrap"].kid),)))
    with pytest.raises(FormatError, match="not the one"):
        read(relabelled, AM.wrap_keys(), AM.id)


def test_threat_E24_second_content_key_is_rejected() -> None:
    """E24: a sender that wraps another key for one recipient breaks the commitment, though it signed everything."""
    chosen = draft()
    body = decode_envelope(seal(chosen, b"for the others", to(KZ), [MESSAGE]))
    seen = header(encode_envelope(body))
    bound = content.context(NETWORK, 2, chosen.id, CZ.id, decode_base64url(seen.key_commitment))
    other_key = bytes(range(32))
    info = content.wrap_info(bound, KZ.keys["wrap"].kid)
    lying = Wrap(KZ.keys["wrap"].kid, wrap(2, KZ.keys["wrap"].public, other_key, info))
    c = content.seal_body(other_key, bound, pad(b"for this one"))
    raw = forged(
        encode_envelope(replace(body, r=(lying,), c=c)),
        recipients=(replace(seen.recipients[0], wrap_sha256=encode_base64url(sha256(lying.w))),),
        body=replace(seen.body, sha256=encode_base64url(sha256(c)), length=len(c)),
    )
    opened(raw)

    with pytest.raises(UndecipherableError, match="commits"):
        read(raw)


def test_threat_E24_one_ciphertext_under_two_keys_needs_two_commitments() -> None:
    """E24: ChaCha20-Poly1305 commits to no key; the commitment that the context binds differs for each key."""
    keys = (bytes(32), bytes([1]) * 32)

    assert len({content.commitment(key) for key in keys}) == 2
    bounds = [content.context(NETWORK, 2, message_id(AT_MS), CZ.id, content.commitment(key)) for key in keys]
    with pytest.raises(FormatError):
        content.open_body(keys[1], bounds[1], content.seal_body(keys[0], bounds[0], pad(b"x")))


@pytest.mark.parametrize(
    "change",
    [
        {"network": "another"},
        {"suite": 1},
        {"message_id": message_id(AT_MS)},
        {"originator": KZ.id},
        {"committed": bytes(32)},
    ],
    ids=["network", "suite", "id", "originator", "commitment"],
)
def test_threat_E23_body_is_bound_to_its_message(change: dict[str, object]) -> None:
    """E23: the context holds network, suite, id, originator and commitment; with one of them changed nothing opens."""
    key = content.generate_content_key()
    of: dict[str, Any] = {
        "network": NETWORK,
        "suite": 2,
        "message_id": draft().id,
        "originator": CZ.id,
        "committed": content.commitment(key),
    }
    bounds = [content.context(**of), content.context(**(of | change))]
    sealed = content.seal_body(key, bounds[0], pad(b"content"))

    assert bounds[0] != bounds[1]
    with pytest.raises(FormatError):
        content.open_body(key, bounds[1], sealed)


@pytest.mark.parametrize("length", [0, 1, 15, 16])
def test_body_without_room_for_its_tag_is_refused(length: int) -> None:
    """A body shorter than its authentication tag, or of nothing but one, is no body."""
    with pytest.raises(FormatError):
        content.open_body(bytes(32), bytes(32), bytes(length))


def test_undecipherable_message_says_whose_it_is() -> None:
    """wire.md: a wrap that does not open is answered `undecipherable`; so the error carries the signed message."""
    raw = envelope()

    with pytest.raises(UndecipherableError, match="we hold no key") as caught:
        read(raw, (generate("wrap"),))
    assert caught.value.message.header.originator == CZ.id
    garbled = bytes(1168)
    named = (replace(header(raw).recipients[0], wrap_sha256=encode_base64url(sha256(garbled))),)
    signed = forged(cut(raw, r=(Wrap(KZ.keys["wrap"].kid, garbled),)), recipients=named)
    with pytest.raises(UndecipherableError, match="does not open"):
        read(signed)


def test_threat_E21_key_of_another_suite_is_not_used() -> None:
    """E21: a header of suite 1 that names our suite-2 key does not make us use it as one of X25519."""
    short = Wrap(KZ.keys["wrap"].kid, bytes(80))
    named = (replace(header(RAW).recipients[0], wrap_sha256=encode_base64url(sha256(short.w))),)

    with pytest.raises(UndecipherableError, match="of suite 1"):
        read(forged(cut(RAW, r=(short,)), suite=1, recipients=named))


def test_endpoint_verifies_signatures_itself() -> None:
    """wire.md: a gateway is not trusted with what a message says; the directory is."""
    raw = envelope()

    for directory, error in (
        (with_key(CZ, MESSAGE, status="compromised", invalid_from_ms=AT_MS), "not in force"),
        (with_key(CZ, MESSAGE, not_after_ms=AT_MS), "not in force"),
    ):
        with pytest.raises(SignatureError, match=error):
            unseal(raw, KZ.id, KZ.wrap_keys(), directory, NETWORK, AT_MS)
    with pytest.raises(FormatError, match="network"):
        unseal(raw, KZ.id, KZ.wrap_keys(), DIRECTORY, "another", AT_MS)
    with pytest.raises(SignatureError):
        read(cut(raw, s=(replace(decode_envelope(raw).s[0], g=bytes(64)),)))


@pytest.mark.parametrize("status", ["superseded", "compromised"])
def test_key_that_changed_after_admission_does_not_unmake_a_message(status: str) -> None:
    """wire.md: keys are judged at the gateway's time of admission; evidence from before stands."""
    invalid = AT_MS + 1 if status == "compromised" else None
    directory = with_key(CZ, MESSAGE, status=status, invalid_from_ms=invalid)

    assert unseal(RAW, KZ.id, KZ.wrap_keys(), directory, NETWORK, AT_MS).plaintext == b"content"
