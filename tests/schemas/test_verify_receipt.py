"""The stand-alone verifier: third parties believe a receipt if, and only if, the ledger holds its record."""

import ast
import base64
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from gateway.cli.vectors_federation import AT_MS, NETWORK, ORIGIN, key
from gateway.crypto.checkpoint import sign_checkpoint
from gateway.crypto.digests import encode_base64url, sha256, signatures_digest
from gateway.crypto.merkle import leaf_hash
from gateway.crypto.receipt import encode_receipt, leaf_data
from gateway.domain.message import AuthenticMessage
from tests.schemas.real_ledger import Ledger, authentic, record, sealed
from tests.schemas.stand_alone import SCRIPT, module, public, run
from tests.schemas.vector_files import federation, read

FIELDS = module().FIELDS
RECEIPTS = [vector for vector in read("ledger.json")["vectors"] if vector["check"] == "receipt"]


@pytest.fixture(scope="module")
def messages() -> list[AuthenticMessage]:
    """Seven messages that the product sealed and opened."""
    return [authentic(sealed(suite=1)) for _ in range(7)]


@pytest.fixture(scope="module")
def ledger(messages: list[AuthenticMessage], tmp_path_factory: pytest.TempPathFactory) -> Ledger:
    """Their ledger; the sixth was refused, and its receipt has a path."""
    return record(tmp_path_factory.mktemp("ledger") / "data", messages, frozenset({5}))


@pytest.fixture
def receipt(ledger: Ledger) -> bytes:
    """The receipt of the refused message."""
    return ledger.receipts[5]


def holds(raw: bytes, origin: str = ORIGIN, key_name: str = "checkpoint", wanted: str | None = None) -> dict[str, Any]:
    """Verify in this process: what is proved, or `ReceiptError`."""
    found: dict[str, Any] = module().verify(raw, origin, key(key_name).public, wanted, NETWORK)
    return found


def test_receipt_of_a_real_ledger_holds(ledger: Ledger, messages: list[AuthenticMessage], tmp_path: Path) -> None:
    """Every receipt of a real store is proved for exactly the header that was sent, and a refusal names its article."""
    header, proof = tmp_path / "header.json", tmp_path / "receipt.tlog-proof"
    header.write_bytes(messages[5].envelope.h)
    proof.write_bytes(ledger.receipts[5])

    done = run(str(proof), "--object", str(header))
    assert (done.returncode, done.stderr) == (0, "")
    assert "submission-rejection" in done.stdout
    assert "CZKZ Art. 11(2) (CZ-33)" in done.stdout
    for number, raw in enumerate(ledger.receipts):
        assert holds(raw, wanted=encode_base64url(messages[number].header_sha256))["index"] == number


def test_json_says_the_same(receipt: bytes, tmp_path: Path) -> None:
    """`--json` gives one object a receipt, of those that hold and of those that do not."""
    good, bad = tmp_path / "good.tlog-proof", tmp_path / "bad.tlog-proof"
    good.write_bytes(receipt)
    bad.write_bytes(receipt[:-1])

    done = run(str(good), str(bad), "--json")
    first, second = map(json.loads, done.stdout.splitlines())
    assert done.returncode == 65
    assert (first["holds"], first["index"], first["record"]["outcome"]) == (True, 5, "refused")
    assert (second["holds"], second["receipt"]) == (False, str(bad))


@pytest.mark.parametrize("vector", RECEIPTS, ids=[vector["name"] for vector in RECEIPTS])
def test_threat_G2_vectors_of_receipts_get_their_verdict(vector: dict[str, Any]) -> None:
    """A receipt without record, path or signed checkpoint is worth nothing, whoever issued it."""
    raw, wanted = vector["given"]["receipt"].encode("utf-8"), vector["given"].get("object_sha256")
    expected = vector["expect"]
    if expected["verdict"] == "ok":
        assert holds(raw, wanted=wanted)["index"] == expected["values"]["index"]
    else:
        with pytest.raises(module().ReceiptError):
            holds(raw, wanted=wanted)


# Alterations --------------------------------------------------------------------------------------------------------

Alter = Callable[[bytes], bytes]


def _in_record(name: str) -> Alter:
    """Change one field of the record and spell it canonically again."""

    def alter(raw: bytes) -> bytes:
        found = re.search(rb"\nextra (\S+)\n", raw)
        assert found is not None
        extra = base64.b64decode(found[1])
        fields = json.loads(extra[32:])
        fields[name] = _other(fields[name])
        changed = extra[:32] + json.dumps(fields, separators=(",", ":")).encode()
        assert changed != extra
        return raw.replace(found[1], base64.b64encode(changed))

    return alter


def _other(value: Any) -> Any:
    if isinstance(value, int):
        return value + 1
    if isinstance(value, str):
        return value[:-1] + ("A" if value[-1] != "A" else "E")
    if isinstance(value, dict):
        return {**value, "number": value["number"] + 1}
    return [] if value else ["A" * 43]


def _in_line(number: int, change: Callable[[bytes], bytes]) -> Alter:
    def alter(raw: bytes) -> bytes:
        lines = raw.split(b"\n")
        lines[number] = change(lines[number])
        return b"\n".join(lines)

    return alter


def _other_hash(line: bytes) -> bytes:
    raw = base64.b64decode(line)
    return base64.b64encode(bytes([raw[0] ^ 1]) + raw[1:])


def _other_salt(line: bytes) -> bytes:
    return b"extra " + _other_hash(line.removeprefix(b"extra "))


def _other_signature(line: bytes) -> bytes:
    head, _, last = line.rpartition(b" ")
    raw = base64.b64decode(last)
    return head + b" " + base64.b64encode(raw[:-1] + bytes([raw[-1] ^ 1]))


# Lines of the receipt under test: 0 format, 1 extra, 2 index, 3 and 4 path, 5 empty, 6 origin, 7 size, 8 root, 9 empty,
# 10 signature.
ALTERATIONS: dict[str, Alter] = {
    **{f"record {name}": _in_record(name) for name in FIELDS},
    "format": _in_line(0, lambda line: line[:-1] + b"2"),
    "salt": _in_line(1, _other_salt),
    "extra left out": lambda raw: re.sub(rb"\nextra \S+", b"", raw),
    "index lower": _in_line(2, lambda _: b"index 4"),
    "index far": _in_line(2, lambda _: b"index 9007199254740991"),
    "index negative": _in_line(2, lambda _: b"index -5"),
    "path first": _in_line(3, _other_hash),
    "path second": _in_line(4, _other_hash),
    "path swapped": lambda raw: b"\n".join([*(r := raw.split(b"\n"))[:3], r[4], r[3], *r[5:]]),
    "path shorter": lambda raw: b"\n".join([*(r := raw.split(b"\n"))[:4], *r[5:]]),
    "path longer": lambda raw: b"\n".join([*(r := raw.split(b"\n"))[:4], r[3], *r[4:]]),
    "checkpoint origin": _in_line(6, lambda line: line + b"x"),
    "checkpoint size": _in_line(7, lambda _: b"7"),
    "checkpoint root": _in_line(8, _other_hash),
    "checkpoint extension": _in_line(8, lambda line: line + b"\nmore"),
    "signature": _in_line(10, _other_signature),
    "signer": _in_line(10, lambda line: line.replace(b"gateway", b"gatevay")),
    "line feed at the end": lambda raw: raw + b"\n",
    "carriage returns": lambda raw: raw.replace(b"\n", b"\r\n"),
    "byte-order mark": lambda raw: b"\xef\xbb\xbf" + raw,
}


@pytest.mark.parametrize("alter", ALTERATIONS.values(), ids=ALTERATIONS)
def test_threat_E20_every_alteration_is_refused(alter: Alter, receipt: bytes) -> None:
    """A receipt in which any one thing was changed proves nothing."""
    changed = alter(receipt)
    assert changed != receipt

    holds(receipt)
    with pytest.raises(module().ReceiptError):
        holds(changed)


def test_threat_E20_every_flipped_bit_and_every_cut_is_refused(receipt: bytes) -> None:
    """Whichever byte is disturbed, and wherever the file ends too early: refused, and never by a crash."""
    for position in range(len(receipt)):
        flipped = receipt[:position] + bytes([receipt[position] ^ 1]) + receipt[position + 1 :]
        for broken in (flipped, receipt[:position]):
            with pytest.raises(module().ReceiptError):
                holds(broken)


def test_foreign_trust_is_refused(receipt: bytes, tmp_path: Path) -> None:
    """Another origin, key, network, object: exit 65 each; what a receipt says of itself does not help it."""
    proof = tmp_path / "receipt.tlog-proof"
    proof.write_bytes(receipt)

    assert run(str(proof)).returncode == 0
    assert run(str(proof), origin="gateway.test/other").returncode == 65
    assert run(str(proof), key=public("checkpoint stranger")).returncode == 65
    assert run(str(proof), "--object", encode_base64url(sha256(b"another message"))).returncode == 65
    assert run(str(proof), "--network", NETWORK).returncode == 0
    other = run(str(proof), "--network", "accord-other")
    assert (other.returncode, "the record is of network" in other.stdout) == (65, True)


def test_missing_files_and_wrong_arguments_have_codes_of_their_own(receipt: bytes, tmp_path: Path) -> None:
    """66: a file is not there. 2: the command line is wrong. Neither can be taken for a verdict."""
    proof = tmp_path / "receipt.tlog-proof"
    proof.write_bytes(receipt)

    assert run(str(tmp_path / "absent")).returncode == 66
    assert run(str(proof), "--object", str(tmp_path / "absent")).returncode == 66
    assert run(str(proof), key="A").returncode == 2


def test_key_that_begins_with_a_dash_is_a_key(receipt: bytes, tmp_path: Path) -> None:
    """One base64url key in 64 begins with a dash; it is no option."""
    proof = tmp_path / "receipt.tlog-proof"
    proof.write_bytes(receipt)

    done = run(str(proof), key="-" + "A" * 42)
    assert done.returncode == 65
    assert "not signed by this key" in done.stdout


# A gateway that lies ------------------------------------------------------------------------------------------------


def _signed_as_it_is(raw: bytes) -> bytes:
    """A receipt of any bytes as its record, under the gateway's own key: what a gateway gone bad can make."""
    salt = sha256(raw)
    leaf = leaf_hash(leaf_data(salt, raw))
    return encode_receipt(salt, raw, 0, [], sign_checkpoint(ORIGIN, 1, leaf, key("checkpoint")).note)


def _record_with(**fields: Any) -> bytes:
    plain = {
        **dict.fromkeys(FIELDS, "x"),
        "v": 1,
        "network": NETWORK,
        "origin": ORIGIN,
        "at_ms": AT_MS,
        "edition": {"number": 7, "sha256": "x"},
        "reasons": [],
        "consents": [],
    }
    return json.dumps({**plain, **fields}, separators=(",", ":")).encode()


HOSTILE = {
    "no json": b"{",
    "empty": b"",
    "a list": b"[]",
    "doubled key": _record_with().replace(b'{"v":1,', b'{"v":1,"v":1,'),
    "space": _record_with() + b" ",
    "not a number": _record_with(at_ms=float("nan")),
    "endless time": _record_with(at_ms=10**300),
    "before all time": _record_with(at_ms=-(10**17)),
    "a float": _record_with(at_ms=1.5),
    "text for time": _record_with(at_ms="soon"),
    "number for text": _record_with(outcome=1),
    "no edition": _record_with(edition=None),
    "reasons of no kind": _record_with(reasons=[1]),
    "a long number": _record_with().replace(b":1,", b":" + b"1" * 5_000 + b",", 1),
    "deep": _record_with(consents="@").replace(b'"@"', b"[" * 100_000 + b"]" * 100_000),
    "escape of a terminal": _record_with(outcome="\x1b[2J"),
    "other fields": _record_with(extra=1),
}


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE)
def test_record_that_is_none_is_refused_though_it_is_signed(raw: bytes) -> None:
    """A gateway gone bad may sign anything; the verifier neither believes it nor falls over it."""
    holds(_signed_as_it_is(_record_with()))
    with pytest.raises(module().ReceiptError):
        holds(_signed_as_it_is(raw))


def test_threat_G2_receipt_without_storing_is_refused(ledger: Ledger, messages: list[AuthenticMessage]) -> None:
    """The path and checkpoint of a stored record do not carry another one, even in the gateway's own hands."""
    stored = ledger.receipts[6]
    extra = re.search(rb"\nextra (\S+)\n", stored)
    other = re.search(rb"\nextra (\S+)\n", ledger.receipts[4])
    assert extra is not None
    assert other is not None

    with pytest.raises(module().ReceiptError, match="does not hold this record"):
        holds(stored.replace(extra[1], other[1]))
    with pytest.raises(module().ReceiptError, match="another object"):
        holds(stored, wanted=encode_base64url(messages[4].header_sha256))


def test_threat_G3_two_histories_are_told(messages: list[AuthenticMessage], tmp_path: Path) -> None:
    """Two receipts that each hold, of two ledgers of one size under one key, betray the gateway side by side."""
    files = []
    for name, part in (("one", messages[:3]), ("two", messages[3:6])):
        ledger = record(tmp_path / name, part)
        files.append(tmp_path / f"{name}.tlog-proof")
        files[-1].write_bytes(ledger.receipts[2])

    assert [run(str(path)).returncode for path in files] == [0, 0]
    together = run(*map(str, files))
    assert together.returncode == 65
    assert "two histories" in together.stdout


def test_threat_E18_originator_cannot_deny(ledger: Ledger, messages: list[AuthenticMessage]) -> None:
    """Header, signature and receipt convince a third party that has two public keys and none of our code.

    The signature is checked by OpenSSL over an encoding written out here; the record names the very signature.
    """
    message = messages[2]
    h, signature = message.envelope.h, message.envelope.s[0]
    listed = {entry["kid"]: entry["public"] for entry in federation()["keys"]}
    signer = listed[json.loads(h)["signers"][0]]
    public_key = Ed25519PublicKey.from_public_bytes(base64.urlsafe_b64decode(signer + "="))
    type_ = b"application/vnd.accord.header.v1+json"

    public_key.verify(signature.g, b"DSSEv1 %d %b %d %b" % (len(type_), type_, len(h), h))
    proved = holds(ledger.receipts[2], wanted=encode_base64url(sha256(h)))
    assert proved["record"]["signatures_sha256"] == encode_base64url(signatures_digest([signature]))
    with pytest.raises(InvalidSignature):
        public_key.verify(signature.g, b"DSSEv1 %d %b %d %b" % (len(type_), type_, len(h), h[:-1] + b" "))


def test_verifier_stands_alone() -> None:
    """One file of some 200 lines, the standard library and `cryptography`: nothing of the gateway is in it."""
    text = SCRIPT.read_text("utf-8")
    imported = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            imported |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            imported.add(str(node.module).split(".")[0])

    standard = set("argparse base64 binascii datetime hashlib json pathlib re sys typing".split())
    assert imported - standard == {"cryptography"}
    assert not re.search(r"__import__|importlib|exec\(|eval\(", text)
    assert len(text.splitlines()) <= 215
