"""Test vectors: checkpoints, receipts and the consistency of a ledger."""

from functools import cache
from typing import Any

from msgspec.structs import replace

from gateway.cli.vectors_federation import AT_MS, NETWORK, ORIGIN, digest, digest_text, key
from gateway.cli.vectors_verdict import Check, Given, Vector, accepted, refused
from gateway.crypto import canonical
from gateway.crypto.checkpoint import checkpoint_key_id, sign_checkpoint
from gateway.crypto.digests import encode_base64url
from gateway.crypto.keys import sign
from gateway.crypto.merkle import Read, consistency_path, inclusion_path, leaf_hash, node_hash, root
from gateway.crypto.receipt import encode_receipt, receipt_leaf
from gateway.domain.decision import EditionRef, Reason
from gateway.domain.receipt import Record

ABOUT = "The ledger for those outside: checkpoints, receipts, and whether one checkpoint continues another."
OTHER_ORIGIN = "gateway.test/other"
SIZE = 8
# The record that receipts are altered around.
INDEX = 2


def vectors() -> list[Vector]:
    """Return the vectors of `ledger.json`."""
    return [*_checkpoints(), *_receipts(), *_altered_receipts(), *_forged_receipts(), *_histories()]


def _record(number: int) -> Record:
    admitted = Record(
        v=1,
        network=NETWORK,
        origin=ORIGIN,
        event="submission-acceptance",
        at_ms=AT_MS + number,
        object_type="header",
        object_sha256=digest_text(f"object {number}"),
        signatures_sha256=digest_text(f"signatures {number}"),
        edition=EditionRef(7, digest_text("edition 7")),
        law_sha256=digest_text("law"),
        software="accord 0.1.0",
        outcome="permitted",
        reasons=(),
        consents=(),
    )
    if number != INDEX:
        return admitted
    why = Reason("third-party-consent-missing", "CZ-33", "CZKZ Art. 11(2)", "text", "caricc")
    return replace(admitted, event="submission-rejection", outcome="refused", reasons=(why,))


def salt(number: int) -> bytes:
    """Return the salt of a record, which a gateway would draw at random."""
    return digest(f"salt {number}")


@cache
def leaves(forked_from: int = SIZE) -> tuple[bytes, ...]:
    """Return the leaf hashes of the ledger; from `forked_from` on of another one under the same origin."""
    plain = [receipt_leaf(salt(i), canonical.encode(_record(i))) for i in range(SIZE)]
    return tuple(leaf if i < forked_from else leaf_hash(digest(f"forked {i}")) for i, leaf in enumerate(plain))


def note(size: int, forked_from: int = SIZE, origin: str = ORIGIN, signer: str = "checkpoint") -> bytes:
    """Return the signed checkpoint at `size`."""
    return sign_checkpoint(origin, size, root(leaves(forked_from)[:size]), key(signer)).note


def _reader(forked_from: int = SIZE) -> Read:
    def node(level: int, index: int) -> bytes:
        if level == 0:
            return leaves(forked_from)[index]
        return node_hash(node(level - 1, 2 * index), node(level - 1, 2 * index + 1))

    return node


def receipt(index: int = INDEX, size: int = 5, **changed: Any) -> bytes:
    """Return the receipt of a record under the checkpoint at `size`; `changed` replaces parts of it."""
    parts: dict[str, Any] = {
        "salt": salt(index),
        "record_bytes": canonical.encode(_record(index)),
        "index": index,
        "path": inclusion_path(index, size, _reader()),
        "checkpoint_note": note(size),
    }
    return encode_receipt(**{**parts, **changed})


def _text(raw: bytes) -> str:
    return raw.decode("utf-8")


def _checkpoints() -> list[Vector]:
    good = note(5)
    witnessed = good + f"\u2014 witness.test/kz {_witness(good)}\n".encode()
    check: Check = "checkpoint"

    def given(raw: bytes, origin: str = ORIGIN, key_name: str = "checkpoint") -> Given:
        return {"note": _text(raw), "origin": origin, "key": key_name}

    values = {"size": 5, "root": encode_base64url(root(leaves()[:5]))}
    empty = {"size": 0, "root": encode_base64url(root(()))}
    cases = (
        ("other-origin", "A checkpoint of another ledger under the same key.", given(note(5, origin=OTHER_ORIGIN))),
        (
            "origin-swapped",
            "The first line changed after signing.",
            given(good.replace(ORIGIN.encode(), OTHER_ORIGIN.encode()), OTHER_ORIGIN),
        ),
        ("other-key", "Signed by somebody else.", given(note(5, signer="checkpoint stranger"))),
        ("size-altered", "One leaf more than was signed.", given(good.replace(b"\n5\n", b"\n6\n"))),
        ("leading-zero", "A size with a zero before it.", given(_signed_text(f"{ORIGIN}\n05\n{_root_text(5)}\n"))),
        (
            "text-of-another-ledger",
            "The first line names another ledger, the signature this one.",
            given(_signed_text(_plain(5).replace(ORIGIN, OTHER_ORIGIN))),
        ),
        (
            "extension-line",
            "A fourth line: others could not audit it.",
            given(_signed_text(f"{ORIGIN}\n5\n{_root_text(5)}\nmore\n")),
        ),
        ("unsigned", "Three lines and no signature.", given(good.partition(b"\n\n")[0] + b"\n\n")),
        ("cut", "The last byte is gone.", given(good[:-1])),
        ("with-dsse", "Signed over the encoding of statements.", given(_signed_text(_plain(5), "DSSEv1 0  "))),
    )
    return [
        accepted("checkpoint", "Origin, size, root, one signature.", check, given(good), **values),
        accepted("checkpoint-empty", "A ledger in which nothing stands yet.", check, given(note(0)), **empty),
        accepted(
            "checkpoint-witnessed", "A signature of an unknown witness is ignored.", check, given(witnessed), **values
        ),
        *(refused(f"checkpoint-{name}", "trust", about, check, given_) for name, about, given_ in cases),
    ]


def _root_text(size: int) -> str:
    return note(size).decode("utf-8").splitlines()[2]


def _plain(size: int) -> str:
    return f"{ORIGIN}\n{size}\n{_root_text(size)}\n"


def _signed_text(text: str, prefix: str = "") -> bytes:
    """A note of any text under the ledger's own key; `prefix` is signed with it and not shown."""
    secret = key("checkpoint")
    signature = checkpoint_key_id(ORIGIN, secret.public) + sign(secret, (prefix + text).encode())
    return f"{text}\n\u2014 {ORIGIN} {_base64(signature)}\n".encode()


def _witness(good: bytes) -> str:
    return _base64(b"test" + sign(key("stranger message"), good))


def _base64(data: bytes) -> str:
    padded = encode_base64url(data).replace("-", "+").replace("_", "/")
    return padded + "=" * (-len(padded) % 4)


def _receipts() -> list[Vector]:
    check: Check = "receipt"

    def one(name: str, about: str, index: int, size: int, **more: object) -> Vector:
        record = _record(index)
        given = {"receipt": _text(receipt(index, size)), **more}
        tree = encode_base64url(root(leaves()[:size]))
        values = {"event": record.event, "outcome": record.outcome, "index": index, "size": size, "root": tree}
        return accepted(name, about, check, given, **values)

    return [
        one(
            "receipt-refusal",
            "A refusal is recorded and receipted like everything else.",
            INDEX,
            5,
            object_sha256=_record(INDEX).object_sha256,
        ),
        one("receipt-first", "The only record of a ledger: an empty path.", 0, 1),
        one("receipt-last", "The newest record, in a tree that is not balanced.", 4, 5),
        one("receipt-any-object", "Whoever only asks whether it stands in the ledger names no object.", 7, 8),
    ]


def _refused(name: str, about: str, raw: bytes, **more: object) -> Vector:
    return refused(f"receipt-{name}", "trust", about, "receipt", {"receipt": _text(raw), **more})


def _altered(**fields: object) -> bytes:
    return receipt(record_bytes=canonical.encode(replace(_record(INDEX), **fields)))


def _altered_receipts() -> list[Vector]:
    return [
        _refused(
            "record-altered",
            "The refusal made a permission.",
            _altered(event="submission-acceptance", outcome="permitted", reasons=()),
        ),
        _refused("time-altered", "A millisecond earlier.", _altered(at_ms=AT_MS + INDEX - 1)),
        _refused("object-altered", "The record made one of another object.", _altered(object_sha256=digest_text("x"))),
        _refused("network-altered", "The record made one of another network.", _altered(network="accord-other")),
        _refused(
            "origin-altered", "The record made one of another ledger, that nobody knows.", _altered(origin=OTHER_ORIGIN)
        ),
        *_misplaced_receipts(),
        *_receipts_of_others(),
    ]


def _misplaced_receipts() -> list[Vector]:
    path = inclusion_path(INDEX, 5, _reader())
    return [
        _refused("salt-altered", "Another salt.", receipt(salt=salt(0))),
        _refused("index-altered", "Another index.", receipt().replace(b"\nindex 2\n", b"\nindex 3\n")),
        _refused("index-outside", "An index beyond the tree.", receipt().replace(b"\nindex 2\n", b"\nindex 5\n")),
        _refused(
            "index-leading-zero", "An index with a zero before it.", receipt().replace(b"\nindex 2\n", b"\nindex 02\n")
        ),
        _refused("path-reordered", "The hashes of the path the other way round.", receipt(path=path[::-1])),
        _refused("path-short", "A hash of the path is gone.", receipt(path=path[:-1])),
        _refused("path-long", "A hash too many.", receipt(path=[*path, path[0]])),
    ]


def _receipts_of_others() -> list[Vector]:
    return [
        _refused(
            "checkpoint-of-another-size",
            "The path of one tree under the checkpoint of another.",
            receipt(checkpoint_note=note(8)),
        ),
        _refused(
            "checkpoint-other-key",
            "A checkpoint that somebody else signed.",
            receipt(checkpoint_note=note(5, signer="checkpoint stranger")),
        ),
        _refused(
            "checkpoint-other-origin",
            "The checkpoint of another ledger.",
            receipt(checkpoint_note=note(5, origin=OTHER_ORIGIN)),
        ),
        _refused(
            "other-object",
            "A good receipt, but not of the message that was sent.",
            receipt(),
            object_sha256=digest_text("my own message"),
        ),
        _refused(
            "record-not-canonical",
            "A space at the end of the record, hashed and signed as it is.",
            _alone(canonical.encode(_record(INDEX)) + b" "),
        ),
        _refused(
            "of-another-network",
            "A record of another network, hashed and signed as it is.",
            _alone(canonical.encode(replace(_record(INDEX), network="accord-other"))),
        ),
    ]


def _alone(record_bytes: bytes) -> bytes:
    """The receipt of whatever is given as the only record of the ledger, hashed and signed as it is."""
    head = sign_checkpoint(ORIGIN, 1, receipt_leaf(salt(0), record_bytes), key("checkpoint"))
    return receipt(0, 1, record_bytes=record_bytes, checkpoint_note=head.note)


def _forged_receipts() -> list[Vector]:
    """A gateway that answers without having recorded (threat G2), or a stranger in its name."""
    good = receipt()
    head, _, tail = good.partition(b"\n\n")
    elsewhere = receipt(checkpoint_note=note(5, forked_from=0))
    return [
        _refused("bare", "Record and index, no path, no checkpoint.", head[: head.index(b"\nindex")] + b"\nindex 2\n"),
        _refused("without-checkpoint", "The proof, and an empty line.", head + b"\n\n"),
        _refused("without-path", "A checkpoint that nothing leads to.", receipt(path=[])),
        _refused("not-recorded", "Another ledger of the same size, signed by the gateway's own key.", elsewhere),
        _refused("without-extra", "No record to look at.", b"c2sp.org/tlog-proof@v1\nindex 2\n\n" + tail),
        _refused("of-another-version", "A format of another version.", good.replace(b"@v1", b"@v2")),
        _refused("cut", "The last byte is gone.", good[:-1]),
        _refused("empty", "Nothing.", b""),
    ]


def _histories() -> list[Vector]:
    check: Check = "consistency"

    def given(old: bytes, new: bytes, path: list[bytes]) -> Given:
        return {"old": _text(old), "new": _text(new), "path": [encode_base64url(node) for node in path]}

    def path(old: int, new: int, forked_from: int = SIZE) -> list[bytes]:
        return consistency_path(old, new, _reader(forked_from))

    def good(old: int, new: int) -> Vector:
        about = f"From {old} to {new} leaves."
        return accepted(
            f"consistency-{old}-{new}", about, check, given(note(old), note(new), path(old, new)), old=old, new=new
        )

    swapped = path(3, 7)[::-1]
    cases = (
        ("fork-of-one-size", "Two roots of one size under one key.", given(note(5), note(5, 3), [])),
        ("rewritten", "An entry before the old checkpoint was rewritten.", given(note(5), note(8, 3), path(5, 8, 3))),
        ("shrunk", "The newer checkpoint is smaller.", given(note(8), note(5), path(5, 8))),
        ("path-reordered", "The path the other way round.", given(note(3), note(7), swapped)),
        ("path-short", "A hash of the path is gone.", given(note(3), note(7), path(3, 7)[:-1])),
        ("path-long", "A hash too many.", given(note(3), note(7), [*path(3, 7), path(3, 7)[0]])),
        ("path-empty", "No path at all.", given(note(3), note(7), [])),
        (
            "other-key",
            "The newer checkpoint is somebody else's.",
            given(note(3), note(7, signer="checkpoint stranger"), path(3, 7)),
        ),
    )
    return [
        *(good(old, new) for old, new in ((1, 8), (3, 7), (4, 8), (6, 8), (7, 8), (5, 5))),
        *(refused(f"consistency-{name}", "trust", about, check, given_) for name, about, given_ in cases),
    ]
