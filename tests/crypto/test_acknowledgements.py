"""Acknowledgements: many under one signature, each of which its originator can verify alone."""

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.crypto import canonical
from gateway.crypto.acknowledgements import open_acknowledgements, sign_acknowledgements, verify_evidence
from gateway.crypto.digests import decode_base64url, encode_base64url, pae, payload_type, sha256, signatures_digest
from gateway.crypto.keys import SecretKey, generate, sign
from gateway.crypto.merkle import leaf_hash, root
from gateway.domain.directory import Directory
from gateway.domain.errors import FormatError, SignatureError
from gateway.domain.message import Signature
from gateway.domain.statement import (
    ACKNOWLEDGEMENTS_MAX,
    STATEMENT_BYTES_MAX,
    AcknowledgementBatch,
    AcknowledgementEvidence,
    AcknowledgementItem,
    SeenCheckpoint,
    SignedAcknowledgements,
)
from tests.crypto.federation import AT_MS, CZ, DIRECTORY, KZ, NETWORK, ORIGIN, with_key

KEY = KZ.keys["acknowledgement"]
SEEN = SeenCheckpoint(ORIGIN, 12, encode_base64url(sha256(b"root")))


def item(number: int = 0, **changes: object) -> AcknowledgementItem:
    """Return what KZ says of one message."""
    digest, salt = (encode_base64url(sha256(b"%s %d" % (what, number))) for what in (b"header", b"salt"))
    said = AcknowledgementItem(1, NETWORK, KZ.id, CZ.id, digest, "consigned", AT_MS, salt)
    return replace(said, **changes)


ITEMS = tuple(item(number) for number in range(5))
RAW = sign_acknowledgements(ITEMS, KEY, SEEN)
SIGNED = msgspec.msgpack.decode(RAW, type=SignedAcknowledgements)
EVIDENCE = open_acknowledgements(RAW, DIRECTORY, NETWORK, AT_MS).items[3][2]
SHOWN = msgspec.msgpack.decode(EVIDENCE, type=AcknowledgementEvidence)
encode = msgspec.msgpack.encode


def under(items: tuple[AcknowledgementItem, ...], key: SecretKey = KEY, **changes: object) -> bytes:
    """Return a batch signed by whoever, its signed root changed."""
    raw = tuple(canonical.encode(each) for each in items)
    batch = AcknowledgementBatch(1, NETWORK, len(raw), encode_base64url(root([leaf_hash(each) for each in raw])), None)
    h = canonical.encode(replace(batch, **changes))
    signature = Signature(key.kid, sign(key, pae(payload_type("acknowledgement-batch"), h)))
    return encode(SignedAcknowledgements(h, signature, raw))


@pytest.mark.parametrize("count", [1, 2, 3, 128])
def test_batch_comes_back_and_every_item_proves_itself(count: int) -> None:
    """wire.md, "Acknowledgement": one signature; each originator gets its item with a path that suffices."""
    items = tuple(item(number) for number in range(count))
    opened = open_acknowledgements(sign_acknowledgements(items, KEY, SEEN), DIRECTORY, NETWORK, AT_MS)

    assert (opened.recipient, opened.seen) == (KZ.id, SEEN)
    assert tuple(each[0] for each in opened.items) == items
    for said, header_sha256, evidence in opened.items:
        assert header_sha256 == decode_base64url(said.header_sha256)
        assert verify_evidence(evidence, DIRECTORY, NETWORK) == said


def test_batch_is_named_by_what_was_signed() -> None:
    """The ledger records H of the signed root and of its signature."""
    opened = open_acknowledgements(RAW, DIRECTORY, NETWORK, AT_MS)

    assert opened.batch_sha256 == sha256(SIGNED.h)
    assert opened.signatures_sha256 == signatures_digest((SIGNED.s,))


def test_largest_batch_stays_a_statement() -> None:
    """wire.md: a statement is at most 64 KiB; more items than fit are refused before they are sent."""
    assert len(sign_acknowledgements([item(number) for number in range(200)], KEY)) <= STATEMENT_BYTES_MAX
    long = "n" * 64
    for items in ([], [item(number) for number in range(ACKNOWLEDGEMENTS_MAX + 1)], [item(network=long)] * 256):
        with pytest.raises(FormatError):
            sign_acknowledgements(items, KEY)


def test_recipient_learns_before_sending() -> None:
    """Items of two networks, malformed items and keys of another role are not signed."""
    for items in ((item(), item(network="another")), (item(status="lost"),), (item(salt="short"),)):
        with pytest.raises(FormatError):
            sign_acknowledgements(items, KEY)
    with pytest.raises(SignatureError):
        sign_acknowledgements(ITEMS, KZ.keys["message"])


BATCHES: dict[str, Callable[[], bytes]] = {
    "item left out": lambda: encode(replace(SIGNED, items=SIGNED.items[:-1])),
    "item added": lambda: encode(replace(SIGNED, items=(*SIGNED.items, canonical.encode(item(9))))),
    "items in another order": lambda: encode(replace(SIGNED, items=SIGNED.items[::-1])),
    "item changed": lambda: encode(
        replace(SIGNED, items=(SIGNED.items[0].replace(b"consigned", b"refused"), *SIGNED.items[1:]))
    ),
    "root of other items": lambda: encode(replace(SIGNED, items=tuple(map(canonical.encode, (item(7), *ITEMS[1:]))))),
    "another size": lambda: under(ITEMS, size=4),
    "another root": lambda: under(ITEMS, root="A" * 43),
    "for another recipient": lambda: under((item(recipient=CZ.id),)),
    "by the originator": lambda: under(ITEMS, CZ.keys["acknowledgement"]),
    "by a message key": lambda: under(ITEMS, KZ.keys["message"]),
    "by an unknown key": lambda: under(ITEMS, generate("acknowledgement")),
    "garbled signature": lambda: encode(replace(SIGNED, s=replace(SIGNED.s, g=bytes(64)))),
    "signature of another batch": lambda: encode(
        replace(SIGNED, s=msgspec.msgpack.decode(under(ITEMS[:2]), type=SignedAcknowledgements).s)
    ),
    "another network": lambda: under(tuple(replace(each, network="another") for each in ITEMS), network="another"),
    "root of another network": lambda: under(ITEMS, network="another"),
    "item of another network": lambda: under((item(network="another"),)),
    "doubled key": lambda: b"\x84\xa1h\xc4\x00" + RAW[1:],
    "item not canonical": lambda: encode(replace(SIGNED, items=(SIGNED.items[0] + b" ", *SIGNED.items[1:]))),
    "batch-signed": lambda: encode(replace(SIGNED, s=replace(SIGNED.s, n=2, i=0, p=(bytes(32),)))),
    "no item": lambda: encode(replace(SIGNED, items=())),
    "trailing byte": lambda: RAW + b"\x00",
    "empty": lambda: b"",
    "too large": lambda: under(tuple(item(number, originator="o" * 63) for number in range(ACKNOWLEDGEMENTS_MAX))),
}


@pytest.mark.parametrize("name", BATCHES)
def test_batch_with_one_thing_wrong_is_refused(name: str) -> None:
    """Nobody acknowledges for another, and no item is added, left out or changed under a signature."""
    with pytest.raises((FormatError, SignatureError)):
        open_acknowledgements(BATCHES[name](), DIRECTORY, NETWORK, AT_MS)


@pytest.mark.parametrize("status", ["superseded", "compromised"])
def test_fresh_batch_needs_a_key_in_force(status: str) -> None:
    """wire.md: keys are judged at the gateway's time of admission."""
    directory = with_key(KZ, KEY, status=status, invalid_from_ms=AT_MS if status == "compromised" else None)

    with pytest.raises(SignatureError, match="in force"):
        open_acknowledgements(RAW, directory, NETWORK, AT_MS)


FIELDS: dict[str, object] = {
    "network": "another",
    "recipient": CZ.id,
    "originator": KZ.id,
    "header_sha256": "A" * 43,
    "status": "destroyed",
    "at_ms": AT_MS + 1,
    "salt": "A" * 43,
}


@pytest.mark.parametrize("field", FIELDS)
def test_threat_E20_receipt_with_any_field_changed_is_refused(field: str) -> None:
    """E20: an acknowledgement is signed by its recipient; no field of it can change afterwards."""
    forged = canonical.encode(replace(ITEMS[3], **{field: FIELDS[field]}))

    with pytest.raises((FormatError, SignatureError)):
        verify_evidence(encode(replace(SHOWN, item=forged)), DIRECTORY, NETWORK)


EVIDENCES: dict[str, Callable[[], bytes]] = {
    "another index": lambda: encode(replace(SHOWN, i=2)),
    "index outside": lambda: encode(replace(SHOWN, i=5)),
    "path too short": lambda: encode(replace(SHOWN, p=SHOWN.p[:-1])),
    "path too long": lambda: encode(replace(SHOWN, p=(*SHOWN.p, bytes(32)))),
    "path of another item": lambda: encode(replace(SHOWN, p=(bytes(32), *SHOWN.p[1:]))),
    "another batch": lambda: encode(replace(SHOWN, h=SIGNED.h.replace(b'"size":5', b'"size":6'))),
    "another signature": lambda: encode(replace(SHOWN, s=replace(SHOWN.s, g=bytes(64)))),
    "signed by the originator": lambda: encode(replace(SHOWN, s=Signature(CZ.keys["acknowledgement"].kid, SHOWN.s.g))),
    "empty": lambda: b"",
    "trailing byte": lambda: EVIDENCE + b"\x00",
    "doubled key": lambda: b"\x86\xa1h\xc4\x00" + EVIDENCE[1:],
    "too large": lambda: EVIDENCE + bytes(STATEMENT_BYTES_MAX),
}


@pytest.mark.parametrize("name", EVIDENCES)
def test_threat_E20_forged_evidence_is_refused(name: str) -> None:
    """E20: index, path, batch and signature belong together and to the recipient's key."""
    with pytest.raises((FormatError, SignatureError)):
        verify_evidence(EVIDENCES[name](), DIRECTORY, NETWORK)


def test_old_evidence_holds_under_a_superseded_key_and_not_under_a_compromised_one() -> None:
    """wire.md, "Directory and grants": old keys stay listed; under a compromised key more must be brought."""

    def listed(**changes: object) -> Directory:
        return with_key(KZ, KEY, **changes)

    assert verify_evidence(EVIDENCE, listed(status="superseded", not_after_ms=AT_MS), NETWORK) == ITEMS[3]
    with pytest.raises(SignatureError, match="compromised"):
        verify_evidence(EVIDENCE, listed(status="compromised", invalid_from_ms=AT_MS), NETWORK)
    with pytest.raises(FormatError, match="network"):
        verify_evidence(EVIDENCE, DIRECTORY, "another")


@given(st.integers(0, len(EVIDENCE) * 8 - 1))
def test_every_flipped_bit_of_evidence_is_detected(bit: int) -> None:
    """P-06, E20: no bit of the evidence can change."""
    changed = bytearray(EVIDENCE)
    changed[bit // 8] ^= 1 << bit % 8

    with pytest.raises((FormatError, SignatureError)):
        verify_evidence(bytes(changed), DIRECTORY, NETWORK)


@given(st.tuples(st.integers(0, len(RAW)), st.binary(max_size=40)).map(lambda cut: RAW[: cut[0]] + cut[1]))
def test_any_bytes_end_in_one_of_two_errors(raw: bytes) -> None:
    """P-06: whatever claims to be acknowledgements, nothing else than the two errors leaves."""
    if raw != RAW:
        with pytest.raises((FormatError, SignatureError)):
            open_acknowledgements(raw, DIRECTORY, NETWORK, AT_MS)
        with pytest.raises((FormatError, SignatureError)):
            verify_evidence(raw, DIRECTORY, NETWORK)
