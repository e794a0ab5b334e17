"""Batch signatures: one verification for many messages, each of which still verifies alone."""

import random
import time
from collections.abc import Callable, Iterator

import pytest
from msgspec.structs import replace

from gateway.crypto.batch import VerifiedRoots, sign_batch, verify_batch, verify_whole
from gateway.crypto.digests import encode_base64url, pae, payload_type
from gateway.crypto.envelope import decode_envelope, encode_envelope, open_envelope, open_envelopes
from gateway.crypto.keys import generate, sign
from gateway.crypto.merkle import leaf_hash, node_hash, root
from gateway.crypto.sealing import Letter, seal, seal_batch
from gateway.crypto.unsealing import unseal
from gateway.domain.errors import FormatError, SignatureError
from gateway.domain.message import BATCH_MESSAGES_MAX, Signature
from tests.crypto.federation import AT_MS, CZ, DIRECTORY, KZ, NETWORK, draft, to, with_key
from tests.crypto.forgeries import MESSAGE, SEAL, opened

BATCH = seal_batch([Letter(draft(), b"message %d" % number, to(KZ)) for number in range(5)], [MESSAGE])
FIRST, LAST = decode_envelope(BATCH[0]), decode_envelope(BATCH[4])
NAME = NETWORK.encode()


@pytest.mark.parametrize("size", [2, 3, 7, 32])
def test_every_message_of_a_batch_verifies_alone(size: int) -> None:
    """wire.md, "Batch signature": index and path lead each message to the signed root, whatever the size."""
    headers = [b"header %d" % number for number in range(size)]
    signatures = sign_batch(NETWORK, headers, MESSAGE)

    for header, signature in zip(headers, signatures, strict=True):
        verify_batch(NETWORK, header, signature, MESSAGE.public, VerifiedRoots(0))
    assert len({signature.g for signature in signatures}) == 1


def test_batch_of_the_largest_size_verifies() -> None:
    """wire.md: `n` goes up to 1,024, the path to ten hashes."""
    headers = [b"%d" % number for number in range(BATCH_MESSAGES_MAX)]
    signatures = sign_batch(NETWORK, headers, MESSAGE)

    assert {len(signature.p or ()) for signature in signatures} == {10}
    verify_batch(NETWORK, headers[-1], signatures[-1], MESSAGE.public, VerifiedRoots(0))


@pytest.mark.parametrize("size", [0, 1, BATCH_MESSAGES_MAX + 1])
def test_batch_of_another_size_is_not_signed(size: int) -> None:
    """wire.md: 2 to 1,024 messages."""
    with pytest.raises(FormatError):
        sign_batch(NETWORK, [b"%d" % number for number in range(size)], MESSAGE)


def test_batch_opens_at_gateway_and_endpoint() -> None:
    """Sealed in a batch, opened one by one, under one verification, with a seal beside the batch signature."""
    letters = [Letter(draft(), b"message %d" % number, to(KZ)) for number in range(3)]
    roots = VerifiedRoots(8)

    for number, raw in enumerate(seal_batch(letters, [SEAL, MESSAGE])):
        assert open_envelope(raw, DIRECTORY, NETWORK, AT_MS, roots).roles == ("seal", "message")
        received = unseal(raw, KZ.id, KZ.wrap_keys(), DIRECTORY, NETWORK, AT_MS)
        assert received.plaintext == b"message %d" % number
    assert len(roots) == 1


def test_batch_belongs_to_one_network() -> None:
    """A signed root names its network: letters of two do not share one."""
    with pytest.raises(FormatError):
        seal_batch([Letter(draft(), b"", to(KZ)), Letter(draft(network="other"), b"", to(KZ))], [MESSAGE])


def test_single_signature_is_none_of_a_batch_and_none_the_other_way() -> None:
    """E7: the payload types differ, so that neither is taken for the other."""
    single = decode_envelope(seal(draft(), b"content", to(KZ), [MESSAGE]))
    stripped = replace(FIRST.s[0], n=None, i=None, p=None)

    with pytest.raises(SignatureError):
        opened(encode_envelope(replace(FIRST, s=(stripped,))))
    dressed = replace(FIRST.s[0], g=single.s[0].g)
    with pytest.raises(SignatureError):
        opened(encode_envelope(replace(FIRST, s=(dressed,))))


def changed(**changes: object) -> bytes:
    """Return the first message with its batch signature changed."""
    return encode_envelope(replace(FIRST, s=(replace(FIRST.s[0], **changes),)))


def inner_node_as_leaf() -> bytes:
    """Return a header that hashes like an inner node, if leaves and nodes were not told apart."""
    left, right = leaf_hash(FIRST.h), leaf_hash(decode_envelope(BATCH[1]).h)
    assert node_hash(left, right) == (LAST.s[0].p or ())[0] or (FIRST.s[0].p or ())[0] == right
    signature = replace(FIRST.s[0], n=4, i=0, p=(FIRST.s[0].p or ())[1:])
    return encode_envelope(replace(FIRST, h=b"\x01" + left + right, s=(signature,)))


PATH = FIRST.s[0].p or ()
NEGATIVE: dict[str, Callable[[], bytes]] = {
    "wrong n": lambda: changed(n=6),
    "n below 2": lambda: changed(n=1),
    "n beyond 1,024": lambda: changed(n=1025),
    "wrong i": lambda: changed(i=1),
    "i not below n": lambda: changed(i=5),
    "path too short": lambda: changed(p=PATH[:-1]),
    "path too long": lambda: changed(p=(*PATH, bytes(32))),
    "path empty": lambda: changed(p=()),
    "path of another message": lambda: changed(p=LAST.s[0].p),
    "path in another order": lambda: changed(p=PATH[::-1]),
    "path with a short hash": lambda: changed(p=(bytes(31), *PATH[1:])),
    "without n": lambda: changed(n=None),
    "without i": lambda: changed(i=None),
    "without p": lambda: changed(p=None),
    "another g": lambda: changed(g=bytes(64)),
    "header of another message": lambda: encode_envelope(replace(FIRST, h=LAST.h)),
    "an inner node as leaf": inner_node_as_leaf,
}


@pytest.mark.parametrize("name", NEGATIVE)
@pytest.mark.parametrize("remembered", [False, True], ids=["cold", "root remembered"])
def test_batch_signature_that_does_not_fit_is_refused(name: str, remembered: bool) -> None:
    """wire.md, negative vectors: wrong n, i, path, an inner node, another g; whether the root is remembered or not."""
    roots = VerifiedRoots(8)
    if remembered:
        open_envelope(BATCH[0], DIRECTORY, NETWORK, AT_MS, roots)

    with pytest.raises((FormatError, SignatureError)):
        open_envelope(NEGATIVE[name](), DIRECTORY, NETWORK, AT_MS, roots)


def test_remembered_root_counts_with_its_key_and_signature_only() -> None:
    """wire.md: what is remembered is H(kid ‖ L(payload) ‖ g); the root with another g or key is verified anew."""
    roots = VerifiedRoots(8)
    verify_batch(NETWORK, FIRST.h, FIRST.s[0], MESSAGE.public, roots)
    other = generate("message")

    with pytest.raises(SignatureError):
        verify_batch(NETWORK, FIRST.h, replace(FIRST.s[0], g=bytes(64)), MESSAGE.public, roots)
    with pytest.raises(SignatureError):
        verify_batch(NETWORK, FIRST.h, replace(FIRST.s[0], k=other.kid), other.public, roots)
    with pytest.raises(SignatureError):
        verify_batch("another", FIRST.h, FIRST.s[0], MESSAGE.public, roots)


def test_remembered_root_does_not_outlive_its_key() -> None:
    """wire.md: whether the key still stands is asked for every message, however warm the memory."""
    roots = VerifiedRoots(8)
    open_envelope(BATCH[0], DIRECTORY, NETWORK, AT_MS, roots)
    revoked = with_key(CZ, MESSAGE, status="compromised", invalid_from_ms=AT_MS)

    with pytest.raises(SignatureError, match="not in force"):
        open_envelope(BATCH[1], revoked, NETWORK, AT_MS, roots)


def test_seal_may_not_sign_a_batch() -> None:
    """ADR 0005: seal and signatory sign each header singly."""
    headers = [FIRST.h, LAST.h]
    batch = sign_batch(NETWORK, headers, SEAL)
    own = Signature(MESSAGE.kid, sign(MESSAGE, pae(payload_type("header"), FIRST.h)))

    with pytest.raises(SignatureError, match="only a key of role `message`"):
        opened(encode_envelope(replace(FIRST, s=(own, batch[0]))))


def test_memory_of_roots_is_bounded() -> None:
    """Every buffer is bounded: the oldest root is forgotten first."""
    roots = VerifiedRoots(3)
    signatures = [Signature(MESSAGE.kid, bytes([number]) * 64, 2, 0, (bytes(32),)) for number in range(5)]
    for signature in signatures:
        roots.remember(NETWORK, 2, signature, bytes(32))

    assert [roots.find(NETWORK, 2, signature) is not None for signature in signatures] == [False] * 2 + [True] * 3
    assert len(roots) == 3
    nothing = VerifiedRoots(0)
    nothing.remember(NETWORK, 2, signatures[0], bytes(32))
    assert len(nothing) == 0


@pytest.mark.parametrize("size", [2, 3, 5, 8, 13, 33])
def test_warm_memory_accepts_whole_batches_and_nothing_else(size: int) -> None:
    """A way that is cut short ends where the whole path would: in any order, for any wrong index, node and leaf."""
    headers = [b"header %d" % number for number in range(size)]
    signatures = sign_batch(NETWORK, headers, MESSAGE)
    shuffled = random.Random(size)
    for order in (list(range(size)), shuffled.sample(range(size), size), [size - 1] * 3):
        roots = VerifiedRoots(8)
        for number in order:
            signature = signatures[number]
            for wrong in forged(signature, size):
                with pytest.raises((FormatError, SignatureError)):
                    verify_batch(NETWORK, headers[number], wrong, MESSAGE.public, roots)
            with pytest.raises(SignatureError):
                verify_batch(NETWORK, b"foreign", signature, MESSAGE.public, roots)
            verify_batch(NETWORK, headers[number], signature, MESSAGE.public, roots)
        assert len(roots) == 1


@pytest.mark.parametrize("size", [2, 3, 5, 8, 33])
def test_whole_batch_is_verified_at_once_and_nothing_but_a_whole_one(size: int) -> None:
    """What is changed in one message of a batch, or left out, is not passed with the rest, nor under another key."""
    headers = [b"header %d" % number for number in range(size)]
    signatures = sign_batch(NETWORK, headers, MESSAGE)
    roots = VerifiedRoots(8)

    assert verify_whole(NETWORK, headers, signatures, MESSAGE.public, roots)
    assert len(roots) == 1
    for memory in (roots, VerifiedRoots(0)):
        for number, signature in enumerate(signatures):
            for wrong in (*forged(signature, size), replace(signature, n=size + 1), replace(signature, g=bytes(64))):
                changed = [*signatures[:number], wrong, *signatures[number + 1 :]]
                assert not verify_whole(NETWORK, headers, changed, MESSAGE.public, memory)
            foreign = [*headers[:number], b"foreign", *headers[number + 1 :]]
            assert not verify_whole(NETWORK, foreign, signatures, MESSAGE.public, memory)
        assert not verify_whole(NETWORK, headers[:-1], signatures[:-1], MESSAGE.public, memory)
        assert not verify_whole(NETWORK, headers[::-1], signatures[::-1], MESSAGE.public, memory)
        with pytest.raises(SignatureError):
            verify_whole("another", headers, signatures, MESSAGE.public, memory)
    with pytest.raises(SignatureError):
        verify_whole(NETWORK, headers, signatures, SEAL.public, VerifiedRoots(0))


def test_batches_that_come_together_are_told_apart() -> None:
    """Whole batches, a cut one and single signatures in one frame are all opened; one forged among them refuses it."""
    letters = [Letter(draft(), b"message %d" % number, to(KZ)) for number in range(4)]
    whole, cut = seal_batch(letters, [MESSAGE]), seal_batch(letters, [MESSAGE])[1:]
    sealed = seal_batch(letters[:2], [SEAL, MESSAGE])
    raws = [*whole, *cut, seal(draft(), b"alone", to(KZ), [MESSAGE]), *sealed, *whole]
    opened = open_envelopes(raws, DIRECTORY, NETWORK, AT_MS, VerifiedRoots(8))

    assert [message.raw for message in opened] == raws
    for place in range(4):
        envelope = decode_envelope(whole[place])
        path = envelope.s[0].p or ()
        forgery = encode_envelope(replace(envelope, s=(replace(envelope.s[0], p=(bytes(32), *path[1:])),)))
        with pytest.raises(SignatureError):
            open_envelopes([*whole[:place], forgery, *whole[place + 1 :]], DIRECTORY, NETWORK, AT_MS, VerifiedRoots(8))


def forged(signature: Signature, size: int) -> Iterator[Signature]:
    """Give the signature with every other index, and with each node of its path changed, left out or doubled."""
    path = signature.p or ()
    yield from (replace(signature, i=index) for index in range(size) if index != signature.i)
    for step, node in enumerate(path):
        yield replace(signature, p=(*path[:step], leaf_hash(node), *path[step + 1 :]))
        yield replace(signature, p=path[:step] + path[step + 1 :])
        yield replace(signature, p=(*path[: step + 1], node, *path[step + 1 :]))


def test_signed_payload_is_canonical_json() -> None:
    """wire.md: `{v, network, size, root}` under `header-batch`, spelled out."""
    tree = encode_base64url(root([leaf_hash(decode_envelope(raw).h) for raw in BATCH])).encode()
    payload = b'{"v":1,"network":"' + NAME + b'","size":5,"root":"' + tree + b'"}'

    assert sign(MESSAGE, pae(payload_type("header-batch"), payload)) == FIRST.s[0].g


def test_warm_batch_costs_less_than_a_verification() -> None:
    """design.md 3: with a remembered root the gateway hashes a path instead of verifying; here only: it is faster."""
    roots = VerifiedRoots(8)
    opened(BATCH[0])

    def cost(memory: VerifiedRoots) -> float:
        started = time.perf_counter()
        open_envelope(BATCH[0], DIRECTORY, NETWORK, AT_MS, memory)
        return time.perf_counter() - started

    assert min(cost(roots) for _ in range(50)) < min(cost(VerifiedRoots(0)) for _ in range(50))
