"""Test vectors: wraps, bodies and paddings that every verifier must refuse."""

from msgspec.structs import replace

from gateway.cli.vectors_federation import digest, kid
from gateway.cli.vectors_sealing import PLAINTEXT, Sealed, draft, recipient, reseal, seal, wrap
from gateway.cli.vectors_verdict import Class, Vector, given_envelope, refused
from gateway.crypto import content
from gateway.crypto.digests import decode_base64url, encode_base64url, sha256, u32
from gateway.crypto.padding import pad
from gateway.domain.message import Envelope, Wrap

ABOUT = "Wraps and bodies that must be refused, some by the gateway already, some only by whoever opens them."
MESSAGE, KZ, CARICC = "cz-police message", "kz-mvd", "caricc"
BOTH = ("kz-mvd wrap 1", "caricc wrap 1")


def vectors() -> list[Vector]:
    """Return the vectors of `bodies.json`."""
    return [*_wraps(), *_suites(), *_signed_wraps(), *_content_keys(), *_bodies(), *_forwards(), *_paddings()]


def _refused(name: str, about: str, envelope: Envelope, class_: Class = "digest", **more: object) -> Vector:
    return refused(name, class_, about, "envelope", given_envelope(envelope, **more))


def _garbled(made: Wrap) -> Wrap:
    return replace(made, w=made.w[:-1] + bytes([made.w[-1] ^ 1]))


def _wraps() -> list[Vector]:
    sealed = seal("wraps", to=BOTH)
    whole = sealed.envelope(MESSAGE)
    first, second = whole.r
    return [
        _refused(
            "wraps-reordered", "Both wraps, in another order than the recipients.", replace(whole, r=(second, first))
        ),
        _refused(
            "wraps-swapped",
            "Each recipient's kid on the other's wrap.",
            replace(whole, r=(replace(first, w=second.w), replace(second, w=first.w))),
        ),
        _refused("wrap-garbled", "One bit of a wrap.", replace(whole, r=(first, _garbled(second)))),
        _refused("wrap-missing", "One wrap for two recipients.", replace(whole, r=(first,))),
        _refused("wrap-added", "Three wraps for two recipients.", replace(whole, r=(first, second, second))),
        _refused(
            "wrap-garbled-on-delivery",
            "The delivery's one wrap is not the one that was signed.",
            replace(whole, r=(_garbled(second),)),
            recipient=CARICC,
            pruned=True,
        ),
        _refused(
            "wrap-of-another-recipient-on-delivery",
            "The delivery carries somebody else's wrap.",
            replace(whole, r=(first,)),
            recipient=CARICC,
            pruned=True,
        ),
    ]


def _suites() -> list[Vector]:
    sealed = seal("suites")
    hybrid = seal("suites", draft("suites", suite=2), ("kz-mvd wrap 2",))
    long = replace(sealed.wraps[0], w=hybrid.wraps[0].w)
    claimed = reseal(sealed, recipients=(recipient("kz-mvd wrap 1", long),))
    mixed = reseal(sealed, recipients=hybrid.header.recipients)
    weak = seal("weak suite", draft("weak suite"), ("md-police wrap 1",))
    return [
        _refused(
            "wrap-of-another-suite",
            "1,168 bytes in suite 1, as the header says.",
            replace(claimed.envelope(MESSAGE), r=(long,)),
        ),
        _refused(
            "key-of-another-suite",
            "A suite 2 key and wrap in a message of suite 1.",
            replace(mixed.envelope(MESSAGE), r=hybrid.wraps),
            "format",
        ),
        _refused(
            "suite-below-minimum", "The directory demands suite 2 of this recipient.", weak.envelope(MESSAGE), "format"
        ),
    ]


def _signed_wraps() -> list[Vector]:
    """The originator signs a wrap that cannot open: the gateway cannot know, the recipient answers `undecipherable`."""
    vectors = []
    for suite in (1, 2):
        to, label = f"kz-mvd wrap {suite}", f"signed garbage {suite}"
        sealed = seal(label, draft(label, suite=suite), (to,))
        bad = _garbled(sealed.wraps[0])
        signed = reseal(replace(sealed, wraps=(bad,)), recipients=(recipient(to, bad),))
        about = "Signed as it is, and garbled: only the recipient can tell."
        vectors.append(_refused(f"wrap-undecipherable-suite-{suite}", about, signed.envelope(MESSAGE), recipient=KZ))
    one, other = seal("of one message"), seal("of another message", content_key=digest("content key of one message"))
    moved = reseal(replace(other, wraps=one.wraps), recipients=one.header.recipients)
    return [
        *vectors,
        _refused(
            "wrap-of-another-message",
            "The right key, wrapped in the context of another message.",
            moved.envelope(MESSAGE),
            recipient=KZ,
        ),
    ]


def _content_keys() -> list[Vector]:
    other = seal("two keys", to=BOTH, wrapped_keys={"caricc wrap 1": digest("second content key")})
    plain = seal("commitment")
    lying = _committed("commitment", encode_base64url(content.commitment(digest("no content key"))))
    return [
        _refused(
            "another-content-key",
            "One recipient is given another key than the header commits to.",
            other.envelope(MESSAGE),
            recipient=CARICC,
        ),
        _refused(
            "commitment-replaced",
            "The header commits to a key that nobody was given.",
            lying.envelope(MESSAGE),
            recipient=KZ,
        ),
        _refused(
            "commitment-altered",
            "The commitment changed after wrapping: every context differs.",
            reseal(plain, key_commitment=lying.header.key_commitment).envelope(MESSAGE),
            recipient=KZ,
        ),
    ]


def _committed(label: str, commitment: str) -> Sealed:
    """A message whose wrap and body are bound to `commitment`, which is not that of its key."""
    header = draft(label, key_commitment=commitment)
    bound = content.context(header.network, 1, header.id, header.originator, decode_base64url(commitment))
    secret, to = digest(f"content key {label}"), "kz-mvd wrap 1"
    made = Wrap(decode_base64url(kid(to)), wrap(to, secret, content.wrap_info(bound, decode_base64url(kid(to))), label))
    c = content.seal_body(secret, bound, pad(PLAINTEXT))
    sealed = Sealed(header, b"", (made,), c, secret)
    body = replace(header.body, sha256=encode_base64url(sha256(c)), length=len(c))
    return reseal(sealed, recipients=(recipient(to, made),), body=body)


def _bodies() -> list[Vector]:
    one, other = seal("body one"), seal("body two")
    whole = one.envelope(MESSAGE)
    same_key = seal("body three", content_key=one.content_key)
    lent = reseal(replace(same_key, c=one.c), body=one.header.body)
    flipped = bytes([one.c[0] ^ 1]) + one.c[1:]
    noise = reseal(replace(one, c=flipped), body=replace(one.header.body, sha256=encode_base64url(sha256(flipped))))
    stump = reseal(
        replace(one, c=b"short"), body=replace(one.header.body, sha256=encode_base64url(sha256(b"short")), length=5)
    )
    length = reseal(one, body=replace(one.header.body, length=one.header.body.length + 1))
    return [
        _refused("bodies-swapped", "The body of another valid message of the same length.", replace(whole, c=other.c)),
        _refused("body-garbled", "One bit of the body.", replace(whole, c=flipped)),
        _refused("body-cut", "The last byte of the body is gone.", replace(whole, c=one.c[:-1])),
        _refused("body-length", "The header names another length.", length.envelope(MESSAGE)),
        _refused(
            "body-lent",
            "The originator lends a body to a second message under the same key.",
            lent.envelope(MESSAGE),
            recipient=KZ,
        ),
        _refused(
            "body-signed-garbage",
            "Signed as it is, and garbled: only the recipient can tell.",
            noise.envelope(MESSAGE),
            recipient=KZ,
        ),
        _refused(
            "body-without-tag", "A body shorter than its authentication tag.", stump.envelope(MESSAGE), recipient=KZ
        ),
    ]


def _forwards() -> list[Vector]:
    """What a recipient may try who holds content key, body and signed header."""
    sealed = seal("forwarded")
    whole = sealed.envelope(MESSAGE)
    header = draft("forwarded", originator=KZ, signers=(kid("kz-mvd message"),))
    own = seal("forwarded", header, ("caricc wrap 1",), content_key=sealed.content_key)
    stolen = reseal(replace(own, c=sealed.c), body=sealed.header.body)
    rewrapped = seal("forwarded", to=("caricc wrap 1",), content_key=sealed.content_key).wraps
    return [
        _refused(
            "re-attributed",
            "A recipient signs the body of another as its own message to a third.",
            stolen.envelope("kz-mvd message"),
            recipient=CARICC,
        ),
        _refused(
            "forwarded-with-a-wrap",
            "A recipient wraps the key to a third party and leaves the header.",
            replace(whole, r=rewrapped),
        ),
        _refused(
            "forwarded-as-delivered",
            "A recipient hands its delivery to a third party.",
            whole,
            "format",
            recipient=CARICC,
            pruned=True,
        ),
        _refused(
            "forwarded-with-two-wraps",
            "The same with the first wrap left in place.",
            replace(whole, r=(*whole.r, *rewrapped)),
        ),
    ]


def _paddings() -> list[Vector]:
    full = pad(PLAINTEXT)
    cases = (
        ("not-zeros", "A one among the zeros.", pad(bytes(9))[:-1] + b"\x01"),
        ("length-beyond-end", "The length field reaches beyond the end.", u32(len(full)) + full[4:]),
        ("of-no-padme-size", "A size that Padme never gives.", full.ljust(129, b"\x00")),
        ("without-length", "Three bytes.", b"\x00\x00\x00"),
    )
    vectors = []
    for name, about, padded in cases:
        sealed = seal(f"padding {name}", padded=padded)
        vectors.append(_refused(f"padding-{name}", about, sealed.envelope(MESSAGE), "format", recipient=KZ))
    return vectors
