"""A small federation for the tests of the central node, and headers as its endpoint would hand them over."""

import hashlib
from collections.abc import Iterator

from gateway.central.documents import DATABASE, LookupKey
from gateway.central.requests import Arrived
from gateway.crypto.digests import encode_base64url
from gateway.domain.directory import Authority, Directory, Edition, Grant, Grants, KeySet, Mandate, Party
from gateway.domain.label import Label
from gateway.domain.message import Body, Header, Recipient

NOW = 1_780_000_000_000
NETWORK = "test-federation"
CENTRAL = "interpol-gs"
PARTIES = {
    "cz-police": "CZ",
    "cz-border": "CZ",
    "kz-mvd": "KZ",
    "am-police": "AM",
    "caricc": "CARICC",
    CENTRAL: "INTERPOL",
}
KEY = LookupKey(bytes(range(32)))
DAY_MS = 24 * 3_600_000
LABEL = Label(
    level="restricted",
    handling=(),
    third_party="permitted",
    personal_data=True,
    special_categories=(),
    necessity=None,
    confidential_fact=False,
)
NOBODY = encode_base64url(bytes(32))


def make_ids() -> Iterator[str]:
    """Yield well-formed UUIDv7 ids of the moment `NOW`, each once."""
    for number in range(1, 1 << 48):
        yield f"{NOW >> 16:08x}-{NOW & 0xFFFF:04x}-7000-8000-{number:012x}"


_IDS = make_ids()


def next_id(_at_ms: int) -> str:
    """Return an id that was never given before."""
    return next(_IDS)


def header(originator: str, kind: str, **changed: object) -> Header:
    """Return a header to the central node; `changed` fields differ from the usual ones."""
    usual: dict[str, object] = {
        "v": 1,
        "network": NETWORK,
        "suite": 2,
        "id": next_id(NOW),
        "signers": (encode_base64url(bytes(16)),),
        "originator": originator,
        "recipients": (Recipient(CENTRAL, encode_base64url(bytes(16)), NOBODY),),
        "kind": kind,
        "agreement": "interpol-membership",
        "purposes": ("border-control",),
        "subjects": (),
        "label": LABEL,
        "urgency": "urgent",
        "sent_at_ms": NOW,
        "expires_at_ms": NOW + DAY_MS,
        "destroy_by_ms": None,
        "case": None,
        "in_reply_to": None,
        "sources": (),
        "consents": (),
        "conditions": (),
        "database": DATABASE if kind == "query" else None,
        "language": None,
        "form": {},
        "key_commitment": NOBODY,
        "body": Body(sha256=NOBODY, length=64, media_type="application/json", schema=None),
    }
    return Header(**{**usual, **changed})  # type: ignore[arg-type]  # Fields are named by the tests.


def arrived(originator: str, kind: str, plaintext: bytes, **changed: object) -> Arrived:
    """Return a message as the endpoint hands it to the node."""
    head = header(originator, kind, **changed)
    return Arrived(head, encode_base64url(hashlib.sha256(head.id.encode()).digest()), plaintext)


def directory(granted: tuple[str, ...] = ("cz-police", "am-police", "caricc"), **grant: object) -> Directory:
    """Return a directory in which `granted` authorities may search travel documents."""
    usual: dict[str, object] = {
        "database": DATABASE,
        "level": "restricted",
        "purposes": ("border-control",),
        "expires_at_ms": NOW + DAY_MS,
        **grant,
    }
    grants = Grants(
        v=1,
        network=NETWORK,
        number=1,
        issuer=CENTRAL,
        issued_at_ms=NOW,
        not_after_ms=NOW + DAY_MS,
        grants=tuple(Grant(authority=name, **usual) for name in granted),  # type: ignore[arg-type]  # As above.
    )
    edition = Edition(
        v=1,
        network=NETWORK,
        number=1,
        previous_sha256=None,
        issued_at_ms=NOW,
        not_after_ms=NOW + DAY_MS,
        key_set=KeySet(1, ()),
        gateways=(),
        witnesses=(),
        law=(),
        parties=tuple(Party(name, "state", name, None) for name in sorted(set(PARTIES.values()))),
        authorities=tuple(_authority(name, party) for name, party in sorted(PARTIES.items())),
        adherences=(),
        channels=(),
        grants=None,
    )
    return Directory(edition, NOBODY, b"", {}, grants)


def _authority(name: str, party: str) -> Authority:
    return Authority(
        id=name,
        party=party,
        title=name,
        unit="core",
        mandate=Mandate(None, None, None),
        clearance="confidential",
        suite_min=2,
        languages=(),
        keys=(),
        endpoints=(),
        revoked=False,
    )
