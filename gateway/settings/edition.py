"""The edition that a `directory.toml` says: every reference resolved, every list in its one order."""

from collections.abc import Iterator
from datetime import UTC, date, datetime

from msgspec import structs

from gateway.crypto.digests import decode_base64url, encode_base64url, key_id
from gateway.domain.directory import (
    Adherence,
    Authority,
    Block,
    Consented,
    Edition,
    EndpointEntry,
    Exit,
    FocalPoint,
    GatewayEntry,
    KeyEntry,
    KeySet,
    LawEntry,
    Mandate,
    Party,
    Signatory,
    SignedGrants,
    Suspension,
)
from gateway.domain.errors import ConfigurationError
from gateway.domain.names import Role
from gateway.settings.directory import (
    AdherenceSource,
    AuthoritySource,
    DirectorySource,
    KeySource,
    PartySource,
    RevocationSource,
)

DAY_MS = 24 * 3_600_000
# A directory key is in force while the key set lists it: it has no dates of its own.
ALWAYS_MS = (0, 2**53 - 1)


def key_set_of(threshold: int, publics: tuple[str, ...]) -> KeySet:
    """Return the key set of these public directory keys (base64url)."""
    return KeySet(
        threshold=threshold,
        keys=tuple(
            sorted((_fixed_key("directory", public) for public in publics), key=lambda entry: entry.kid),
        ),
    )


def compile_edition(
    source: DirectorySource,
    law: tuple[LawEntry, ...],
    grants: SignedGrants | None,
    previous: tuple[int, str] | None,
    at_ms: int,
) -> Edition:
    """Return the edition that `source` says; `previous` is number and digest of the one before it.

    Raises:
        ConfigurationError: the source contradicts itself.
    """
    _check_references(source, law)
    number, digest = previous or (0, None)
    return Edition(
        v=1,
        network=source.federation.network,
        number=number + 1,
        previous_sha256=digest,
        issued_at_ms=at_ms,
        not_after_ms=at_ms + source.federation.valid_days * DAY_MS,
        key_set=key_set_of(source.key_set.threshold, source.key_set.keys),
        gateways=tuple(
            GatewayEntry(
                origin=entry.origin,
                checkpoint_key=_kid("checkpoint", entry.checkpoint_public),
                checkpoint_public=entry.checkpoint_public,
                spki_sha256=entry.spki_sha256,
            )
            for entry in sorted(source.gateways, key=lambda entry: entry.origin)
        ),
        witnesses=(),
        law=tuple(sorted(law, key=lambda entry: entry.agreement)),
        parties=tuple(_party(entry) for entry in sorted(source.parties, key=lambda entry: entry.id)),
        authorities=tuple(
            _authority(source, entry) for entry in sorted(source.authorities, key=lambda entry: entry.id)
        ),
        adherences=tuple(
            _adherence(entry) for entry in sorted(source.adherences, key=lambda entry: (entry.agreement, entry.party))
        ),
        channels=tuple(sorted(source.channels, key=lambda entry: (entry.agreement, entry.between))),
        grants=grants,
        signatories=tuple(
            Signatory(found.authority, found.key, found.office, found.agreement, tuple(sorted(found.towards)))
            for found in sorted(source.signatories, key=lambda found: (found.authority, found.key, found.office))
        ),
        blocks=tuple(_block(entry) for entry in sorted(source.blocks, key=lambda entry: (entry.party, entry.law))),
    )


def _block(entry: Block) -> Block:
    lists = ("directions", "kinds", "subjects", "purposes", "categories", "parties")
    return structs.replace(entry, **{name: tuple(sorted(getattr(entry, name))) for name in lists})


def _party(entry: PartySource) -> Party:
    point = entry.focal_point
    return Party(
        id=entry.id,
        kind=entry.kind,
        title=entry.title,
        focal_point=None if point is None else FocalPoint(office=point.office, expires_on=_day(point.expires_on)),
    )


def _authority(source: DirectorySource, entry: AuthoritySource) -> Authority:
    revocations = source.revocations
    keys = [_key(key, revocations) for key in source.keys if key.authority == entry.id]
    endpoints = [
        EndpointEntry(
            spki_sha256=endpoint.spki_sha256,
            link=endpoint.link,
            clearance=endpoint.clearance or entry.clearance,
            revoked=any(found.certificate == endpoint.spki_sha256 for found in revocations),
            security_profile=endpoint.security_profile,
            attested_on=_day(endpoint.attested_on),
        )
        for endpoint in source.endpoints
        if endpoint.authority == entry.id
    ]
    return Authority(
        id=entry.id,
        party=entry.party,
        title=entry.title,
        unit=entry.unit,
        mandate=Mandate(**{name: _sorted(codes) for name, codes in structs.asdict(entry.mandate).items()}),
        clearance=entry.clearance,
        suite_min=entry.suite_min,
        languages=entry.languages,
        keys=tuple(sorted(keys, key=lambda key: key.kid)),
        endpoints=tuple(sorted(endpoints, key=lambda endpoint: endpoint.spki_sha256)),
        revoked=any(found.authority == entry.id for found in revocations),
        entity=entry.entity,
    )


def _key(key: KeySource, revocations: tuple[RevocationSource, ...]) -> KeyEntry:
    revoked = next((found for found in revocations if found.key == key.kid), None)
    invalid_from = revoked and (revoked.invalid_from or key.not_before)
    compromised = revoked is not None and revoked.status == "compromised"
    return KeyEntry(
        kid=key.kid,
        role=key.role,
        public=key.public,
        not_before_ms=_ms(key.not_before),
        not_after_ms=_ms(key.not_after),
        status=revoked.status if revoked else "active",
        invalid_from_ms=_ms(invalid_from) if invalid_from and compromised else None,
    )


def _adherence(entry: AdherenceSource) -> Adherence:
    return Adherence(
        agreement=entry.agreement,
        party=entry.party,
        signed_on=_day(entry.signed_on),
        notified_on=_day(entry.notified_on),
        in_force_on=_day(entry.in_force_on),
        suspensions=tuple(
            Suspension(
                delivered_on=found.delivered_on.isoformat(),
                revocation_delivered_on=_day(found.revocation_delivered_on),
                kinds=tuple(sorted(found.kinds)),
                subjects=tuple(sorted(found.subjects)),
            )
            for found in entry.suspensions
        ),
        exit=None
        if entry.exit is None
        else Exit(received_on=entry.exit.received_on.isoformat(), chosen_on=_day(entry.exit.chosen_on)),
        reservations=tuple(sorted(entry.reservations)),
        accepted=tuple(sorted(entry.accepted)),
        pending=entry.pending,
        consented=tuple(
            Consented(found.party, found.received_on.isoformat())
            for found in sorted(entry.consented, key=lambda found: found.party)
        ),
    )


def _check_references(source: DirectorySource, law: tuple[LawEntry, ...]) -> None:
    parties = {entry.id for entry in source.parties}
    authorities = {entry.id for entry in source.authorities}
    agreements = {entry.agreement for entry in law}
    known = {"party": parties, "authority": authorities, "agreement": agreements}
    for place, word, name in _named(source):
        if name not in known[word]:
            raise ConfigurationError(
                f"directory.toml: `{place}`: there is no {word} `{name}`", f"known: {', '.join(sorted(known[word]))}"
            )
    _refuse_doubles(source)
    _refuse_strays(source)


def _named(source: DirectorySource) -> Iterator[tuple[str, str, str]]:
    """Yield every place that names a party, an authority or an agreement, which of the three, and the name."""
    tables = ("authorities", "keys", "endpoints", "adherences", "channels", "revocations", "signatories", "blocks")
    for table in tables:
        for number, entry in enumerate(getattr(source, table)):
            for word in ("party", "authority", "agreement"):
                name = getattr(entry, word, None)
                if name is not None:
                    yield f"{table}[{number}].{word}", word, name
    for number, adherence in enumerate(source.adherences):
        for place, each in enumerate(adherence.consented):
            yield f"adherences[{number}].consented[{place}].party", "party", each.party
    for number, signatory in enumerate(source.signatories):
        yield from ((f"signatories[{number}].towards", "authority", name) for name in signatory.towards)
    for number, block in enumerate(source.blocks):
        yield from ((f"blocks[{number}].parties", "party", name) for name in block.parties)


def _refuse_doubles(source: DirectorySource) -> None:
    names = {
        "parties": [entry.id for entry in source.parties],
        "authorities": [entry.id for entry in source.authorities],
        "adherences": [f"{entry.agreement}/{entry.party}" for entry in source.adherences],
        "keys": [entry.public for entry in source.keys] + list(source.key_set.keys),
        "endpoints": [entry.spki_sha256 for entry in source.endpoints],
        "gateways": [entry.origin for entry in source.gateways],
    }
    for table, entries in names.items():
        double = next((name for name in entries if entries.count(name) > 1), None)
        if double is not None:
            raise ConfigurationError(f"directory.toml: `{table}` lists `{double}` twice", "take one of the two out")


def _refuse_strays(source: DirectorySource) -> None:
    kids = {entry.kid for entry in source.keys}
    certificates = {entry.spki_sha256 for entry in source.endpoints}
    for number, entry in enumerate(source.revocations):
        named = [entry.key, entry.certificate, entry.authority]
        if sum(name is not None for name in named) != 1:
            raise ConfigurationError(
                f"directory.toml: `revocations[{number}]` must name one of `key`, `certificate`, `authority`",
                "write one table for each thing to revoke",
            )
        stray_key = entry.key is not None and entry.key not in kids
        stray_certificate = entry.certificate is not None and entry.certificate not in certificates
        if stray_key or stray_certificate:
            raise ConfigurationError(
                f"directory.toml: `revocations[{number}]` names a key or certificate that is not listed",
                "copy the id from `accord directory show`; keep the [[keys]] table itself",
            )
    signatories = {(entry.authority, entry.kid) for entry in source.keys if entry.role == "signatory"}
    for number, found in enumerate(source.signatories):
        if (found.authority, found.key) not in signatories:
            raise ConfigurationError(
                f"directory.toml: `signatories[{number}].key` is no key of role `signatory` of `{found.authority}`",
                "add the key with `accord directory add` first",
            )
    for number, key in enumerate(source.keys):
        if key.kid != _kid(key.role, key.public):
            raise ConfigurationError(
                f"directory.toml: `keys[{number}].kid` is not the id of its public key",
                "run `accord directory add` with the authority's request again",
            )


def _fixed_key(role: Role, public: str) -> KeyEntry:
    return KeyEntry(
        kid=_kid(role, public),
        role=role,
        public=public,
        not_before_ms=ALWAYS_MS[0],
        not_after_ms=ALWAYS_MS[1],
        status="active",
        invalid_from_ms=None,
    )


def _kid(role: str, public: str) -> str:
    return encode_base64url(key_id(role, decode_base64url(public)))


def _sorted(codes: tuple[str, ...] | None) -> tuple[str, ...] | None:
    return None if codes is None else tuple(sorted(codes))


def _day(day: date | None) -> str | None:
    return None if day is None else day.isoformat()


def _ms(moment: datetime) -> int:
    # A time without a zone is read as UTC, like every calendar day here (ADR 0004).
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
