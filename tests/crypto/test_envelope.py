"""Opening an envelope: what passes, and every way in which its parts can contradict one another."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace

from gateway.crypto.batch import VerifiedRoots
from gateway.crypto.digests import encode_base64url, sha256
from gateway.crypto.envelope import authenticate, decode_envelope, encode_envelope, prune
from gateway.crypto.keys import SecretKey, generate
from gateway.crypto.sealing import message_id, seal
from gateway.crypto.unsealing import unseal
from gateway.domain.errors import FormatError
from gateway.domain.message import (
    CLOCK_AHEAD_MS_MAX,
    ENVELOPE_BYTES_MAX,
    LIFETIME_MS_MAX,
    Recipient,
)
from tests.crypto.federation import (
    AM,
    AT_MS,
    CZ,
    DIRECTORY,
    KZ,
    LABEL,
    NETWORK,
    STRICT,
    authority,
    draft,
    entry,
    envelope,
    to,
    with_authority,
    with_key,
)
from tests.crypto.forgeries import MESSAGE, RAW, SEAL, TWO, cut, forged, header, opened, signed

OTHER = "A" * 43
SIGNED_TWICE = envelope(signers=("message", "seal"))
WHOLE, PAIR = decode_envelope(RAW), decode_envelope(TWO)


@pytest.mark.parametrize("suite", [1, 2])
def test_sealed_message_opens(suite: int) -> None:
    """What an originator seals, the gateway opens: header, digests, roles, size."""
    raw = envelope(suite=suite, signers=("message", "seal", "signatory"))
    message = opened(raw)
    whole = decode_envelope(raw)

    assert message.header.originator == CZ.id
    assert message.header_sha256 == sha256(whole.h)
    assert message.roles == ("message", "seal", "signatory")
    assert message.size_bytes == len(raw)
    assert [message] == authenticate([whole], [raw], DIRECTORY, NETWORK, AT_MS, VerifiedRoots(0))


def test_pruned_message_holds_one_wrap() -> None:
    """design.md 3: each recipient gets its own wrap and nobody else's, and can still check it."""
    for position, recipient in enumerate((KZ, AM)):
        pruned = prune(TWO, position)
        assert [wrap.k for wrap in decode_envelope(pruned).r] == [recipient.keys["wrap"].kid]
        assert unseal(pruned, recipient.id, recipient.wrap_keys(), DIRECTORY, NETWORK, AT_MS).plaintext == b"content"


def recipients(raw: bytes, **changes: str) -> tuple[Recipient, ...]:
    """Return the recipients with fields of the first changed."""
    first, *rest = header(raw).recipients
    return replace(first, **changes), *rest


def kid_of(key: SecretKey) -> str:
    """Return a kid as headers spell it."""
    return encode_base64url(key.kid)


BODY = header(RAW).body

FORMATS: dict[str, Callable[[], bytes]] = {
    "another network": lambda: forged(RAW, network="another"),
    "another suite": lambda: forged(RAW, suite=1),
    "id of another millisecond": lambda: forged(RAW, id=message_id(AT_MS - 1)),
    "lives too long": lambda: forged(RAW, expires_at_ms=AT_MS + LIFETIME_MS_MAX + 1),
    "purposes not sorted": lambda: forged(RAW, purposes=("suppression", "detection")),
    "purpose twice": lambda: forged(RAW, purposes=("detection", "detection")),
    "subjects not sorted": lambda: forged(RAW, subjects=("b", "a")),
    "sources not sorted": lambda: forged(RAW, sources=("B" * 42 + "A", OTHER)),
    "source twice": lambda: forged(RAW, sources=(OTHER, OTHER)),
    "consents not sorted": lambda: forged(RAW, consents=("B" * 42 + "A", OTHER)),
    "conditions not sorted": lambda: forged(RAW, conditions=("b", "a")),
    "handling not sorted": lambda: forged(RAW, label=replace(LABEL, handling=("b", "a"))),
    "special categories not sorted": lambda: forged(RAW, label=replace(LABEL, special_categories=("b", "a"))),
    "recipient twice": lambda: cut(forged(RAW, recipients=header(RAW).recipients * 2), r=WHOLE.r * 2),
    "signer twice": lambda: forged(SIGNED_TWICE, (MESSAGE, SEAL, SEAL)),
    "unknown recipient": lambda: forged(RAW, recipients=recipients(RAW, authority="nobody")),
    "recipient without this key": lambda: forged(RAW, recipients=recipients(RAW, authority=AM.id)),
    "key of the recipient that is none to wrap to": lambda: cut(
        forged(RAW, recipients=recipients(RAW, key=kid_of(KZ.keys["seal"]))),
        r=(replace(WHOLE.r[0], k=KZ.keys["seal"].kid),),
    ),
    "key of another suite": lambda: cut(
        forged(RAW, recipients=recipients(RAW, key=kid_of(KZ.classic))), r=(replace(WHOLE.r[0], k=KZ.classic.kid),)
    ),
    "wrap to another key": lambda: cut(RAW, r=(replace(WHOLE.r[0], k=KZ.classic.kid),)),
    "wrap of another suite": lambda: cut(
        forged(RAW, recipients=recipients(RAW, wrap_sha256=encode_base64url(sha256(bytes(80))))),
        r=(replace(WHOLE.r[0], w=bytes(80)),),
    ),
    "wrap garbled": lambda: cut(RAW, r=(replace(WHOLE.r[0], w=bytes(1168)),)),
    "wrap of another message": lambda: cut(RAW, r=PAIR.r[:1]),
    "wrap missing": lambda: cut(TWO, r=PAIR.r[:1]),
    "wrap added": lambda: cut(RAW, r=(*WHOLE.r, PAIR.r[1])),
    "wraps reordered": lambda: cut(TWO, r=PAIR.r[::-1]),
    "wraps swapped": lambda: cut(TWO, r=(replace(PAIR.r[0], w=PAIR.r[1].w), replace(PAIR.r[1], w=PAIR.r[0].w))),
    "body of another message": lambda: cut(RAW, c=PAIR.c),
    "body shorter": lambda: cut(RAW, c=WHOLE.c[:-1]),
    "body longer": lambda: cut(RAW, c=WHOLE.c + b"\x00"),
    "length of another body": lambda: forged(RAW, body=replace(BODY, length=BODY.length + 1)),
    "digest of another body": lambda: forged(RAW, body=replace(BODY, sha256=OTHER)),
    "empty": lambda: b"",
    "no map": lambda: b"\x93\x01\x02\x03",
    "truncated": lambda: RAW[:-1],
    "trailing byte": lambda: RAW + b"\x00",
    "header is no json": lambda: cut(RAW, h=b"{}", s=signed(b"{}", MESSAGE)),
    "too large": lambda: b"\x84" + bytes(ENVELOPE_BYTES_MAX),
}


@pytest.mark.parametrize("name", FORMATS)
def test_envelope_that_contradicts_itself_is_refused(name: str) -> None:
    """wire.md, steps 2, 6 and 7 and its negative vectors: the originator's own signature does not mend any of these."""
    with pytest.raises(FormatError):
        opened(FORMATS[name]())


def test_recipient_without_a_key_is_named() -> None:
    """A sender learns whose key is missing, and in which edition it was looked for."""
    with pytest.raises(FormatError, match=f"recipient `{AM.id}` has no key `{kid_of(KZ.keys['wrap'])}` in edition 1"):
        opened(FORMATS["recipient without this key"]())
    with pytest.raises(FormatError, match="recipient `nobody` is not in edition 1"):
        opened(FORMATS["unknown recipient"]())


@pytest.mark.parametrize("changes", [{"status": "superseded"}, {"not_after_ms": AT_MS}, {"not_before_ms": AT_MS + 1}])
def test_threat_E22_message_to_a_substituted_or_old_key_is_refused(changes: dict[str, object]) -> None:
    """E22: whoever still wraps to an old key is told at admission, not by a recipient who cannot read."""
    with pytest.raises(FormatError, match="not in force"):
        opened(RAW, with_key(KZ, KZ.keys["wrap"], **changes))


def test_threat_E22_wrap_must_be_made_to_the_key_that_the_header_names() -> None:
    """E22: with two keys of one recipient in force, a wrap under the other one's kid is refused."""
    second = generate("wrap")
    listed = authority(KZ, party="KZ")
    directory = with_authority(replace(listed, keys=(*listed.keys, entry(second))))
    opened(RAW, directory)

    with pytest.raises(FormatError, match="made to another"):
        opened(cut(RAW, r=(replace(WHOLE.r[0], k=second.kid),)), directory)


def test_threat_E21_suite_below_the_minimum_is_refused() -> None:
    """E21: the directory's minimum binds, for the originator and for each recipient."""
    classic = envelope(suite=1)
    to_strict = seal(draft(suite=1), b"content", to(STRICT, suite=1), [MESSAGE])
    opened(classic)

    with pytest.raises(FormatError, match=f"minimum 2 of recipient `{STRICT.id}`"):
        opened(to_strict)
    with pytest.raises(FormatError, match=f"minimum 2 of originator `{CZ.id}`"):
        opened(classic, with_authority(authority(CZ, suite_min=2)))


EDGES = [
    ("now, to the millisecond", 0, 1, None),
    ("as far ahead as may be", CLOCK_AHEAD_MS_MAX, CLOCK_AHEAD_MS_MAX + 1, None),
    ("a millisecond too far ahead", CLOCK_AHEAD_MS_MAX + 1, CLOCK_AHEAD_MS_MAX + 2, "in the future"),
    ("as long as may be", 0, LIFETIME_MS_MAX, None),
    ("last millisecond of a long life", 1 - LIFETIME_MS_MAX, 1, None),
    ("expires now", -1000, 0, "expired"),
    ("expired long ago", -2 * LIFETIME_MS_MAX, -LIFETIME_MS_MAX, "expired"),
]


@pytest.mark.parametrize(("sent", "expires", "error"), [edge[1:] for edge in EDGES], ids=[edge[0] for edge in EDGES])
def test_threat_E15_times_are_judged_by_the_gateways_clock(sent: int, expires: int, error: str | None) -> None:
    """E15: sent at most 120 s ahead of us, not expired, at most 30 days of life; every edge to the millisecond."""
    raw = envelope(sent_at_ms=AT_MS + sent, expires_at_ms=AT_MS + expires)

    if error is None:
        assert opened(raw).header.sent_at_ms == AT_MS + sent
    else:
        with pytest.raises(FormatError, match=error):
            opened(raw)


def test_threat_E23_swapped_bodies_are_refused() -> None:
    """E23: the bodies of two valid messages cannot be exchanged, at the gateway or at the endpoint."""
    one, other = decode_envelope(envelope(b"one")), decode_envelope(envelope(b"two"))

    for raw in (encode_envelope(replace(one, c=other.c)), encode_envelope(replace(other, c=one.c))):
        with pytest.raises(FormatError, match="body"):
            opened(raw)
        with pytest.raises(FormatError, match="body"):
            unseal(raw, KZ.id, KZ.wrap_keys(), DIRECTORY, NETWORK, AT_MS)
