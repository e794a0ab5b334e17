"""Inside one edition: everything once, every reference kept, every key strong and under its own kid."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from gateway.crypto import canonical
from gateway.crypto.digests import encode_base64url, key_id, pae, payload_type
from gateway.crypto.edition import check_edition
from gateway.crypto.edition_lists import in_one_order
from gateway.crypto.keys import generate, sign
from gateway.crypto.trust import SignedEdition, verify_edition
from gateway.domain.directory import Adherence, Authority, Channel, Edition, EndpointEntry, GatewayEntry, LawEntry
from gateway.domain.errors import TrustError
from gateway.domain.message import Signature
from tests.crypto.federation import (
    AT_MS,
    CZ,
    DIRECTORY,
    DIRECTORY_KEYS,
    KEY_SET,
    KZ,
    NETWORK,
    ORIGIN,
    authority,
    edition,
    entry,
)

FIRST = edition()
GATEWAY = FIRST.gateways[0]
OTHER = entry(generate("checkpoint"))
ADHERENCE = Adherence("cz-kz", "CZ", None, None, None, (), None, (), ())
WEAK = encode_base64url(b"\x01" + bytes(31))


def others(*changed: Authority) -> tuple[Authority, ...]:
    """Return every authority with some listed otherwise."""
    names = {each.id for each in changed}
    return (*(each for each in FIRST.authorities if each.id not in names), *changed)


def with_keys(*keys: Any) -> dict[str, Any]:
    """Return a change in which KZ lists exactly these keys."""
    return {"authorities": others(authority(KZ, party="KZ", keys=keys))}


def changed_key(**changes: Any) -> dict[str, Any]:
    """Return a change in which one key of KZ is listed otherwise."""
    return with_keys(replace(entry(KZ.keys["message"]), **changes))


UNSOUND: dict[str, dict[str, Any]] = {
    "party twice": {"parties": FIRST.parties + FIRST.parties[:1]},
    "authority twice": {"authorities": FIRST.authorities + FIRST.authorities[:1]},
    "authority twice, once with nothing": {
        "authorities": (*FIRST.authorities, replace(FIRST.authorities[0], keys=(), endpoints=()))
    },
    "gateway twice": {"gateways": FIRST.gateways * 2},
    "two gateways of one origin": {
        "gateways": (GATEWAY, GatewayEntry(ORIGIN, OTHER.kid, OTHER.public, "A" * 43)),
    },
    "agreement twice": {"law": (*FIRST.law, LawEntry("cz-kz", "A" * 43))},
    "adherence twice": {"adherences": (ADHERENCE, replace(ADHERENCE, signed_on="2020-01-01"))},
    "channel twice": {"channels": (Channel("cz-kz", ("CZ", "KZ"), "b"),) * 2},
    "key twice in one authority": with_keys(entry(KZ.keys["message"]), entry(KZ.keys["message"])),
    "key in two authorities": with_keys(entry(CZ.keys["message"])),
    "key in two roles": with_keys(
        entry(KZ.keys["message"]),
        replace(
            entry(KZ.keys["message"]),
            role="seal",
            kid=encode_base64url(key_id("seal", KZ.keys["message"].public)),
        ),
    ),
    "directory key of an authority": with_keys(entry(DIRECTORY_KEYS[0])),
    "checkpoint key of an authority": with_keys(entry(generate("checkpoint"))),
    "grants key of an authority": with_keys(entry(generate("grants"))),
    "kid that is not its key's": changed_key(kid="A" * 22),
    "kid of another role": changed_key(role="seal"),
    "small-order key": changed_key(public=WEAK),
    "small-order key under its own kid": changed_key(
        public=WEAK, kid=encode_base64url(key_id("message", b"\x01" + bytes(31)))
    ),
    "public key with stray bits": changed_key(public="B" * 43),
    "short public key": changed_key(public="A" * 44),
    "key that is never in force": changed_key(not_before_ms=AT_MS, not_after_ms=AT_MS),
    "compromised without a date": changed_key(status="compromised"),
    "active with a date of compromise": changed_key(invalid_from_ms=AT_MS),
    "weak directory key": {
        "key_set": replace(KEY_SET, keys=(replace(KEY_SET.keys[0], public=WEAK), *KEY_SET.keys[1:]))
    },
    "threshold beyond the keys": {"key_set": replace(KEY_SET, threshold=4)},
    "witness of another role": {"witnesses": (entry(generate("message")),)},
    "checkpoint key under another kid": {"gateways": (replace(GATEWAY, checkpoint_key="A" * 22),)},
    "checkpoint key that is weak": {"gateways": (replace(GATEWAY, checkpoint_public=WEAK),)},
    "checkpoint key of two gateways": {
        "gateways": (GATEWAY, GatewayEntry("other", GATEWAY.checkpoint_key, GATEWAY.checkpoint_public, "A" * 43))
    },
    "certificate of two authorities": {
        "authorities": others(authority(KZ, party="KZ", endpoints=authority(CZ).endpoints))
    },
    "certificate of an authority and a gateway": {
        "authorities": others(
            authority(KZ, party="KZ", endpoints=(EndpointEntry(GATEWAY.spki_sha256, "endpoint", "open", False),))
        )
    },
    "authority of no party": {"authorities": others(authority(KZ, party="XX"))},
    "adherence of no party": {"adherences": (replace(ADHERENCE, party="XX"),)},
    "channel to nobody": {"channels": (Channel("cz-kz", ("CZ", "nobody"), "b"),)},
}


@pytest.mark.parametrize("name", UNSOUND)
def test_threat_E22_unsound_edition_is_refused_whoever_signed_it(name: str) -> None:
    """E22, E6: k of n signatures do not mend a doubled name, a loose reference or a weak or misnamed key."""
    unsound = in_one_order(edition(**UNSOUND[name]))

    with pytest.raises(TrustError):
        verified(unsound)
    with pytest.raises(TrustError):
        check_edition(unsound, {})


def verified(said: Edition | bytes) -> None:
    """Verify an edition exactly as it stands, under all directory keys."""
    h = said if isinstance(said, bytes) else canonical.encode(said)
    signatures = tuple(Signature(key.kid, sign(key, pae(payload_type("directory"), h))) for key in DIRECTORY_KEYS)
    raw = msgspec.msgpack.encode(SignedEdition(payload_type("directory"), h, signatures))
    settings: dict[str, Any] = {"previous": None, "grants_public": None, "grants_number_min": 0, "at_ms": AT_MS}
    verify_edition(raw, network=NETWORK, pinned=KEY_SET, **settings)


MANDATE = authority(KZ).mandate
UNSORTED: dict[str, dict[str, Any]] = {
    "authorities": {"authorities": FIRST.authorities},
    "parties": {"parties": FIRST.parties[::-1]},
    "keys of an authority": {"authorities": others(authority(KZ, keys=in_one_order(FIRST).authorities[0].keys[::-1]))},
    "purposes of a mandate": {"authorities": others(authority(KZ, mandate=replace(MANDATE, purposes=("b", "a"))))},
    "reservations": {"adherences": (replace(ADHERENCE, reservations=("b", "a")),)},
}


@pytest.mark.parametrize("name", UNSORTED)
def test_edition_has_one_order(name: str) -> None:
    """wire.md: sorted lists where order means nothing, so that one content has one digest."""
    sound = in_one_order(FIRST)
    verified(sound)

    with pytest.raises(TrustError, match="one order"):
        verified(replace(sound, **UNSORTED[name]))


def test_relay_link_is_refused_with_the_remedy() -> None:
    """wire.md's relay object is not built: a link that nothing checks is not listed, whoever signed it (ADR 0005)."""
    sound = canonical.encode(in_one_order(FIRST))
    relayed = sound.replace(b'"link":"endpoint"', b'"link":"relay"', 1)
    verified(sound)

    with pytest.raises(TrustError, match="relay links are not in use, list it as `endpoint`"):
        verified(relayed)


def test_known_keys_are_not_tried_again() -> None:
    """An edition that changes little costs little; a key that is new is tried whatever else is known."""
    sound = in_one_order(FIRST)
    stranger = generate("message")
    joined = in_one_order(edition(**with_keys(entry(stranger))))

    assert check_edition(sound, DIRECTORY.keys).keys() == check_edition(sound, {}).keys() == DIRECTORY.keys.keys()
    assert stranger.kid in check_edition(joined, DIRECTORY.keys)
    with pytest.raises(TrustError):
        check_edition(in_one_order(edition(**UNSOUND["small-order key"])), DIRECTORY.keys)


def test_languages_keep_their_order() -> None:
    """ADR 0005: the order of languages is a preference."""
    spoken = edition(authorities=others(authority(KZ, party="KZ", languages=("ru", "en"))))

    assert next(each for each in in_one_order(spoken).authorities if each.id == KZ.id).languages == ("ru", "en")
