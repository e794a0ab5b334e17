"""What must hold inside one edition, whoever signed it.

Every list in its one order, every name and key once, every reference kept, every key strong and under its own
kid. An edition that breaks one of these would be read in two ways by two readers.
"""

from collections.abc import Mapping

from gateway.crypto import canonical
from gateway.crypto.digests import decode_base64url, encode_base64url, key_id
from gateway.crypto.edition_lists import in_one_order, names
from gateway.crypto.edition_references import check_references
from gateway.crypto.keys import check_public
from gateway.domain.directory import RELAY_REMEDY, Edition, KeyEntry, KeySet, ListedKey
from gateway.domain.errors import FormatError, TrustError

AUTHORITY_ROLES = frozenset({"message", "seal", "signatory", "consent", "acknowledgement", "wrap"})
WITNESS_ROLES = frozenset({"checkpoint"})
DIRECTORY_ROLES = frozenset({"directory"})
# Strings of canonical JSON hold no quote, so these bytes are there if, and only if, an endpoint is listed so.
_RELAY = b'"link":"relay"'


def decode_edition(raw: bytes) -> Edition:
    """Return the edition in `raw`, canonical JSON; nothing in it is checked yet.

    Raises:
        FormatError: it is no edition, or lists a relay link.
    """
    if _RELAY in raw:
        raise FormatError(f"the edition lists an endpoint as `relay`: relay links are not in use, {RELAY_REMEDY}")
    return canonical.decode(raw, Edition)


def check_edition(edition: Edition, known: Mapping[bytes, ListedKey]) -> dict[bytes, ListedKey]:
    """Return every key of every authority by its raw kid, once the edition is sound.

    Args:
        edition: decoded, its signatures verified.
        known: keys of an edition that was checked before; an unchanged key is not tried again.

    Raises:
        TrustError: what is wrong with it.
    """
    if in_one_order(edition) != edition:
        raise TrustError("a list of the edition is not in its one order, or says something twice")
    for what, listed_names in names(edition):
        if len(set(listed_names)) < len(listed_names):
            raise TrustError(f"the edition lists one of its {what} twice")
    check_references(edition)
    check_key_set(edition.key_set)
    keys: dict[bytes, ListedKey] = {}
    for authority in edition.authorities:
        for entry in authority.keys:
            kid = decode_base64url(entry.kid)
            listed = known.get(kid)
            tried = listed is not None and listed.entry.public == entry.public and listed.entry.role == entry.role
            public = _check_key(entry, AUTHORITY_ROLES, trial=not tried)
            keys[kid] = ListedKey(entry, authority, public)
    for witness in edition.witnesses:
        _check_key(witness, WITNESS_ROLES, trial=True)
    for gateway in edition.gateways:
        public = _checked_public("checkpoint", gateway.checkpoint_public)
        if encode_base64url(key_id("checkpoint", public)) != gateway.checkpoint_key:
            raise TrustError(f"checkpoint key of gateway `{gateway.origin}` has another kid than the edition says")
    return keys


def check_key_set(key_set: KeySet) -> None:
    """Return if a set of directory keys is sound: as many distinct strong keys as its threshold at least.

    Raises:
        TrustError: it is not.
    """
    for entry in key_set.keys:
        _check_key(entry, DIRECTORY_ROLES, trial=True)
    if len({entry.public for entry in key_set.keys}) != len(key_set.keys):
        raise TrustError("the key set lists a directory key twice")
    if key_set.threshold > len(key_set.keys):
        raise TrustError(f"{key_set.threshold} directory keys must sign, and only {len(key_set.keys)} are listed")


def _check_key(entry: KeyEntry, roles: frozenset[str], *, trial: bool) -> bytes:
    if entry.role not in roles:
        raise TrustError(f"key `{entry.kid}` has the role `{entry.role}`, which has no place there")
    if entry.not_before_ms >= entry.not_after_ms:
        raise TrustError(f"key `{entry.kid}` is never in force")
    if (entry.status == "compromised") != (entry.invalid_from_ms is not None):
        raise TrustError(f"key `{entry.kid}`: exactly a compromised key has an `invalid_from_ms`")
    public = _checked_public(entry.role, entry.public) if trial else decode_base64url(entry.public)
    if encode_base64url(key_id(entry.role, public)) != entry.kid:
        raise TrustError(f"`{entry.kid}` is not the kid of its key")
    return public


def _checked_public(role: str, text: str) -> bytes:
    try:
        public = decode_base64url(text)
        check_public(role, public)
    except FormatError:
        raise TrustError("a public key is not base64url in its one spelling") from None
    return public
