"""Test vectors: batches of acknowledgements, and the evidence that originators keep of them."""

import msgspec
from msgspec.structs import replace

from gateway.cli.vectors_federation import AT_MS, NETWORK, ORIGIN, digest_text, key, to_sign
from gateway.cli.vectors_verdict import Check, Class, Given, Vector, accepted, refused
from gateway.crypto import canonical
from gateway.crypto.digests import encode_base64url
from gateway.crypto.keys import sign
from gateway.crypto.merkle import inclusion_paths, leaf_hash, root
from gateway.domain.message import Signature
from gateway.domain.statement import (
    AcknowledgementBatch,
    AcknowledgementEvidence,
    AcknowledgementItem,
    AcknowledgementStatus,
    SeenCheckpoint,
    SignedAcknowledgements,
)

ABOUT = "Signed batches of acknowledgements, and the evidence that originators keep of them."
ACKNOWLEDGER = "kz-mvd acknowledgement"
_STATUSES: tuple[AcknowledgementStatus, ...] = ("consigned", "undecipherable", "handed-over")
ITEMS = tuple(
    AcknowledgementItem(
        v=1,
        network=NETWORK,
        recipient="kz-mvd",
        originator="cz-police",
        header_sha256=digest_text(f"acknowledged {status}"),
        status=status,
        at_ms=AT_MS,
        salt=digest_text(f"salt {status}"),
    )
    for status in _STATUSES
)
SEEN = SeenCheckpoint(ORIGIN, 5, digest_text("seen root"))


def vectors() -> list[Vector]:
    """Return the vectors of `acknowledgements.json`."""
    return [*_batches(), *_evidence()]


def _head(items: tuple[bytes, ...], seen: SeenCheckpoint | None = None, **fields: object) -> bytes:
    plain = AcknowledgementBatch(1, NETWORK, len(items), encode_base64url(root([*map(leaf_hash, items)])), seen)
    return canonical.encode(replace(plain, **fields))


def sign_head(h: bytes, signer: str = ACKNOWLEDGER, tag: str = "acknowledgement-batch") -> Signature:
    """Return a signature over a batch of acknowledgements."""
    return Signature(key(signer).kid, sign(key(signer), to_sign(tag, h)))


def pack_acknowledgements(items: tuple[AcknowledgementItem, ...] = ITEMS, **signing: str) -> bytes:
    """Return a signed batch; `signer` and `tag` replace what is right."""
    encoded = tuple(map(canonical.encode, items))
    h = _head(encoded)
    return msgspec.msgpack.encode(SignedAcknowledgements(h, sign_head(h, **signing), encoded))


def _batches() -> list[Vector]:
    encoded = tuple(map(canonical.encode, ITEMS))
    plain = [msgspec.to_builtins(item) for item in ITEMS]
    seen = msgspec.to_builtins(SEEN)
    all_, one = _given(_head(encoded, SEEN), encoded), _given(_head(encoded[:1]), encoded[:1])
    about = "Three items, and the checkpoint that their recipient has seen."
    check: Check = "acknowledgements"
    return [
        accepted("acknowledgements", about, check, all_, recipient="kz-mvd", seen=seen, items=plain),
        accepted(
            "acknowledgement-alone", "A batch of one.", check, one, recipient="kz-mvd", seen=None, items=plain[:1]
        ),
        *(refused(f"acknowledgements-{name}", kind, why, check, given) for name, kind, why, given in _refusals()),
    ]


def _given(head: bytes, items: tuple[bytes, ...]) -> Given:
    return {"batch": encode_base64url(msgspec.msgpack.encode(SignedAcknowledgements(head, sign_head(head), items)))}


def _refusals() -> tuple[tuple[str, Class, str, Given], ...]:
    encoded = tuple(map(canonical.encode, ITEMS))
    h = _head(encoded)
    altered = (encoded[0], encoded[1].replace(b"undecipherable", b"consigned"), encoded[2])
    other = canonical.encode(replace(ITEMS[0], recipient="caricc"))
    foreign = canonical.encode(replace(ITEMS[0], network="accord-other"))
    stranger = {"batch": encode_base64url(pack_acknowledgements(signer="caricc acknowledgement"))}
    return (
        ("reordered", "signature", "The items in another order.", _given(h, encoded[::-1])),
        ("item-dropped", "signature", "One item less than was signed.", _given(h, encoded[:2])),
        ("item-altered", "signature", "`undecipherable` made `consigned`.", _given(h, altered)),
        ("for-another", "signature", "Speaks for another recipient.", _given(_head((other,)), (other,))),
        (
            "other-network",
            "format",
            "A batch of another network.",
            _given(_head(encoded, network="accord-other"), encoded),
        ),
        ("item-other-network", "format", "An item of another network.", _given(_head((foreign,)), (foreign,))),
        ("foreign-key", "signature", "Signed by another recipient.", stranger),
    )


def _evidence() -> list[Vector]:
    encoded = tuple(map(canonical.encode, ITEMS))
    h = _head(encoded)
    paths = inclusion_paths([leaf_hash(item) for item in encoded])
    good = AcknowledgementEvidence(h, sign_head(h), encoded[1], 1, tuple(paths[1]))
    path = good.p

    def given(evidence: AcknowledgementEvidence) -> Given:
        return {"evidence": encode_base64url(msgspec.msgpack.encode(evidence))}

    check: Check = "evidence"
    return [
        accepted(
            "evidence",
            "One item of three, with its path: it stands alone.",
            check,
            given(good),
            **msgspec.to_builtins(ITEMS[1]),
        ),
        refused("evidence-wrong-index", "signature", "Another item's index.", check, given(replace(good, i=0))),
        refused("evidence-index-outside", "format", "Index 3 of 3.", check, given(replace(good, i=3))),
        refused("evidence-path-short", "format", "The path is too short.", check, given(replace(good, p=path[:1]))),
        refused(
            "evidence-path-altered",
            "signature",
            "Another hash in the path.",
            check,
            given(replace(good, p=(path[1], path[0]))),
        ),
        refused(
            "evidence-item-altered",
            "signature",
            "`undecipherable` made `consigned`.",
            check,
            given(replace(good, item=good.item.replace(b"undecipherable", b"consigned"))),
        ),
        refused(
            "evidence-other-signature",
            "signature",
            "The signature of another batch.",
            check,
            given(replace(good, s=sign_head(_head(encoded[:1])))),
        ),
    ]
