#!/usr/bin/env python3
"""Verify receipts of an Accord gateway, offline, with nothing but the gateway's public key.

    python verify_receipt.py RECEIPT.tlog-proof ... --origin ORIGIN --key PUBLIC
                             [--network NETWORK] [--object OBJECT] [--json]

ORIGIN, PUBLIC (base64url of 32 bytes) and NETWORK come from the directory, never from the receipt; without NETWORK it
is not asked of which federation the record is. OBJECT is the file that the receipt must be for (the signed bytes of a
header or statement), or its SHA-256 in base64url.

A receipt is a C2SP tlog-proof (c2sp.org/tlog-proof@v1): `extra` is 32 bytes of salt and the record; then come index,
inclusion path and signed checkpoint. Nothing in it is believed. From the record the leaf is computed, from leaf and
path the root, and that root must be the one that the gateway signed: then the record stands in its ledger, unaltered.
Of several receipts, two checkpoints of one size with different roots prove that the gateway keeps two histories. That
all its peers see one history is not proved by a receipt: for this, checkpoints must be compared.

Exit: 0 all hold · 65 one does not, or is no receipt · 66 a file cannot be read.
This file stands alone: read it, then run it with Python 3.11 or later and the package `cryptography`.
"""

import argparse
import base64
import binascii
import hashlib
import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

TEXTS = "network origin event object_type object_sha256 signatures_sha256 law_sha256 software outcome".split()
FIELDS = ["v", *TEXTS[:3], "at_ms", *TEXTS[3:6], "edition", *TEXTS[6:], "reasons", "consents"]
PROOF = re.compile(rb"c2sp\.org/tlog-proof@v1\nextra (\S+)\nindex (0|[1-9][0-9]{0,15})\n((?:\S+\n)*)\n(.*)", re.DOTALL)
CHECKPOINT = re.compile(r"(\S+)\n(0|[1-9][0-9]{0,15})\n(\S+)\n")
# Printable ASCII without backslash: no escapes, nothing that a terminal would obey.
PLAIN = re.compile(rb"[ -\[\]-~]*")


class ReceiptError(Exception):
    """The receipt proves nothing; the text says why."""


def sha256(*parts: bytes) -> bytes:
    """Return SHA-256 over the parts in a row."""
    return hashlib.sha256(b"".join(parts)).digest()


def decode(text: bytes) -> bytes:
    """Return standard base64 decoded, if it is spelled in the one right way."""
    try:
        data = binascii.a2b_base64(text, strict_mode=True)
    except ValueError:
        raise ReceiptError("a line is not base64") from None
    if base64.b64encode(data) != text:
        raise ReceiptError("a line is base64 in another spelling")
    return data


def hash_of(text: bytes) -> bytes:
    """Return the 32 bytes of a hash in base64."""
    data = decode(text)
    if len(data) != 32:
        raise ReceiptError("a hash has not 32 bytes")
    return data


def read_record(raw: bytes, origin: str) -> dict[str, Any]:
    """Return the record, if it is of this ledger and its bytes are the only ones that say what it says."""
    try:
        record: dict[str, Any] = json.loads(raw) if PLAIN.fullmatch(raw) else {}
        # A doubled key, a space, another spelling of a number: encoding again gives other bytes.
        if list(record) != FIELDS or json.dumps(record, separators=(",", ":")).encode() != raw:
            raise ReceiptError("the record has not the fields of a record, in their one spelling")
        if not all(isinstance(record[name], str) for name in TEXTS) or type(record["at_ms"]) is not int:
            raise ReceiptError("a field of the record is of another type")
        describe("", {"record": record, "index": 0, "size": 0})
    except (ValueError, TypeError, LookupError, ArithmeticError, OSError, RecursionError):
        raise ReceiptError("the record is no record") from None
    if record["origin"] != origin:
        raise ReceiptError(f"the record is of ledger `{record['origin']}`")
    return record


def root_from_path(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """Return the root that the inclusion path leads to (RFC 9162, section 2.1.3.2)."""
    if index >= size:
        raise ReceiptError("the index lies outside the ledger")
    node, number, last = leaf, index, size - 1
    for sibling in path:
        if last == 0:
            raise ReceiptError("the path is too long")
        if number % 2 == 1 or number == last:
            node = sha256(b"\x01", sibling, node)
            while number % 2 == 0 and number != 0:
                number, last = number // 2, last // 2
        else:
            node = sha256(b"\x01", node, sibling)
        number, last = number // 2, last // 2
    if last != 0:
        raise ReceiptError("the path is too short")
    return node


def read_checkpoint(note: bytes, origin: str, public: bytes) -> tuple[int, bytes]:
    """Return size and root once the ledger's key has signed them (C2SP signed-note, tlog-checkpoint)."""
    try:
        text, _, signatures = note.decode().rpartition("\n\n")
    except UnicodeDecodeError:
        raise ReceiptError("the checkpoint is not UTF-8") from None
    lines = CHECKPOINT.fullmatch(text + "\n")
    if lines is None or not signatures.endswith("\n"):
        raise ReceiptError("there is no signed checkpoint after the empty line")
    if lines[1] != origin:
        raise ReceiptError(f"the checkpoint is of ledger `{lines[1]}`")
    key_id = sha256(origin.encode(), b"\n\x01", public)[:4]
    signed = False
    for line in signatures[:-1].split("\n"):
        parts = re.fullmatch("\u2014 (\\S+) ([A-Za-z0-9+/=]+)", line)
        if parts is None:
            raise ReceiptError("a line after the checkpoint is no signature")
        signature = decode(parts[2].encode())
        if parts[1] != origin or signature[:4] != key_id:
            continue  # A witness, or an older key: not ours to judge.
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(signature[4:], (text + "\n").encode())
        except InvalidSignature:
            raise ReceiptError("the signature of the checkpoint does not hold") from None
        signed = True
    if not signed:
        raise ReceiptError("the checkpoint is not signed by this key")
    return int(lines[2]), hash_of(lines[3].encode())


def verify(raw: bytes, origin: str, public: bytes, object_sha256: str | None, network: str | None) -> dict[str, Any]:
    """Return what a receipt proves; raises `ReceiptError` if it proves nothing."""
    parts = PROOF.fullmatch(raw)
    if parts is None:
        raise ReceiptError("this is no tlog-proof with a record and a checkpoint")
    extra, index, path = decode(parts[1]), int(parts[2]), [hash_of(line) for line in parts[3].split()]
    salt, record_raw = extra[:32], extra[32:]
    record = read_record(record_raw, origin)
    size, root = read_checkpoint(parts[4], origin, public)
    leaf_data = b"accord/v1/leaf\0" + sha256(b"accord/v1/record\0", salt, record_raw)
    if root_from_path(sha256(b"\x00", leaf_data), index, size, path) != root:
        raise ReceiptError("the ledger does not hold this record at this index")
    if network is not None and record["network"] != network:
        raise ReceiptError(f"the record is of network `{record['network']}`")
    if object_sha256 is not None and record["object_sha256"] != object_sha256:
        raise ReceiptError("the receipt is for another object")
    return {"index": index, "size": size, "root": base64.b64encode(root).decode(), "record": record}


def describe(name: str, proved: dict[str, Any]) -> str:
    """Return what is proved, for a person."""
    record = proved["record"]
    at = datetime.fromtimestamp(record["at_ms"] / 1000, UTC).isoformat(timespec="milliseconds")
    place = f"record {proved['index']} of {proved['size']} in {record['origin']}"
    edition = f"edition {record['edition']['number']}"
    reasons = [f"\n  {why['code']}: {why['article']} ({why['rule']})" for why in record["reasons"]]
    return f"{name}: holds\n  {record['event']}: {record['outcome']}, {at}, {edition}\n  {place}" + "".join(reasons)


def key_of(text: str) -> bytes:
    """Return the 32 bytes of a key in base64url."""
    data = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    if len(data) != 32 or base64.urlsafe_b64encode(data).decode().rstrip("=") != text:
        raise ValueError(text)
    return data


def digest_of(text: str) -> str:
    """Return the SHA-256 (base64url) of the file `text`, or `text` itself if it is a digest and no file."""
    if not Path(text).exists() and re.fullmatch(r"[A-Za-z0-9_-]{43}", text):
        return text
    return base64.urlsafe_b64encode(sha256(Path(text).read_bytes())).decode().rstrip("=")


def main() -> int:
    """Verify what the command line names; return the exit code."""
    parser = argparse.ArgumentParser(description="Verify receipts of an Accord gateway with its public key alone.")
    parser.add_argument("receipts", nargs="+", metavar="RECEIPT.tlog-proof")
    parser.add_argument("--origin", required=True, help="name of the ledger, from the directory")
    parser.add_argument("--key", required=True, type=key_of, help="its checkpoint key (base64url), from the directory")
    parser.add_argument("--network", help="the federation that the record must be of, from the directory")
    parser.add_argument("--object", help="the file that the receipt must be for, or its SHA-256 in base64url")
    parser.add_argument("--json", action="store_true", help="print one JSON object a receipt")
    # A key or a digest may begin with a dash: `--key -x` means `--key=-x`.
    options = parser.parse_args(re.sub(r"(?m)^(--key|--object)\n", r"\1=", "\n".join(sys.argv[1:])).split("\n"))
    try:
        wanted = None if options.object is None else digest_of(options.object)
        files = {name: Path(name).read_bytes() for name in options.receipts}
    except OSError as error:
        print(f"verify_receipt: cannot read `{error.filename}`: {error.strerror}", file=sys.stderr)
        return 66
    code, roots = 0, dict[int, str]()
    for name, raw in files.items():
        try:
            proved = verify(raw, options.origin, options.key, wanted, options.network)
            if roots.setdefault(proved["size"], proved["root"]) != proved["root"]:
                raise ReceiptError(f"two histories: another receipt shows another ledger of {proved['size']} records")
            print(json.dumps({"receipt": name, "holds": True, **proved}) if options.json else describe(name, proved))
        except ReceiptError as error:
            code = 65
            why = {"receipt": name, "holds": False, "why": str(error)}
            print(json.dumps(why) if options.json else f"{name}: does not hold: {error}")
    return code


if __name__ == "__main__":
    sys.exit(main())
