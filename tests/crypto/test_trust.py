"""Which edition of the directory is believed: k of n, never an older one, grants under their own key (P-09)."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.crypto import canonical
from gateway.crypto.digests import encode_base64url, pae, payload_type, sha256
from gateway.crypto.grants import sign_grants, succeed, verify_grants
from gateway.crypto.keys import SecretKey, generate, sign
from gateway.crypto.trust import SignedEdition, add_signatures, sign_edition
from gateway.domain.directory import Directory, Edition, Grant, Grants, KeySet, SignedGrants
from gateway.domain.errors import FormatError, SignatureError, TrustError
from gateway.domain.message import CLOCK_AHEAD_MS_MAX, Signature
from tests.crypto.federation import (
    AT_MS,
    CHECKPOINT_KEY,
    CZ,
    DAY_MS,
    DIRECTORY,
    DIRECTORY_KEYS,
    GRANTS_KEY,
    KEY_SET,
    KZ,
    NETWORK,
    edition,
    entry,
    trusted,
    verified,
)

A, B, C = DIRECTORY_KEYS
NEW_KEYS = tuple(generate("directory") for _ in range(2))
NEW_SET = KeySet(2, tuple(sorted((entry(key) for key in NEW_KEYS), key=lambda listed: listed.kid)))


def successor(of: Directory = DIRECTORY, **changes: Any) -> Edition:
    """Return the edition after another."""
    return edition(number=of.edition.number + 1, previous_sha256=of.sha256, **changes)


def test_edition_becomes_a_directory() -> None:
    """K of n signed: keys, endpoints and parties can be looked up, and the digest is H of the signed bytes."""
    raw = sign_edition(edition(), (A, C))
    directory = verified(raw)

    assert directory.sha256 == encode_base64url(sha256(msgspec.msgpack.decode(raw, type=SignedEdition).h))
    assert directory.raw == raw
    assert directory.keys[CZ.keys["message"].kid].public == CZ.keys["message"].public
    assert directory.keys[KZ.keys["wrap"].kid].authority.id == KZ.id
    assert CHECKPOINT_KEY.kid not in directory.keys


@pytest.mark.parametrize("order", [1, -1])
def test_order_of_the_source_does_not_matter(order: int) -> None:
    """wire.md, "Canonical JSON": one spelling of what an edition says, in whatever order it was written down."""
    shuffled = edition(authorities=edition().authorities[::order], parties=edition().parties[::-order])

    assert trusted(shuffled).sha256 == DIRECTORY.sha256


def test_signatures_are_added_one_by_one() -> None:
    """The k of n need not meet: signatures join, and one key signs once."""
    begun = sign_edition(edition(), ())
    with pytest.raises(TrustError, match="0 of the pinned directory keys signed, 2 must"):
        verified(begun)
    once = add_signatures(begun, (A,))

    with pytest.raises(TrustError, match="1 of the pinned"):
        verified(add_signatures(once, (A,)))
    assert verified(add_signatures(once, (B,))).sha256 == DIRECTORY.sha256
    with pytest.raises(SignatureError):
        sign_edition(edition(), (GRANTS_KEY,))
    with pytest.raises(SignatureError):
        add_signatures(begun, (CHECKPOINT_KEY,))
    with pytest.raises(FormatError):
        add_signatures(b"nothing", (A,))


def resigned(change: Callable[[tuple[Signature, ...]], tuple[Signature, ...]]) -> bytes:
    """Return the first edition with its signatures changed."""
    signed = msgspec.msgpack.decode(sign_edition(edition(), (A, B)), type=SignedEdition)
    return msgspec.msgpack.encode(replace(signed, s=change(signed.s)))


SIGNATURES: dict[str, Callable[[], bytes]] = {
    "none": lambda: resigned(lambda s: ()),
    "too few": lambda: resigned(lambda s: s[:1]),
    "a directory key counted twice": lambda: resigned(lambda s: (s[0], s[0])),
    "a key beside enough others twice": lambda: resigned(lambda s: (*s, s[0])),
    "one that does not hold": lambda: resigned(lambda s: (s[0], replace(s[1], g=bytes(64)))),
    "a bad one beside enough others": lambda: resigned(lambda s: (*s, Signature(C.kid, bytes(64)))),
    "of somebody else": lambda: sign_edition(edition(), NEW_KEYS),
    "of somebody else beside enough others": lambda: sign_edition(edition(), (A, B, NEW_KEYS[0])),
    "of a batch": lambda: resigned(lambda s: (replace(s[0], n=2, i=0, p=(bytes(32),)), s[1])),
    "beside a doubled key": lambda: b"\x84\xa1h\xc4\x02{}" + DIRECTORY.raw[1:],
    "for another edition": lambda: msgspec.msgpack.encode(
        replace(
            msgspec.msgpack.decode(sign_edition(edition(), (A, B)), type=SignedEdition),
            s=msgspec.msgpack.decode(sign_edition(successor(), (A, B)), type=SignedEdition).s,
        )
    ),
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_threat_E22_edition_needs_k_distinct_directory_keys(name: str) -> None:
    """E22: nobody puts his key under another's name: too few, doubled, foreign or wrong signatures are refused."""
    with pytest.raises(TrustError):
        verified(SIGNATURES[name]())


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "superseded"},
        {"status": "compromised", "invalid_from_ms": AT_MS},
        {"not_after_ms": AT_MS},
        {"not_before_ms": AT_MS + 1},
    ],
    ids=["superseded", "compromised", "over", "not begun"],
)
def test_directory_key_out_of_force_does_not_count(changes: dict[str, Any]) -> None:
    """wire.md: k distinct directory keys, each in force at the reader's time."""
    listed = tuple(replace(each, **changes) if each.kid == encode_base64url(A.kid) else each for each in KEY_SET.keys)
    pinned = KeySet(2, listed)

    with pytest.raises(TrustError, match="not in force"):
        verified(sign_edition(edition(key_set=pinned), (A, B)), pinned=pinned)
    assert verified(sign_edition(edition(key_set=pinned), (B, C)), pinned=pinned).edition.number == 1


def test_older_edition_never_returns() -> None:
    """P-09: number 1 does not come back after number 2, though both are signed."""
    second = trusted(successor(), previous=DIRECTORY)

    with pytest.raises(TrustError, match="older"):
        verified(DIRECTORY.raw, second)


def test_same_edition_may_come_again_and_another_of_its_number_is_an_alarm() -> None:
    """wire.md: two different editions of one number are an alarm; the very same bytes are none."""
    assert verified(DIRECTORY.raw, DIRECTORY).sha256 == DIRECTORY.sha256

    with pytest.raises(TrustError, match="alarm: there are two editions of number 1"):
        trusted(edition(not_after_ms=AT_MS + DAY_MS), previous=DIRECTORY)
    with pytest.raises(TrustError, match="alarm: edition 2 follows another"):
        trusted(edition(number=2, previous_sha256="A" * 43), previous=DIRECTORY)


def test_edition_may_be_skipped_while_the_key_set_stays() -> None:
    """A gateway that was away takes the newest edition; the numbers only grow."""
    second = trusted(successor(), previous=DIRECTORY)
    third = successor(second)

    assert trusted(third, previous=DIRECTORY).edition.number == 3
    assert trusted(third).edition.number == 3


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"not_after_ms": AT_MS}, "expired"),
        ({"issued_at_ms": AT_MS + CLOCK_AHEAD_MS_MAX + 1}, "future"),
        ({"network": "another"}, "network"),
        ({"number": 2}, "names no edition before"),
        ({"previous_sha256": "A" * 43}, "names no edition before"),
    ],
)
def test_edition_out_of_place_is_refused(changes: dict[str, Any], error: str) -> None:
    """Expired, not issued yet, of another federation, or without the edition it follows."""
    with pytest.raises(TrustError, match=error):
        trusted(edition(**changes))


def test_changing_the_key_set_takes_the_old_keys_and_the_new() -> None:
    """wire.md: k of the old and k of the new sign; neither alone suffices, and the new ones count from then on."""
    change = successor(key_set=NEW_SET)

    for keys in ((A, B), NEW_KEYS, (A, *NEW_KEYS), (A, B, NEW_KEYS[0])):
        with pytest.raises(TrustError, match="must"):
            trusted(change, keys, DIRECTORY)
    second = trusted(change, (A, B, *NEW_KEYS), DIRECTORY)
    third = successor(second, key_set=NEW_SET)
    assert trusted(third, NEW_KEYS, second).edition.number == 3
    with pytest.raises(TrustError):
        trusted(third, (A, B), second)


def test_lowering_the_threshold_is_a_change_of_the_key_set() -> None:
    """One key of two cannot make itself the only one that is needed."""
    alone = replace(KEY_SET, threshold=1)

    with pytest.raises(TrustError, match="1 of the present directory keys signed, 2 must"):
        trusted(successor(key_set=alone), (A,), DIRECTORY)
    assert trusted(successor(key_set=alone), (A, B), DIRECTORY).edition.key_set.threshold == 1


def test_pinned_key_set_must_be_sound() -> None:
    """A threshold that nobody can reach, a doubled key or a foreign kid in the pinned set is refused."""
    first = KEY_SET.keys[0]

    for pinned, error in (
        (KeySet(4, KEY_SET.keys), "only 3 are listed"),
        (KeySet(2, (first, first)), "twice"),
        (KeySet(1, (replace(first, kid="A" * 22),)), "kid"),
        (KeySet(1, (entry(CZ.keys["message"]),)), "role"),
    ):
        with pytest.raises(TrustError, match=error):
            verified(sign_edition(edition(), (A, B, C)), pinned=pinned)


GRANT = Grant("cz-police", "travel-documents", "restricted", ("detection",), AT_MS + DAY_MS)
GRANTS = Grants(1, NETWORK, 5, "interpol-gs", AT_MS, AT_MS + DAY_MS, (GRANT,))


def granted(document: Grants = GRANTS, key: SecretKey = GRANTS_KEY) -> SignedGrants:
    """Return grants as the central node signs them."""
    return sign_grants(document, key)


def test_grants_stand_under_the_pinned_key() -> None:
    """design.md 4: an access level comes from the central node's key alone; who pins none, grants nothing."""
    raw = sign_edition(edition(grants=granted()), (A, B))

    assert verified(raw).grants["cz-police", "travel-documents"] == GRANT
    assert verified(raw).grants_document == GRANTS
    assert verified(raw, grants_public=None).grants == {}
    assert verified(sign_edition(edition(), (A, B))).grants == {}


def test_threat_E22_directory_cannot_swap_the_central_key_or_raise_a_grant() -> None:
    """wire.md, negative vectors: central key swapped by the directory; a level raised; a signature garbled."""
    raised = granted(replace(GRANTS, grants=(replace(GRANT, level="top-secret"),)), generate("grants"))
    own = granted()

    for bad in (
        raised,
        replace(raised, k=own.k),
        replace(own, h=raised.h),
        replace(own, g="A" * 86),
        replace(own, k="A" * 22),
    ):
        with pytest.raises(TrustError):
            trusted(edition(grants=bad))


def test_older_grants_never_return() -> None:
    """wire.md: grants are numbered and never go back, whatever the edition; two of one number are an alarm."""
    raw = sign_edition(edition(grants=granted()), (A, B))
    before = verified(raw)
    older = successor(before, grants=granted(replace(GRANTS, number=4)))
    other = successor(before, grants=granted(replace(GRANTS, grants=())))

    assert verified(raw, grants_number_min=5).grants_document == GRANTS
    with pytest.raises(TrustError, match="older than 6"):
        verified(raw, grants_number_min=6)
    with pytest.raises(TrustError, match="older than 5"):
        trusted(older, previous=before)
    with pytest.raises(TrustError, match="alarm"):
        trusted(other, previous=before)
    assert trusted(successor(before, grants=granted()), previous=before).grants_document == GRANTS


def test_grants_key_is_followed_only_under_its_own_signature() -> None:
    """wire.md: the pinned key is rotated only under the old key; whoever pinned old or new key follows, no one else."""
    new, newest = generate("grants"), generate("grants")
    way = (succeed(NETWORK, new.public, GRANTS_KEY), succeed(NETWORK, newest.public, new))
    rotated = sign_grants(GRANTS, newest, way)
    stolen = sign_grants(GRANTS, newest, (succeed(NETWORK, newest.public, new),))

    for pinned in (GRANTS_KEY, new, newest):
        assert verify_grants(rotated, network=NETWORK, public=pinned.public, number_min=0) == GRANTS
    for bad in (stolen, replace(rotated, successions=way[::-1]), replace(rotated, successions=way[:1])):
        with pytest.raises(TrustError):
            verify_grants(bad, network=NETWORK, public=GRANTS_KEY.public, number_min=0)


def test_grants_key_that_was_followed_never_comes_back() -> None:
    """P-09: grants of a higher number under the old key do not undo its succession."""
    new = generate("grants")
    rotated = sign_grants(GRANTS, new, (succeed(NETWORK, new.public, GRANTS_KEY),))
    before = trusted(edition(grants=rotated))
    back = successor(before, grants=granted(replace(GRANTS, number=6)))

    with pytest.raises(TrustError, match="came back"):
        trusted(back, previous=before)
    assert trusted(successor(before, grants=rotated), previous=before).grants_document == GRANTS


def test_succession_needs_another_sound_key_and_the_old_one() -> None:
    """A key follows another key of role `grants`; the one that signs is the last of the way."""
    other = generate("grants")
    way = (succeed(NETWORK, other.public, GRANTS_KEY),)

    for public, old in ((GRANTS_KEY.public, GRANTS_KEY), (other.public, generate("directory"))):
        with pytest.raises(SignatureError):
            succeed(NETWORK, public, old)
    with pytest.raises(TrustError):
        succeed(NETWORK, bytes(32), GRANTS_KEY)
    with pytest.raises(SignatureError):
        sign_grants(GRANTS, GRANTS_KEY, way)


@pytest.mark.parametrize(
    "changes",
    [
        {"grants": (GRANT, GRANT)},
        {"grants": (replace(GRANT, expires_at_ms=GRANTS.not_after_ms + 1),)},
        {"grants": (replace(GRANT, database="Prose!"),)},
    ],
    ids=["twice", "outlives its document", "prose"],
)
def test_grants_that_contradict_themselves_are_not_signed(changes: dict[str, Any]) -> None:
    """Two grants on one database would be read in two ways; a grant ends with its document."""
    with pytest.raises(FormatError):
        granted(replace(GRANTS, **changes))


@pytest.mark.parametrize(
    "grants",
    [(GRANT, GRANT), (replace(GRANT, purposes=("b", "a")),), (replace(GRANT, expires_at_ms=GRANTS.not_after_ms + 1),)],
    ids=["twice", "not sorted", "outlives its document"],
)
def test_grants_that_contradict_themselves_are_refused_from_the_central_node_too(grants: tuple[Grant, ...]) -> None:
    """Another implementation may sign what ours does not; it is refused all the same."""
    h = canonical.encode(replace(GRANTS, grants=grants))
    signature = sign(GRANTS_KEY, pae(payload_type("grants"), h))
    raw = SignedGrants(encode_base64url(h), encode_base64url(GRANTS_KEY.kid), encode_base64url(signature))

    with pytest.raises(TrustError, match="grant"):
        verify_grants(raw, network=NETWORK, public=GRANTS_KEY.public, number_min=0)


def test_grants_are_bound_to_network_and_role() -> None:
    """Grants of another federation, or by a key of another role, are none."""
    with pytest.raises(SignatureError):
        granted(key=CHECKPOINT_KEY)
    with pytest.raises(TrustError, match="network"):
        verify_grants(
            granted(replace(GRANTS, network="another")), network=NETWORK, public=GRANTS_KEY.public, number_min=0
        )


@given(st.integers(0, len(DIRECTORY.raw) - 1), st.integers(0, 7))
def test_every_flipped_bit_of_an_edition_is_detected(byte: int, bit: int) -> None:
    """P-06, E22: no bit of an edition can change on its way to an endpoint."""
    changed = bytearray(DIRECTORY.raw)
    changed[byte] ^= 1 << bit

    with pytest.raises(TrustError):
        verified(bytes(changed))


@given(st.binary(max_size=200) | st.binary(max_size=60).map(lambda tail: DIRECTORY.raw[:80] + tail))
def test_any_bytes_are_refused_with_the_one_error(raw: bytes) -> None:
    """P-06: whatever claims to be an edition, TrustError is all that leaves."""
    with pytest.raises(TrustError):
        verified(raw)
