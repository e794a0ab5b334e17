"""Open an envelope: bytes become an `AuthenticMessage`, or one of two errors.

The order is wire.md's: bounds, signatures over the exact bytes, and only then the header, which is decoded once
and never read again from bytes; then times, digests, wraps and suite. This module knows keys through a directory
edition and asks neither who sent the bytes nor what policy thinks of them. Nothing else builds an `AuthenticMessage`.
"""

import hashlib
from collections.abc import Sequence

import msgspec

from gateway.crypto import canonical
from gateway.crypto.batch import VerifiedRoots, verify_batch, verify_whole
from gateway.crypto.digests import (
    encode_base64url,
    encode_digests,
    pae,
    payload_type,
    signatures_digest,
)
from gateway.crypto.header import decode_headers
from gateway.crypto.keys import verify
from gateway.crypto.wraps import PUBLIC_KEY_BYTES, WRAP_BYTES
from gateway.domain.directory import Authority, Directory, ListedKey
from gateway.domain.errors import FormatError, SignatureError
from gateway.domain.message import (
    CLOCK_AHEAD_MS_MAX,
    ENVELOPE_BYTES_MAX,
    AuthenticMessage,
    Envelope,
    Header,
    Recipient,
    Signature,
    Wrap,
)

HEADER_TYPE = payload_type("header")
HEADER_ROLES = frozenset({"message", "seal", "signatory"})
_MESSAGE_ALONE = ("message",)

_DECODER = msgspec.msgpack.Decoder(Envelope)


def encode_envelope(envelope: Envelope) -> bytes:
    """Return the MessagePack form: maps keyed h, s, r, c in this order, shortest encodings."""
    return canonical.pack(envelope)


def decode_envelope(raw: bytes) -> Envelope:
    """Return the envelope in `raw`; nothing of it has been verified.

    Raises:
        FormatError: too large, not of the schema, or not the one spelling of its content.
    """
    return canonical.unpack(_DECODER, raw, ENVELOPE_BYTES_MAX, "envelope")


def open_envelope(raw: bytes, directory: Directory, network: str, at_ms: int, roots: VerifiedRoots) -> AuthenticMessage:
    """Return the message in `raw` once everything that a gateway can check without policy holds.

    Args:
        raw: one envelope, at most `ENVELOPE_BYTES_MAX` bytes.
        directory: the edition in force.
        network: the federation this gateway serves.
        at_ms: the gateway's time.
        roots: what batch roots were verified before.

    Raises:
        FormatError: `raw` is no envelope, its header no header, or wraps, body, times and suite do not fit it.
        SignatureError: not every signer stands in the directory, in force, as one originator, over these bytes.
    """
    return open_envelopes((raw,), directory, network, at_ms, roots)[0]


def open_envelopes(
    raws: Sequence[bytes], directory: Directory, network: str, at_ms: int, roots: VerifiedRoots
) -> list[AuthenticMessage]:
    """Return the messages in `raws`, once all of them hold; where one does not, open them one by one to know which.

    Each step is taken for all before the next one, so that its code stays at hand in the processor.

    Args:
        raws: as many envelopes as came together; the other arguments are those of `open_envelope`.

    Raises:
        FormatError, SignatureError: as `open_envelope`; the first fault of the first step that finds one.
    """
    return authenticate([decode_envelope(raw) for raw in raws], raws, directory, network, at_ms, roots)


def authenticate(
    envelopes: Sequence[Envelope],
    raws: Sequence[bytes],
    directory: Directory,
    network: str,
    at_ms: int,
    roots: VerifiedRoots,
) -> list[AuthenticMessage]:
    """Return the messages in decoded envelopes: `open_envelopes` without its first step.

    Raises:
        FormatError, SignatureError: as `open_envelopes`.
    """
    signers = [listed_signers(envelope, directory) for envelope in envelopes]
    for keys in signers:
        for listed in keys:
            if not directory.accepts_key(listed, at_ms):
                raise SignatureError(f"key `{listed.entry.kid}` is not in force in edition {directory.edition.number}")
    messages = verify_headers(envelopes, signers, network, roots, raws)
    for message in messages:
        _check_times(message.header, at_ms)
    bound: list[tuple[int, Recipient, Wrap]] = []
    for message in messages:
        bound += _bound_wraps(message.header, message.envelope.r, directory, at_ms)
    check_wraps(bound)
    return messages


def listed_signers(envelope: Envelope, directory: Directory) -> tuple[ListedKey, ...]:
    """Return the keys named in `s`, in order; they belong to one authority and may sign headers.

    Raises:
        SignatureError: otherwise.
    """
    keys = directory.keys
    signers = []
    for signature in envelope.s:
        listed = keys.get(signature.k)
        if listed is None:
            kid = encode_base64url(signature.k)
            raise SignatureError(f"key `{kid}` is not in edition {directory.edition.number}")
        signers.append(listed)
    first = signers[0].authority.id
    if len(signers) > 1 and any(listed.authority.id != first for listed in signers):
        raise SignatureError("the signers belong to several authorities")
    return tuple(signers)


def verify_headers(
    envelopes: Sequence[Envelope],
    signers: Sequence[tuple[ListedKey, ...]],
    network: str,
    roots: VerifiedRoots,
    raws: Sequence[bytes],
) -> list[AuthenticMessage]:
    """Return the messages whose headers all of their `signers` signed, bodies bound; not asked are wraps and times.

    Raises:
        FormatError, SignatureError: as `open_envelopes`.
    """
    roles = [_roles(keys) for keys in signers]
    _verify_all(envelopes, signers, network, roots)
    headers = decode_headers([envelope.h for envelope in envelopes])
    for header, keys in zip(headers, signers, strict=True):
        if header.network != network:
            raise FormatError("header names another network")
        _check_signers(header, keys)
    sha256 = hashlib.sha256
    bodies = encode_digests([sha256(envelope.c).digest() for envelope in envelopes])
    for header, envelope, spelt in zip(headers, envelopes, bodies, strict=True):
        if header.body.length != len(envelope.c) or header.body.sha256 != spelt:
            raise FormatError("body is not the one that the header names")
    digests = [sha256(envelope.h).digest() for envelope in envelopes]
    signed = [signatures_digest(envelope.s) for envelope in envelopes]
    parts = zip(headers, digests, signed, envelopes, roles, raws, strict=True)
    return [AuthenticMessage(*part) for part in parts]


def _roles(signers: tuple[ListedKey, ...]) -> tuple[str, ...]:
    roles = tuple([listed.entry.role for listed in signers])
    if roles != _MESSAGE_ALONE and (roles.count("message") != 1 or not HEADER_ROLES.issuperset(roles)):
        raise SignatureError("exactly one signer has the role `message`, the others `seal` or `signatory`")
    return roles


def _verify_all(
    envelopes: Sequence[Envelope], signers: Sequence[tuple[ListedKey, ...]], network: str, roots: VerifiedRoots
) -> None:
    """Return if every signature holds. A batch that came whole and in order is verified at once."""
    place = 0
    while place < len(envelopes):
        keys, size = signers[place], envelopes[place].s[0].n or 1
        whole = envelopes[place : place + size]
        if 1 < size == len(whole) and keys[0].entry.role == "message" and {len(each.s) for each in whole} == {1}:
            headers, signatures = [each.h for each in whole], [each.s[0] for each in whole]
            if verify_whole(network, headers, signatures, keys[0].public, roots):
                place += size
                continue
        for listed, signature in zip(keys, envelopes[place].s, strict=True):
            _verify_one(envelopes[place].h, signature, listed, network, roots)
        place += 1


def _verify_one(raw: bytes, signature: Signature, listed: ListedKey, network: str, roots: VerifiedRoots) -> None:
    if signature.single:
        verify(listed.public, signature.g, pae(HEADER_TYPE, raw))
    elif listed.entry.role == "message":
        verify_batch(network, raw, signature, listed.public, roots)
    else:
        raise SignatureError("only a key of role `message` signs batches")


def _check_signers(header: Header, signers: tuple[ListedKey, ...]) -> None:
    first = signers[0]
    kids = tuple([listed.entry.kid for listed in signers]) if len(signers) > 1 else (first.entry.kid,)
    if header.signers != kids:
        raise SignatureError("the signatures are not those of the signers that the header lists, in order")
    if header.originator != first.authority.id:
        raise SignatureError("the signing keys are not those of the originator")


def _check_times(header: Header, at_ms: int) -> None:
    if header.sent_at_ms > at_ms + CLOCK_AHEAD_MS_MAX:
        raise FormatError(f"`sent_at_ms` is more than {CLOCK_AHEAD_MS_MAX // 1000} s in the future")
    if header.expires_at_ms <= at_ms:
        raise FormatError("the message has expired: `expires_at_ms` is past")


def _bound_wraps(
    header: Header, wraps: Sequence[Wrap], directory: Directory, at_ms: int
) -> list[tuple[int, Recipient, Wrap]]:
    """The wraps of a message with suite and recipient; each is made to a key that may be used."""
    recipients, suite, keys = header.recipients, header.suite, directory.keys
    if len(wraps) != len(recipients):
        raise FormatError("there are not as many wraps as recipients")
    originator = directory.authorities[header.originator]
    if suite < originator.suite_min:
        raise _weak_suite(suite, originator, "originator")
    bound: list[tuple[int, Recipient, Wrap]] = []
    for recipient, wrap in zip(recipients, wraps, strict=True):
        listed = keys.get(wrap.k)
        if listed is None or listed.entry.kid != recipient.key or listed.authority.id != recipient.authority:
            raise _no_such_key(recipient, directory)
        if suite < listed.authority.suite_min:
            raise _weak_suite(suite, listed.authority, "recipient")
        if (
            listed.entry.role != "wrap"
            or len(listed.public) != PUBLIC_KEY_BYTES[suite]
            or not directory.accepts_key(listed, at_ms)
        ):
            raise _unfit_key(suite, recipient, listed, directory)
        bound.append((suite, recipient, wrap))
    return bound


def _no_such_key(recipient: Recipient, directory: Directory) -> FormatError:
    where = f"in edition {directory.edition.number}"
    if recipient.authority not in directory.authorities:
        return FormatError(f"recipient `{recipient.authority}` is not {where}")
    what = f"recipient `{recipient.authority}` has no key `{recipient.key}` {where}"
    return FormatError(f"{what}, or its wrap is made to another")


def _weak_suite(suite: int, authority: Authority, what: str) -> FormatError:
    return FormatError(f"suite {suite} is below the minimum {authority.suite_min} of {what} `{authority.id}`")


def _unfit_key(suite: int, recipient: Recipient, listed: ListedKey, directory: Directory) -> FormatError:
    fits = listed.entry.role == "wrap" and len(listed.public) == PUBLIC_KEY_BYTES[suite]
    why = f"not in force in edition {directory.edition.number}" if fits else f"none to wrap to in suite {suite}"
    return FormatError(f"key `{recipient.key}` of recipient `{recipient.authority}` is {why}")


def check_wraps(bound: Sequence[tuple[int, Recipient, Wrap]]) -> None:
    """Return if every wrap is the one that the header binds for its recipient, by suite.

    Whose key it is made to is not looked at.

    Raises:
        FormatError: another length or digest.
    """
    sha256 = hashlib.sha256
    digests = encode_digests([sha256(wrap.w).digest() for _, _, wrap in bound])
    for (suite, recipient, wrap), digest in zip(bound, digests, strict=True):
        if len(wrap.w) != WRAP_BYTES[suite]:
            raise FormatError(f"the wrap for `{recipient.authority}` is not {WRAP_BYTES[suite]} bytes (suite {suite})")
        if recipient.wrap_sha256 != digest:
            raise FormatError(f"the wrap for `{recipient.authority}` is not the one that the header names")


def prune(raw: bytes, position: int) -> bytes:
    """Return the envelope `raw` (MessagePack) with the wrap at `position` and nobody else's."""
    envelope = decode_envelope(raw)
    return canonical.pack(Envelope(envelope.h, envelope.s, (envelope.r[position],), envelope.c))
