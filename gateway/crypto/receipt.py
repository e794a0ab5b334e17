"""Receipts: proof that a ledger holds a record, as a C2SP tlog-proof (S-04).

`extra` is `salt ‖ record`; the leaf is a salted commitment to it, so that a ledger can be mirrored without telling
who asked whom. Nothing in a receipt is trusted: the reader computes the leaf, walks to the root, verifies the
checkpoint, and compares the object with the one it sent.
"""

import binascii
import hashlib
import re
from collections.abc import Mapping, Sequence

from gateway.crypto import canonical
from gateway.crypto.checkpoint import decode_base64, verify_checkpoint
from gateway.crypto.digests import encode_base64url, tag
from gateway.crypto.merkle import HASH_BYTES, leaf_hashes, root_from_inclusion
from gateway.domain.decision import Reason
from gateway.domain.errors import FormatError, TrustError
from gateway.domain.receipt import Receipt, Record

SALT_BYTES = 32
RECEIPT_BYTES_MAX = 128 * 1024

_MAGIC = b"c2sp.org/tlog-proof@v1\n"
_HEAD = re.compile(rb"c2sp\.org/tlog-proof@v1\nextra ([A-Za-z0-9+/]+={0,2})\nindex (0|[1-9][0-9]{0,15})\n")
# A hash on a line of its own: `b2a_base64` ends every line itself.
spell_node = binascii.b2a_base64
_LEAF_TAG = tag("leaf")
_RECORD_TAG = tag("record")


def leaf_data(salt: bytes, record_bytes: bytes) -> bytes:
    """Return what the ledger hashes for a record: a commitment that its 32-byte `salt` hides."""
    return _LEAF_TAG + hashlib.sha256(_RECORD_TAG + salt + record_bytes).digest()


def receipt_leaf(salt: bytes, record_bytes: bytes) -> bytes:
    """Return the hash of the leaf for a record."""
    return receipt_leaves(((salt, record_bytes),))[0]


def receipt_leaves(lines: Sequence[tuple[bytes, bytes]]) -> list[bytes]:
    """Return the hash of the leaf for each salt and record."""
    return leaf_hashes([leaf_data(salt, record_bytes) for salt, record_bytes in lines])


def encode_receipt(
    salt: bytes, record_bytes: bytes, index: int, path: Sequence[bytes], checkpoint_note: bytes
) -> bytes:
    """Return the receipt for leaf `index`; the path leads to the root in `checkpoint_note`."""
    return assemble_receipt(salt, record_bytes, index, b"".join(map(spell_node, path)), checkpoint_note)


def assemble_receipt(salt: bytes, record_bytes: bytes, index: int, spelt_path: bytes, checkpoint_note: bytes) -> bytes:
    """Return the receipt whose path is at hand as `spell_node` writes its nodes."""
    extra = binascii.b2a_base64(salt + record_bytes)
    return b"".join((_MAGIC, b"extra ", extra, b"index %d\n" % index, spelt_path, b"\n", checkpoint_note))


def verify_receipt(raw: bytes, *, object_sha256: bytes | None, gateways: Mapping[str, bytes], network: str) -> Receipt:
    """Return the receipt in `raw` once a ledger we know holds its record.

    Args:
        raw: the tlog-proof.
        object_sha256: H of the object that the receipt must be for; None takes any.
        gateways: public checkpoint keys by ledger origin.
        network: the federation.

    Raises:
        TrustError: no receipt, of an unknown ledger, for another object, or not proved by its checkpoint.
    """
    try:
        return _verify(raw, object_sha256, gateways, network)
    except FormatError as error:
        raise TrustError(f"receipt: {error}") from None


def _verify(raw: bytes, object_sha256: bytes | None, gateways: Mapping[str, bytes], network: str) -> Receipt:
    if len(raw) > RECEIPT_BYTES_MAX:
        raise TrustError(f"receipt is larger than {RECEIPT_BYTES_MAX} bytes")
    head = _HEAD.match(raw)
    if head is None:
        raise TrustError("receipt is no tlog-proof with extra data and an index")
    proof, separator, note = raw[head.end() - 1 :].partition(b"\n\n")
    if not separator:
        raise TrustError("receipt has no checkpoint after an empty line")
    extra = decode_base64(head[1].decode("ascii"))
    salt, record_bytes = extra[:SALT_BYTES], extra[SALT_BYTES:]
    record = canonical.decode(record_bytes, Record)
    if record.network != network:
        raise TrustError("receipt is of another network")
    public = gateways.get(record.origin)
    if public is None:
        raise TrustError(f"receipt is of ledger `{record.origin}`, which the directory does not list")
    checkpoint = verify_checkpoint(note, record.origin, public)
    index = int(head[2])
    leaf = receipt_leaf(salt, record_bytes)
    if root_from_inclusion(leaf, index, checkpoint.size, _path(proof)) != checkpoint.root:
        raise TrustError("the checkpoint does not cover this record at this index")
    if object_sha256 is not None and record.object_sha256 != encode_base64url(object_sha256):
        raise TrustError("receipt is for another object")
    return Receipt(record, salt, index, checkpoint, raw)


def recorded_reasons(raw: bytes) -> tuple[Reason, ...]:
    """Return the reasons that a receipt of our own making records; none where they cannot be read. Verifies nothing."""
    head = _HEAD.match(raw)
    if head is None:
        return ()
    try:
        return canonical.decode(decode_base64(head[1].decode("ascii"))[SALT_BYTES:], Record).reasons
    except FormatError:
        return ()


def _path(proof: bytes) -> list[bytes]:
    """The hashes between the newline that ends the index line and the empty line."""
    try:
        hashes = [decode_base64(line) for line in proof.decode("ascii").split("\n")[1:]]
    except UnicodeDecodeError:
        raise TrustError("receipt has a line that is not base64") from None
    if any(len(value) != HASH_BYTES for value in hashes):
        raise TrustError("a hash of the receipt's path has not 32 bytes")
    return hashes
