"""Acknowledgements: what a recipient says of messages, many under one signature.

The recipient signs a root over its items; the gateway gives each originator its own items with their paths. An item
carries a salt, so that a path says nothing of its neighbours. Only batches are signed; `acknowledgement` names the
type of an item.
"""

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from gateway.crypto import canonical
from gateway.crypto.digests import decode_digests, encode_base64url, pae, payload_type, sha256, signatures_digest
from gateway.crypto.keys import SecretKey, sign, verify
from gateway.crypto.merkle import leaf_hash, leaf_hashes, root, root_and_paths, root_from_inclusion
from gateway.crypto.twins import KnownNames, are_digests, twin
from gateway.domain.directory import Directory, ListedKey
from gateway.domain.errors import FormatError, SignatureError
from gateway.domain.message import Signature
from gateway.domain.names import AuthorityId, Code, Digest
from gateway.domain.statement import (
    STATEMENT_BYTES_MAX,
    AcknowledgementBatch,
    AcknowledgementEvidence,
    AcknowledgementItem,
    SeenCheckpoint,
    SignedAcknowledgements,
)

_TYPE = payload_type("acknowledgement-batch")
_BATCH_DECODER = msgspec.msgpack.Decoder(SignedAcknowledgements)
# Network and recipient are compared with ours and the key's, so their patterns are not asked for either.
_TWIN = twin(AcknowledgementItem, (Code, AuthorityId, Digest))
_AUTHORITIES = KnownNames()
_EVIDENCE_DECODER = msgspec.msgpack.Decoder(AcknowledgementEvidence)


class OpenedAcknowledgements(NamedTuple):
    """A recipient's batch whose signature holds.

    Each item comes with the H(h) of its message and the evidence for its originator (MessagePack).
    """

    recipient: str
    batch_sha256: bytes
    signatures_sha256: bytes
    seen: SeenCheckpoint | None
    items: tuple[tuple[AcknowledgementItem, bytes, bytes], ...]


def sign_acknowledgements(
    items: Sequence[AcknowledgementItem], key: SecretKey, seen: SeenCheckpoint | None = None
) -> bytes:
    """Return 1 to 256 items under one signature (MessagePack), at most 64 KiB: some 200 items.

    Raises:
        FormatError: no item, too many, or items of several networks.
        SignatureError: the key has not the role `acknowledgement`.
    """
    if key.role != "acknowledgement":
        raise SignatureError("acknowledgements are signed by a key of role `acknowledgement`")
    if len({item.network for item in items}) != 1:
        raise FormatError("a batch has at least one item, and all of one network")
    encoded = tuple(canonical.encode(item) for item in items)
    for item in encoded:
        canonical.decode(item, AcknowledgementItem)
    tree_root = encode_base64url(root(leaf_hashes(encoded)))
    h = canonical.encode(AcknowledgementBatch(1, items[0].network, len(encoded), tree_root, seen))
    canonical.decode(h, AcknowledgementBatch)
    raw = canonical.pack(SignedAcknowledgements(h, Signature(key.kid, sign(key, pae(_TYPE, h))), encoded))
    if len(raw) > STATEMENT_BYTES_MAX:
        raise FormatError(f"acknowledgements are larger than {STATEMENT_BYTES_MAX} bytes: send fewer at once")
    return raw


def open_acknowledgements(raw: bytes, directory: Directory, network: str, at_ms: int) -> OpenedAcknowledgements:
    """Return the batch in `raw` once a key in force of its recipient signed it.

    Raises:
        FormatError: too large, not of the schema, not canonical, or of another network.
        SignatureError: the key is unknown, not in force, of another role, or signed other items; or an item speaks
            for another recipient.
    """
    signed = canonical.unpack(_BATCH_DECODER, raw, STATEMENT_BYTES_MAX, "acknowledgement batch")
    listed = _listed(signed.s, directory)
    if not directory.accepts_key(listed, at_ms):
        raise SignatureError(f"key `{listed.entry.kid}` is not in force in edition {directory.edition.number}")
    leaves = leaf_hashes(signed.items)
    batch = _verify(signed.h, signed.s, listed, network)
    tree_root, paths = root_and_paths(leaves)
    if batch.size != len(leaves) or batch.root != encode_base64url(tree_root):
        raise SignatureError("the signed root is not the one of these items")
    items = _items(signed.items, listed, network)
    digests = decode_digests([item.header_sha256 for item in items])
    evidence = [
        canonical.pack(AcknowledgementEvidence(signed.h, signed.s, raw, index, path))
        for index, (raw, path) in enumerate(zip(signed.items, paths, strict=True))
    ]
    return OpenedAcknowledgements(
        listed.authority.id,
        sha256(signed.h),
        signatures_digest((signed.s,)),
        batch.seen,
        tuple(zip(items, digests, evidence, strict=True)),
    )


def verify_evidence(raw: bytes, directory: Directory, network: str) -> AcknowledgementItem:
    """Return what a recipient said of one message, proved by its signature and the item's path alone.

    A superseded key still counts. A compromised one does not: then the edition that was in force, and a
    checkpoint from before that others have seen, must be brought (wire.md, "Directory and grants").

    Raises:
        FormatError: no evidence, or a path that does not fit the batch.
        SignatureError: no key of the recipient signed this item.
    """
    evidence = canonical.unpack(_EVIDENCE_DECODER, raw, STATEMENT_BYTES_MAX, "evidence")
    listed = _listed(evidence.s, directory)
    if listed.entry.status == "compromised":
        raise SignatureError(f"key `{listed.entry.kid}` is compromised")
    batch = _verify(evidence.h, evidence.s, listed, network)
    tree_root = root_from_inclusion(leaf_hash(evidence.item), evidence.i, batch.size, evidence.p)
    if batch.root != encode_base64url(tree_root):
        raise SignatureError("the signed root is not the one of this item")
    return _items((evidence.item,), listed, network)[0]


def _listed(signature: Signature, directory: Directory) -> ListedKey:
    if not signature.single:
        raise FormatError("only messages are signed in batches with a path")
    listed = directory.keys.get(signature.k)
    if listed is None or listed.entry.role != "acknowledgement":
        kid = encode_base64url(signature.k)
        raise SignatureError(f"key `{kid}` is none of role `acknowledgement` in edition {directory.edition.number}")
    return listed


def _verify(h: bytes, signature: Signature, listed: ListedKey, network: str) -> AcknowledgementBatch:
    verify(listed.public, signature.g, pae(_TYPE, h))
    batch = canonical.decode(h, AcknowledgementBatch)
    if batch.network != network:
        raise FormatError("acknowledgements name another network")
    return batch


def _items(raws: Sequence[bytes], listed: ListedKey, network: str) -> list[AcknowledgementItem]:
    items = canonical.decode_all(raws, _TWIN)
    originators = {item.originator for item in items}
    digests = [digest for item in items for digest in (item.header_sha256, item.salt)]
    if not (_AUTHORITIES.issuperset(originators) and are_digests(digests)):
        # A name is new, or one breaks its pattern, which is named then.
        items = canonical.decode_all(raws, AcknowledgementItem)
        _AUTHORITIES.learn(originators)
    for item in items:
        if item.network != network:
            raise FormatError("an acknowledgement names another network")
        if item.recipient != listed.authority.id:
            raise SignatureError("an acknowledgement speaks for another recipient than its key's")
    return items
