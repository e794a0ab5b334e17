"""Trust: from signed bytes to a `Directory`, or a `TrustError` and nothing taken over.

k of n directory keys sign an edition: of the pinned key set, or of the edition before. Changing the key set takes
k of the old and k of the new. Grants stand under the central node's own key, which is pinned outside
the directory: whoever keeps the directory can leave grants out, never set or raise one.
"""

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from gateway.crypto import canonical
from gateway.crypto.digests import decode_base64url, encode_base64url, pae, payload_type, sha256
from gateway.crypto.edition import check_edition, check_key_set, decode_edition
from gateway.crypto.edition_lists import in_one_order
from gateway.crypto.grants import check_grants_keys, verify_grants
from gateway.crypto.keys import SecretKey, sign, verify
from gateway.domain.directory import (
    EDITION_BYTES_MAX,
    Directory,
    Edition,
    Grants,
    KeyEntry,
    KeySet,
)
from gateway.domain.errors import FormatError, SignatureError, TrustError
from gateway.domain.message import CLOCK_AHEAD_MS_MAX, Signature
from gateway.domain.names import MediaType

# k of an old and k of a new key set, 16 each at most.
EDITION_SIGNATURES_MAX = 32
# Header and signatures around an edition that is as large as it may be.
SIGNED_EDITION_BYTES_MAX = EDITION_BYTES_MAX + 64 * 1024

_DIRECTORY = payload_type("directory")


class SignedEdition(Struct, frozen=True, forbid_unknown_fields=True):
    """An edition as it travels, unchecked: a statement with a bound of its own (ADR 0005)."""

    t: MediaType
    h: Annotated[bytes, Meta(min_length=2, max_length=EDITION_BYTES_MAX)]
    s: Annotated[tuple[Signature, ...], Meta(max_length=EDITION_SIGNATURES_MAX)]


_DECODER = msgspec.msgpack.Decoder(SignedEdition)


def sign_edition(edition: Edition, keys: Sequence[SecretKey]) -> bytes:
    """Return the edition (MessagePack), its lists in their one order, signed by each of `keys`; more may sign later.

    Raises:
        FormatError: a field breaks its bound.
        SignatureError: a key has not the role `directory`.
    """
    h = canonical.encode(in_one_order(edition))
    decode_edition(h)
    return canonical.pack(SignedEdition(_DIRECTORY, h, _sign_all(h, keys)))


def add_signatures(raw: bytes, keys: Sequence[SecretKey]) -> bytes:
    """Return the same edition with signatures of `keys` added: the k of n need not meet.

    Raises:
        FormatError: `raw` is no edition.
        SignatureError: a key has not the role `directory`.
    """
    signed = _decode(raw)
    kept = tuple(signature for signature in signed.s if signature.k not in {key.kid for key in keys})
    return canonical.pack(SignedEdition(signed.t, signed.h, (*kept, *_sign_all(signed.h, keys))))


def _sign_all(h: bytes, keys: Sequence[SecretKey]) -> tuple[Signature, ...]:
    if any(key.role != "directory" for key in keys):
        raise SignatureError("an edition is signed by keys of role `directory`")
    return tuple(Signature(key.kid, sign(key, pae(_DIRECTORY, h))) for key in keys)


def verify_edition(
    raw: bytes,
    *,
    network: str,
    pinned: KeySet,
    previous: Directory | None,
    grants_public: bytes | None,
    grants_number_min: int,
    at_ms: int,
) -> Directory:
    """Return the directory in `raw`, to be believed from now on.

    Args:
        raw: the signed edition.
        network: the federation.
        pinned: the directory keys from configuration; they count while there is no `previous`.
        previous: the edition in use. An older one never comes back; the very same one may come again.
        grants_public: the central node's pinned key; None leaves every grant out.
        grants_number_min: the highest number of grants ever seen; lower ones are refused.
        at_ms: now.

    Raises:
        TrustError: too few signatures, a key counted twice, older or another edition of one number, expired, another
            network, weak or doubled keys, loose references, or grants that the central node did not sign.
    """
    try:
        signed = _decode(raw)
        old_set = pinned if previous is None else previous.edition.key_set
        check_key_set(old_set)
        _check_threshold(signed, old_set, at_ms, "pinned" if previous is None else "present")
        edition = decode_edition(signed.h)
        # The first check has shown that the old keys agree to whatever the edition says, its new key set included.
        keys = check_edition(edition, {} if previous is None else previous.keys)
        if edition.key_set != old_set:
            _check_threshold(signed, edition.key_set, at_ms, "new")
        _check_signers(signed, (old_set, edition.key_set))
        digest = encode_base64url(sha256(signed.h))
        _check_succession(edition, digest, network, previous, at_ms)
        grants = _grants(edition, network, previous, grants_public, grants_number_min)
    except (FormatError, SignatureError) as error:
        raise TrustError(f"no directory edition to trust: {error}") from None
    return Directory(edition, digest, raw, keys, grants)


def _decode(raw: bytes) -> SignedEdition:
    signed = canonical.unpack(_DECODER, raw, SIGNED_EDITION_BYTES_MAX, "edition")
    if signed.t != _DIRECTORY or any(not signature.single for signature in signed.s):
        raise FormatError("statement is no directory edition")
    return signed


def _check_threshold(signed: SignedEdition, key_set: KeySet, at_ms: int, which: str) -> None:
    """Count the distinct keys of `key_set` that signed; every one that is named must have signed."""
    entries = {decode_base64url(entry.kid): entry for entry in key_set.keys}
    signers = set()
    for signature in signed.s:
        entry = entries.get(signature.k)
        if entry is None:
            continue
        if signature.k in signers:
            raise TrustError("one directory key has signed twice")
        signers.add(signature.k)
        if not _in_force(entry, at_ms):
            raise TrustError(f"directory key `{entry.kid}` is not in force")
        verify(decode_base64url(entry.public), signature.g, pae(_DIRECTORY, signed.h))
    if len(signers) < key_set.threshold:
        raise TrustError(f"{len(signers)} of the {which} directory keys signed, {key_set.threshold} must")


def _in_force(entry: KeyEntry, at_ms: int) -> bool:
    return entry.status == "active" and entry.not_before_ms <= at_ms < entry.not_after_ms


def _check_signers(signed: SignedEdition, key_sets: Sequence[KeySet]) -> None:
    kids = {decode_base64url(entry.kid) for key_set in key_sets for entry in key_set.keys}
    if not kids.issuperset(signature.k for signature in signed.s):
        raise TrustError("somebody signed who is no directory key")


def _check_succession(edition: Edition, digest: str, network: str, previous: Directory | None, at_ms: int) -> None:
    number = edition.number
    if edition.network != network:
        raise TrustError("directory edition is of another network")
    if edition.issued_at_ms > at_ms + CLOCK_AHEAD_MS_MAX:
        raise TrustError(f"directory edition {number} was issued in the future")
    if at_ms >= edition.not_after_ms:
        raise TrustError(f"directory edition {number} has expired")
    if (number == 1) != (edition.previous_sha256 is None):
        raise TrustError("exactly the first edition names no edition before it")
    if previous is None:
        return
    present = previous.edition.number
    if number < present:
        raise TrustError(f"directory edition {number} is older than {present}, which is in use")
    if number == present and digest != previous.sha256:
        raise TrustError(f"alarm: there are two editions of number {number}")
    if number == present + 1 and edition.previous_sha256 != previous.sha256:
        raise TrustError(f"alarm: edition {number} follows another edition {present} than the one in use")


def _grants(
    edition: Edition,
    network: str,
    previous: Directory | None,
    public: bytes | None,
    number_min: int,
) -> Grants | None:
    """What the central node granted, expired or not; nothing where it is absent or no key is pinned."""
    if edition.grants is None or public is None:
        return None
    grants = verify_grants(edition.grants, network=network, public=public, number_min=number_min)
    if previous is not None and previous.edition.grants is not None:
        check_grants_keys(previous.edition.grants, edition.grants)
    before = None if previous is None else previous.grants_document
    if before is not None and grants.number < before.number:
        raise TrustError(f"grants {grants.number} are older than {before.number}, which are in use")
    if before is not None and grants.number == before.number and grants != before:
        raise TrustError(f"alarm: there are two documents of grants of number {grants.number}")
    return grants
