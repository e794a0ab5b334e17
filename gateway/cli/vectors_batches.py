"""Test vectors: batch signatures that every verifier must refuse."""

from msgspec.structs import replace

from gateway.cli.vectors_federation import digest
from gateway.cli.vectors_sealing import Sealed, batch, header_signature, seal
from gateway.cli.vectors_signatures import MESSAGE, SEAL, listing, refused_signature
from gateway.cli.vectors_verdict import Vector, given_envelope, refused
from gateway.crypto.merkle import leaf_hash, node_hash
from gateway.domain.message import Envelope

ABOUT = "Batch signatures that must be refused."


def vectors() -> list[Vector]:
    """Return the vectors of `batches.json`."""
    members = [seal(f"batch {i}", to=("caricc wrap 1",)) for i in range(5)]
    envelopes = batch(members)
    return [*_places(envelopes), *_paths(envelopes), _inner_node(members, envelopes), *_roots(members, envelopes)]


def _with(envelope: Envelope, **fields: object) -> Envelope:
    return replace(envelope, s=(replace(envelope.s[0], **fields),))


def _malformed(name: str, about: str, envelope: Envelope) -> Vector:
    return refused(name, "format", about, "envelope", given_envelope(envelope))


def _places(envelopes: list[Envelope]) -> list[Vector]:
    second = envelopes[1]
    return [
        refused_signature(
            "batch-wrong-size", "Size 6 for 5: the path fits, the signed payload does not.", _with(second, n=6)
        ),
        refused_signature("batch-wrong-index", "Another member's index.", _with(second, i=2)),
        _malformed("batch-index-outside", "Index 5 of 5.", _with(second, i=5)),
        _malformed("batch-size-without-that-path", "Size 3 leaves no room for this path.", _with(second, n=3, i=1)),
        _malformed("batch-of-one", "A batch has two members at least.", _with(second, n=1, i=0, p=())),
        _malformed("batch-of-1025", "A batch has 1,024 members at most.", _with(second, n=1025)),
        _malformed("batch-without-path", "Size and index, but no path.", _with(second, p=None)),
    ]


def _paths(envelopes: list[Envelope]) -> list[Vector]:
    second, path = envelopes[1], envelopes[1].s[0].p
    assert path is not None
    altered = (bytes([path[0][0] ^ 1]) + path[0][1:], *path[1:])
    return [
        refused_signature("batch-path-altered", "One bit of one hash of the path.", _with(second, p=altered)),
        refused_signature(
            "batch-path-reordered", "The hashes of the path the other way round.", _with(second, p=path[::-1])
        ),
        _malformed("batch-path-short", "The last hash of the path is gone.", _with(second, p=path[:-1])),
        _malformed("batch-path-long", "One hash too many.", _with(second, p=(*path, path[0]))),
        refused_signature(
            "batch-path-of-another",
            "The path, index and signature of another member.",
            replace(second, s=envelopes[2].s),
        ),
    ]


def _inner_node(members: list[Sealed], envelopes: list[Envelope]) -> Vector:
    """The two leaves below an inner node offered as a header; H(0x00 ‖ x) is never H(0x01 ‖ x)."""
    leaves = [leaf_hash(member.h) for member in members]
    right = node_hash(leaves[2], leaves[3])
    forged = replace(envelopes[0], h=leaves[0] + leaves[1], s=(replace(envelopes[0].s[0], n=3, p=(right, leaves[4])),))
    return refused_signature("batch-inner-node-as-leaf", "An inner node of the tree as if it were a message.", forged)


def _roots(members: list[Sealed], envelopes: list[Envelope]) -> list[Vector]:
    other = digest("another signature") * 2
    remembered = given_envelope(_with(envelopes[1], g=other), before=[given_envelope(envelopes[0])["envelope"]])
    sealed = listing("batch seal", MESSAGE, SEAL)
    by_seal = batch([sealed, members[0]], SEAL)[0].s[0]
    return [
        refused(
            "batch-remembered-root-other-signature",
            "signature",
            "A root that has been verified, shown again with another signature.",
            "envelope",
            remembered,
        ),
        refused_signature(
            "batch-of-another-network",
            "The batch was signed for another network.",
            batch(members, network="accord-other")[1],
        ),
        refused_signature(
            "batch-under-seal",
            "A seal never signs a batch.",
            replace(sealed.envelope(MESSAGE), s=(header_signature(MESSAGE, sealed.h), by_seal)),
        ),
        refused_signature(
            "batch-signature-as-single",
            "A batch signature without its size, index and path.",
            _with(envelopes[1], n=None, i=None, p=None),
        ),
        refused_signature(
            "single-signature-as-batch",
            "A plain signature with size, index and path of a batch.",
            _with(envelopes[1], g=header_signature(MESSAGE, members[1].h).g),
        ),
    ]
