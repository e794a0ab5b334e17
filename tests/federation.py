"""A federation in memory, for tests and benchmarks: real keys, a real signed edition, the real law.

Nothing here is fixed: keys are made at run time. Czech and Kazakh authorities are bound by the
Czech-Kazakh agreement, the organisations by theirs, so that a plain request passes the real judge.
"""

import time
from collections.abc import Iterable
from pathlib import Path

from msgspec.structs import replace

from gateway.crypto.digests import encode_base64url
from gateway.crypto.keys import SecretKey, generate
from gateway.crypto.sealing import Draft, message_id, recipient_key, seal
from gateway.crypto.trust import sign_edition, verify_edition
from gateway.domain.directory import (
    Adherence,
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
    Signatory,
)
from gateway.domain.label import Label, Level
from gateway.domain.names import Role
from gateway.policy.agreements import Law, read_law

ROOT = Path(__file__).resolve().parent.parent
NETWORK = "accord-test"
ORIGIN = "gateway.accord-test.example"
DAY_MS = 24 * 3_600_000
OPEN_MANDATE = Mandate(purposes=None, subjects=None, kinds=None)
PLAIN = Label(
    level="restricted",
    handling=(),
    third_party="consent-required",
    personal_data=False,
    special_categories=(),
    necessity=None,
    confidential_fact=False,
)
PARTIES = (
    Party(id="CARICC", kind="regional", title="CARICC", focal_point=None),
    Party(id="CZ", kind="state", title="Czech Republic", focal_point=None),
    Party(id="INTERPOL", kind="global", title="INTERPOL", focal_point=None),
    Party(id="KZ", kind="state", title="Republic of Kazakhstan", focal_point=None),
)


def now_ms() -> int:
    """Return the wall clock in milliseconds."""
    return time.time_ns() // 1_000_000


def real_law() -> Law:
    """Return the law that the repository ships."""
    folder = ROOT / "config" / "agreements"
    return read_law({path.name: path.read_bytes() for path in sorted(folder.glob("*.toml"))})


def listed(key: SecretKey, at_ms: int) -> KeyEntry:
    """Return a key as an edition lists it, valid around `at_ms`."""
    return KeyEntry(
        kid=encode_base64url(key.kid),
        role=_role(key.role),
        public=encode_base64url(key.public),
        not_before_ms=at_ms - DAY_MS,
        not_after_ms=at_ms + 365 * DAY_MS,
        status="active",
        invalid_from_ms=None,
    )


def _role(role: str) -> Role:
    roles: tuple[Role, ...] = ("message", "seal", "signatory", "consent", "acknowledgement", "wrap")
    return next((each for each in roles if each == role), "directory")


class Member:
    """An authority with its private keys."""

    def __init__(self, name: str, party: str, clearance: Level = "secret", spki: tuple[str, ...] = ()) -> None:
        """Make fresh keys of every role; `spki` are the certificate digests of its endpoints."""
        self.name = name
        self.party = party
        self.clearance = clearance
        self.spki = spki
        roles = ("message", "seal", "signatory", "consent", "acknowledgement", "wrap")
        self.keys = {role: generate(role) for role in roles}

    def authority(self, at_ms: int) -> Authority:
        """Return the member as an edition lists it."""
        return Authority(
            id=self.name,
            party=self.party,
            title=self.name,
            unit="core",
            mandate=OPEN_MANDATE,
            clearance=self.clearance,
            suite_min=2,
            languages=("en",),
            keys=tuple(sorted((listed(key, at_ms) for key in self.keys.values()), key=lambda entry: entry.kid)),
            endpoints=tuple(
                EndpointEntry(spki_sha256=spki, link="endpoint", clearance=self.clearance, revoked=False)
                for spki in sorted(self.spki)
            ),
            revoked=False,
        )


class Federation:
    """Members, directory keys, a gateway key, and the editions made of them."""

    def __init__(self, members: Iterable[Member], gateway_spki_sha256: str = "A" * 43) -> None:
        """Make directory keys (2 of 3) and a checkpoint key."""
        self.members = {member.name: member for member in members}
        self.directory_keys = [generate("directory") for _ in range(3)]
        self.checkpoint_key = generate("checkpoint")
        self.law = real_law()
        self.at_ms = now_ms()
        self._gateway_spki = gateway_spki_sha256
        self.key_set = KeySet(
            threshold=2,
            keys=tuple(sorted((listed(key, self.at_ms) for key in self.directory_keys), key=lambda key: key.kid)),
        )

    def edition(self, number: int = 1, previous_sha256: str | None = None) -> Edition:
        """Return an unsigned edition with every member in it."""
        return Edition(
            v=1,
            network=NETWORK,
            number=number,
            previous_sha256=previous_sha256,
            issued_at_ms=self.at_ms,
            not_after_ms=self.at_ms + 30 * DAY_MS,
            key_set=self.key_set,
            gateways=(
                GatewayEntry(
                    origin=ORIGIN,
                    checkpoint_key=encode_base64url(self.checkpoint_key.kid),
                    checkpoint_public=encode_base64url(self.checkpoint_key.public),
                    spki_sha256=self._gateway_spki,
                ),
            ),
            witnesses=(),
            law=tuple(LawEntry(agreement=name, sha256=self.law.digests[name]) for name in sorted(self.law.agreements)),
            parties=PARTIES,
            authorities=tuple(member.authority(self.at_ms) for _, member in sorted(self.members.items())),
            adherences=tuple(_adherence(agreement, party) for agreement, party in _BOUND),
            channels=(),
            grants=None,
            signatories=tuple(
                Signatory(name, encode_base64url(member.keys["signatory"].kid), "head", None, ())
                for name, member in sorted(self.members.items())
            ),
        )

    def sign(self, edition: Edition) -> bytes:
        """Return the edition under two of the three directory keys."""
        return sign_edition(edition, self.directory_keys[:2])

    def directory(self, edition: Edition | None = None, previous: Directory | None = None) -> Directory:
        """Return a verified directory, of the first edition unless another is given."""
        return verify_edition(
            self.sign(edition or self.edition()),
            network=NETWORK,
            pinned=self.key_set,
            previous=previous,
            grants_public=None,
            grants_number_min=0,
            at_ms=self.at_ms,
        )

    def draft(self, originator: str, **changes: object) -> Draft:
        """Return a request that the Czech-Kazakh agreement permits, with `changes`."""
        sent_at_ms = now_ms()
        draft = Draft(
            network=NETWORK,
            suite=2,
            id=message_id(sent_at_ms),
            originator=originator,
            kind="request",
            agreement="cz-kz",
            purposes=("detection",),
            subjects=("motor-vehicles",),
            label=PLAIN,
            urgency="routine",
            sent_at_ms=sent_at_ms,
            expires_at_ms=sent_at_ms + 3 * DAY_MS,
            language="en",
        )
        return replace(draft, **changes)

    def seal(self, draft: Draft, recipients: Iterable[str], plaintext: bytes, directory: Directory) -> bytes:
        """Return the envelope of `draft`, signed by its originator's message key."""
        keys = [recipient_key(directory, name, draft.suite, now_ms()) for name in recipients]
        return seal(draft, plaintext, keys, [self.members[draft.originator].keys["message"]])


_BOUND = (
    ("caricc-2012", "CARICC"),
    ("caricc-2012", "INTERPOL"),
    ("cz-kz", "CZ"),
    ("cz-kz", "KZ"),
)


def _adherence(agreement: str, party: str) -> Adherence:
    return Adherence(
        agreement=agreement,
        party=party,
        signed_on="2019-09-10",
        notified_on="2020-02-20",
        in_force_on="2020-05-01",
        suspensions=(),
        exit=None,
        reservations=(),
        accepted=(),
    )
