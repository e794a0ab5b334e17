"""A small federation for tests: five authorities with real keys, and a directory that two of three keys signed."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

from msgspec.structs import replace

from gateway.crypto.digests import encode_base64url, sha256
from gateway.crypto.keys import SecretKey, generate
from gateway.crypto.sealing import Draft, RecipientKey, message_id, recipient_key, seal
from gateway.crypto.trust import sign_edition, verify_edition
from gateway.domain.directory import (
    Authority,
    Directory,
    Edition,
    EndpointEntry,
    GatewayEntry,
    KeyEntry,
    KeySet,
    LawEntry,
    Mandate,
    Party,
)
from gateway.domain.label import Label
from gateway.domain.names import Role

NETWORK = "test-federation"
ORIGIN = "gateway.test/ledger"
AT_MS = 1_790_000_000_000
DAY_MS = 86_400_000
ALWAYS_MS = (AT_MS - 365 * DAY_MS, AT_MS + 365 * DAY_MS)
ROLES = ("message", "seal", "signatory", "consent", "acknowledgement", "wrap")
LABEL = Label("restricted", (), "consent-required", True, (), None, False)


@dataclass(frozen=True)
class Member:
    """One authority and its private keys: one a role, and a second wrap key of suite 1."""

    id: str
    keys: dict[str, SecretKey]
    classic: SecretKey

    def wrap_keys(self) -> tuple[SecretKey, SecretKey]:
        """Every key that a message may be wrapped to."""
        return self.keys["wrap"], self.classic


def member(authority: str) -> Member:
    """Return an authority with fresh keys."""
    return Member(authority, {role: generate(role) for role in ROLES}, generate("wrap", 1))


def entry(key: SecretKey, **changes: Any) -> KeyEntry:
    """Return the listing of a key that is in force for a year before and after `AT_MS`."""
    role: Role = next(role for role in get_args(Role) if role == key.role)
    listed = KeyEntry(
        encode_base64url(key.kid), role, encode_base64url(key.public), ALWAYS_MS[0], ALWAYS_MS[1], "active", None
    )
    return replace(listed, **changes)


def authority(of: Member, *, suite_min: Literal[1, 2] = 1, party: str = "CZ", **changes: Any) -> Authority:
    """Return the listing of a member."""
    listed = Authority(
        id=of.id,
        party=party,
        title=f"Authority {of.id}",
        unit="core",
        mandate=Mandate(None, None, None),
        clearance="secret",
        suite_min=suite_min,
        languages=("en",),
        keys=tuple(entry(key) for key in (*of.keys.values(), of.classic)),
        endpoints=(EndpointEntry(encode_base64url(sha256(of.id.encode())), "endpoint", "secret", False),),
        revoked=False,
    )
    return replace(listed, **changes)


CZ, KZ, AM, MD, STRICT = (member(name) for name in ("cz-police", "kz-mvd", "am-police", "md-police", "strict"))
DIRECTORY_KEYS = tuple(generate("directory") for _ in range(3))
CHECKPOINT_KEY = generate("checkpoint")
GRANTS_KEY = generate("grants")
KEY_SET = KeySet(2, tuple(sorted((entry(key) for key in DIRECTORY_KEYS), key=lambda listed: listed.kid)))


def edition(**changes: Any) -> Edition:
    """Return the first edition, changed."""
    first = Edition(
        v=1,
        network=NETWORK,
        number=1,
        previous_sha256=None,
        issued_at_ms=AT_MS - DAY_MS,
        not_after_ms=AT_MS + 90 * DAY_MS,
        key_set=KEY_SET,
        gateways=(
            GatewayEntry(
                ORIGIN,
                encode_base64url(CHECKPOINT_KEY.kid),
                encode_base64url(CHECKPOINT_KEY.public),
                encode_base64url(sha256(b"gateway")),
            ),
        ),
        witnesses=(),
        law=(LawEntry("cz-kz", encode_base64url(sha256(b"law"))),),
        parties=tuple(Party(name, "state", f"State {name}", None) for name in ("CZ", "KZ")),
        authorities=(
            authority(CZ),
            authority(KZ, party="KZ"),
            authority(AM),
            authority(MD),
            authority(STRICT, suite_min=2),
        ),
        adherences=(),
        channels=(),
        grants=None,
    )
    return replace(first, **changes)


def verified(raw: bytes, previous: Directory | None = None, **changes: Any) -> Directory:
    """Verify a signed edition as a gateway does that pins the key set and the grants key."""
    settings: dict[str, Any] = {
        "network": NETWORK,
        "pinned": KEY_SET,
        "previous": previous,
        "grants_public": GRANTS_KEY.public,
        "grants_number_min": 0,
        "at_ms": AT_MS,
    }
    return verify_edition(raw, **(settings | changes))


def trusted(
    listed: Edition, keys: tuple[SecretKey, ...] = DIRECTORY_KEYS[:2], previous: Directory | None = None
) -> Directory:
    """Return the directory of an edition that `keys` sign."""
    return verified(sign_edition(listed, keys), previous)


DIRECTORY = trusted(edition())


def with_authority(changed: Authority) -> Directory:
    """Return a directory in which one authority is listed otherwise."""
    others = tuple(listed for listed in edition().authorities if listed.id != changed.id)
    return trusted(edition(authorities=(*others, changed)))


def with_key(of: Member, key: SecretKey, **changes: Any) -> Directory:
    """Return a directory in which one key of a member is listed otherwise."""
    listed = authority(of)
    keys = tuple(replace(each, **changes) if each.kid == encode_base64url(key.kid) else each for each in listed.keys)
    return with_authority(replace(listed, keys=keys))


def draft(**changes: Any) -> Draft:
    """Return what an originator would choose for a request from CZ at `AT_MS`."""
    sent_at_ms = changes.pop("sent_at_ms", AT_MS)
    chosen = Draft(
        network=NETWORK,
        suite=2,
        id=message_id(sent_at_ms),
        originator=CZ.id,
        kind="request",
        agreement="cz-kz",
        purposes=("detection",),
        subjects=("drug-trafficking",),
        label=LABEL,
        urgency="routine",
        sent_at_ms=sent_at_ms,
        expires_at_ms=sent_at_ms + DAY_MS,
        language="en",
        form={"reply-requested": True, "signer-role": "head"},
    )
    return replace(chosen, **changes)


def to(*members: Member, suite: int = 2) -> tuple[RecipientKey, ...]:
    """Return the recipients of a message, with the keys that the directory lists."""
    return tuple(recipient_key(DIRECTORY, each.id, suite, AT_MS) for each in members)


def envelope(plaintext: bytes = b"content", signers: tuple[str, ...] = ("message",), **changes: Any) -> bytes:
    """Return a sealed request from CZ to KZ."""
    suite = changes.get("suite", 2)
    return seal(draft(**changes), plaintext, to(KZ, suite=suite), [CZ.keys[role] for role in signers])
