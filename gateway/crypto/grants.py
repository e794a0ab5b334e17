"""Grants: what the central node alone gives, under its own key, which is pinned outside the directory (CA-12).

The pinned key is followed by another only under its own signature: each succession names the next key and is signed by
the one before (wire.md, "Directory and grants"). So whoever pinned the first key follows, and nobody else can swap it.
"""

import msgspec

from gateway.crypto import canonical
from gateway.crypto.digests import decode_base64url, encode_base64url, key_id, pae, payload_type
from gateway.crypto.keys import SecretKey, check_public, sign, verify
from gateway.domain.directory import Grants, GrantsKey, GrantsSuccession, SignedGrants
from gateway.domain.errors import FormatError, SignatureError, TrustError

_GRANTS = payload_type("grants")
_KEY = payload_type("grants-key")


def sign_grants(grants: Grants, key: SecretKey, successions: tuple[GrantsSuccession, ...] = ()) -> SignedGrants:
    """Return grants as a directory carries them, sorted, under the central node's key.

    `successions` lead from the key that was pinned to `key`, oldest first.

    Raises:
        FormatError: a field breaks its bound, or an authority has two grants on one database.
        SignatureError: the key has not the role `grants`, or is not the last of the successions.
    """
    if key.role != "grants":
        raise SignatureError("grants are signed by a key of role `grants`")
    if successions and decode_base64url(successions[-1].public) != key.public:
        raise SignatureError("the key is not the one that the last succession names")
    ordered = sorted(grants.grants, key=lambda grant: (grant.authority, grant.database))
    each = tuple(msgspec.structs.replace(grant, purposes=tuple(sorted(set(grant.purposes)))) for grant in ordered)
    h = canonical.encode(msgspec.structs.replace(grants, grants=each))
    _check_grants(canonical.decode(h, Grants))
    signature = sign(key, pae(_GRANTS, h))
    return SignedGrants(encode_base64url(h), encode_base64url(key.kid), encode_base64url(signature), successions)


def succeed(network: str, public: bytes, old: SecretKey) -> GrantsSuccession:
    """Return the word of the `old` key that `public` is the grants key after it.

    Raises:
        TrustError: the new key is weak.
        SignatureError: the old key has not the role `grants`, or is the same.
    """
    if old.role != "grants" or old.public == public:
        raise SignatureError("a grants key is followed by another one, under its own signature")
    check_public("grants", public)
    text = encode_base64url(public)
    return GrantsSuccession(text, encode_base64url(sign(old, _succession(network, text))))


def verify_grants(signed: SignedGrants, *, network: str, public: bytes, number_min: int) -> Grants:
    """Return the grants that the holder of the pinned key, or of its successor, signed; expired or not.

    Raises:
        TrustError: another key, another network, a lower number than `number_min`, or no grants.
    """
    try:
        current = _current_key(signed, network, public)
        if signed.k != encode_base64url(key_id("grants", current)):
            raise TrustError("grants are signed by another key than the one pinned for the central node")
        h = decode_base64url(signed.h)
        verify(current, decode_base64url(signed.g), pae(_GRANTS, h))
        grants = canonical.decode(h, Grants)
        _check_grants(grants)
    except (FormatError, SignatureError) as error:
        raise TrustError(f"grants: {error}") from None
    if grants.network != network:
        raise TrustError("grants are of another network")
    if grants.number < number_min:
        raise TrustError(f"grants {grants.number} are older than {number_min}, which were seen")
    return grants


def check_grants_keys(before: SignedGrants, after: SignedGrants) -> None:
    """Return if every succession that was seen is still there: a key that was followed never comes back.

    Raises:
        TrustError: one is missing, or another stands in its place.
    """
    seen = [each.public for each in before.successions]
    if [each.public for each in after.successions[: len(seen)]] != seen:
        raise TrustError("grants: a key of the central node that was followed by another came back")


def _current_key(signed: SignedGrants, network: str, pinned: bytes) -> bytes:
    """Follow the successions from the pinned key; one that was pinned later stands further along the way."""
    publics = [decode_base64url(each.public) for each in signed.successions]
    start = publics.index(pinned) + 1 if pinned in publics else 0
    current = pinned
    for each, public in zip(signed.successions[start:], publics[start:], strict=True):
        verify(current, decode_base64url(each.g), _succession(network, each.public))
        check_public("grants", public)
        current = public
    return current


def _succession(network: str, public: str) -> bytes:
    return pae(_KEY, canonical.encode(GrantsKey(1, network, public)))


def _check_grants(grants: Grants) -> None:
    names = [f"{grant.authority} {grant.database}" for grant in grants.grants]
    if names != sorted(set(names)) or not all(canonical.in_order(grant.purposes) for grant in grants.grants):
        raise FormatError("grants are not in their one order, or one is there twice")
    if any(grant.expires_at_ms > grants.not_after_ms for grant in grants.grants):
        raise FormatError("a grant outlives the document it stands in")
