"""A receipt proves that a ledger holds a record, to whoever has the gateway's public key and nothing else."""

import base64
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from gateway.crypto import canonical
from gateway.crypto.checkpoint import sign_checkpoint
from gateway.crypto.digests import encode_base64url, sha256
from gateway.crypto.keys import generate
from gateway.crypto.merkle import RightEdge, inclusion_paths, leaf_hash, root
from gateway.crypto.receipt import RECEIPT_BYTES_MAX, encode_receipt, leaf_data, recorded_reasons, verify_receipt
from gateway.domain.decision import EditionRef, Reason
from gateway.domain.errors import TrustError
from gateway.domain.receipt import Record
from tests.crypto.federation import AT_MS, CHECKPOINT_KEY, NETWORK, ORIGIN

OBJECT = sha256(b"object")
DIGEST = encode_base64url(sha256(b"digest"))
GATEWAYS = {ORIGIN: CHECKPOINT_KEY.public}
RECORD = Record(
    v=1,
    network=NETWORK,
    origin=ORIGIN,
    event="submission-rejection",
    at_ms=AT_MS,
    object_type="header",
    object_sha256=encode_base64url(OBJECT),
    signatures_sha256=DIGEST,
    edition=EditionRef(7, DIGEST),
    law_sha256=DIGEST,
    software="accord 0.1.0",
    outcome="refused",
    reasons=(Reason("consent-missing", "CZKZ-11-2", "Art. 11(2)", "text", "kz-mvd"),),
    consents=(),
)
SALT = bytes(range(32))
RECORDS = [canonical.encode(replace(RECORD, at_ms=AT_MS + number)) for number in range(9)]
LEAVES = [leaf_hash(leaf_data(SALT, record)) for record in RECORDS]
NOTE = sign_checkpoint(ORIGIN, 9, root(LEAVES), CHECKPOINT_KEY).note
PATHS = inclusion_paths(LEAVES)
RAW = encode_receipt(SALT, RECORDS[3], 3, PATHS[3], NOTE)


def refused(raw: bytes, **changes: object) -> bool:
    """Tell whether a receipt is refused, with the one error that there is."""
    settings: dict[str, Any] = {"object_sha256": OBJECT, "gateways": GATEWAYS, "network": NETWORK}
    with pytest.raises(TrustError):
        verify_receipt(raw, **(settings | changes))
    return True


def test_receipt_verifies_offline_with_the_gateways_key_alone() -> None:
    """S-04, wire.md "Receipt": salt, record, index and checkpoint come out as they went in."""
    for index, record in enumerate(RECORDS):
        raw = encode_receipt(SALT, record, index, PATHS[index], NOTE)
        receipt = verify_receipt(raw, object_sha256=OBJECT, gateways=GATEWAYS, network=NETWORK)

        assert canonical.encode(receipt.record) == record
        assert (receipt.index, receipt.salt, receipt.checkpoint.size, receipt.raw) == (index, SALT, 9, raw)
    assert verify_receipt(RAW, object_sha256=None, gateways=GATEWAYS, network=NETWORK).record.outcome == "refused"


def test_receipt_is_a_tlog_proof() -> None:
    """S-04 (c2sp.org/tlog-proof@v1): magic, extra, index, one hash a line, empty line, checkpoint verbatim."""
    lines = RAW.decode().split("\n")

    assert lines[0] == "c2sp.org/tlog-proof@v1"
    assert lines[1] == "extra " + base64.b64encode(SALT + RECORDS[3]).decode()
    assert lines[2] == "index 3"
    assert lines[3:7] == [base64.b64encode(node).decode() for node in PATHS[3]]
    assert lines[7] == ""
    assert "\n".join(lines[8:]).encode() == NOTE


def test_receipt_of_the_only_leaf_has_no_path() -> None:
    """S-04: zero hash lines between index and checkpoint."""
    edge = RightEdge()
    edge.append(LEAVES[:1])
    note = sign_checkpoint(ORIGIN, 1, edge.root(), CHECKPOINT_KEY).note
    raw = encode_receipt(SALT, RECORDS[0], 0, (), note)

    assert verify_receipt(raw, object_sha256=OBJECT, gateways=GATEWAYS, network=NETWORK).index == 0


def test_leaf_hides_the_record() -> None:
    """wire.md, "Leaf data": another salt, another leaf; tiles can be mirrored without telling who asked whom."""
    assert leaf_data(SALT, RECORDS[0]) != leaf_data(bytes(32), RECORDS[0])
    assert leaf_data(SALT, RECORDS[0]).startswith(b"accord/v1/leaf\x00")
    assert leaf_data(SALT, RECORDS[0])[15:] == sha256(b"accord/v1/record\x00" + SALT + RECORDS[0])


def test_threat_G2_bare_receipt_is_refused() -> None:
    """G2: a gateway that stores nothing cannot make a receipt: without proof and checkpoint there is none."""
    head, _, _ = RAW.partition(b"\n\n")

    assert refused(head)
    assert refused(head + b"\n\n")
    assert refused(encode_receipt(SALT, RECORDS[3], 3, (), NOTE))
    assert refused(encode_receipt(SALT, canonical.encode(replace(RECORD, outcome="permitted")), 3, PATHS[3], NOTE))


OTHER_KEY = generate("checkpoint")
ELSEWHERE = "elsewhere.test/ledger"
MOVED = canonical.encode(replace(RECORD, origin=ELSEWHERE))
SMALLER = sign_checkpoint(ORIGIN, 8, root(LEAVES[:8]), CHECKPOINT_KEY).note
FORK = sign_checkpoint(ORIGIN, 9, root([*LEAVES[:8], bytes(32)]), CHECKPOINT_KEY).note
NEGATIVE: dict[str, Callable[[], bytes]] = {
    "altered record": lambda: encode_receipt(SALT, RECORDS[3].replace(b"refused", b"allowed"), 3, PATHS[3], NOTE),
    "record not canonical": lambda: encode_receipt(SALT, RECORDS[3] + b" ", 3, PATHS[3], NOTE),
    "altered salt": lambda: encode_receipt(bytes(32), RECORDS[3], 3, PATHS[3], NOTE),
    "altered index": lambda: encode_receipt(SALT, RECORDS[3], 2, PATHS[3], NOTE),
    "index outside the tree": lambda: encode_receipt(SALT, RECORDS[3], 9, PATHS[3], NOTE),
    "altered path": lambda: encode_receipt(SALT, RECORDS[3], 3, PATHS[2], NOTE),
    "path too long": lambda: encode_receipt(SALT, RECORDS[3], 3, (*PATHS[3], bytes(32)), NOTE),
    "altered origin": lambda: encode_receipt(SALT, MOVED, 3, PATHS[3], NOTE),
    "checkpoint of an unknown gateway": lambda: encode_receipt(
        SALT, RECORDS[3], 3, PATHS[3], sign_checkpoint(ORIGIN, 9, root(LEAVES), OTHER_KEY).note
    ),
    "checkpoint of a fork": lambda: encode_receipt(SALT, RECORDS[8], 8, PATHS[8], FORK),
    "checkpoint of a shrunk tree": lambda: encode_receipt(SALT, RECORDS[8], 8, PATHS[8], SMALLER),
    "no extra": lambda: RAW.replace(RAW.split(b"\n")[1] + b"\n", b""),
    "no magic": lambda: RAW[23:],
    "another version": lambda: RAW.replace(b"@v1", b"@v2"),
    "leading zero in the index": lambda: RAW.replace(b"index 3", b"index 03"),
    "short hash": lambda: RAW.replace(base64.b64encode(PATHS[3][0]), base64.b64encode(bytes(31))),
    "hash in another spelling": lambda: RAW.replace(base64.b64encode(PATHS[3][0]), b"*" * 44),
    "not ascii": lambda: RAW.replace(b"index 3\n", b"index 3\n\xff\n"),
    "bytes after it": lambda: RAW + b"\n",
    "too large": lambda: RAW + b"x" * RECEIPT_BYTES_MAX,
    "empty": lambda: b"",
}


@pytest.mark.parametrize("name", NEGATIVE)
def test_receipt_with_one_thing_wrong_is_refused(name: str) -> None:
    """wire.md, negative vectors: altered record, origin, index; a fork; a shrunk tree; every malformed line."""
    assert refused(NEGATIVE[name]())


def test_receipt_for_another_object_ledger_or_network_is_refused() -> None:
    """The reader compares with its own H(h), its own list of gateways, its own network."""
    assert refused(RAW, object_sha256=sha256(b"another"))
    assert refused(RAW, gateways={})
    assert refused(RAW, gateways={ELSEWHERE: CHECKPOINT_KEY.public})
    assert refused(RAW, gateways={ORIGIN: OTHER_KEY.public})
    assert refused(RAW, network="another")


def test_reasons_of_our_own_receipt_are_read_and_anything_else_has_none() -> None:
    """For answers in words: nothing is verified, so what is no receipt simply says nothing."""
    assert recorded_reasons(RAW) == RECORD.reasons
    assert recorded_reasons(b"reasons") == ()
    assert recorded_reasons(RAW[:60]) == ()
    assert recorded_reasons(b"c2sp.org/tlog-proof@v1\nextra AAAA\nindex 0\n") == ()


@given(st.integers(0, len(RAW) * 8 - 1))
def test_threat_G7_every_flipped_bit_of_a_receipt_is_detected(bit: int) -> None:
    """P-02, G7: no bit of a receipt can change."""
    changed = bytearray(RAW)
    changed[bit // 8] ^= 1 << bit % 8

    assert refused(bytes(changed))


@given(st.binary(max_size=300).map(lambda tail: RAW[:40] + tail) | st.binary(max_size=300))
def test_any_bytes_are_refused_with_the_one_error(raw: bytes) -> None:
    """P-06: whatever claims to be a receipt, TrustError is all that leaves."""
    assert refused(raw)
