"""The directory and the law that a policy test is judged by: a federation, and what is different in one case.

Names of the file's own stand for keys and certificates; from here on they are digests of those names, so that what
is judged has the shape of the real thing.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import Any

from msgspec import structs

from gateway.crypto.digests import decode_base64url, encode_base64url, key_id, sha256
from gateway.domain.agreement import Agreement, Amendment
from gateway.domain.clause import Renewal
from gateway.domain.directory import Block, Directory, Edition, Grant, Grants, LawEntry, ListedKey
from gateway.domain.errors import ConfigurationError
from gateway.domain.names import Role
from gateway.policy.agreements import Law
from gateway.settings.directory import (
    DirectorySource,
    EndpointSource,
    KeySetSource,
    KeySource,
    LawSource,
    RevocationSource,
    SignatorySource,
)
from gateway.settings.directory import Federation as Network
from gateway.settings.edition import compile_edition
from gateway.settings.policy_tests import Changes, Federation, LawChange, NamedSignatory

NETWORK = "policy-tests"
YEAR_MS = 366 * 86_400_000
FROM, UNTIL = datetime(1990, 1, 1, tzinfo=UTC), datetime(2190, 1, 1, tzinfo=UTC)
# By what an entry of each table is told from the others.
KEYS: dict[str, Callable[[Any], str]] = {
    "parties": lambda entry: str(entry.id),
    "authorities": lambda entry: str(entry.id),
    "adherences": lambda entry: f"{entry.agreement}/{entry.party}",
    "channels": lambda entry: f"{entry.agreement}/{'/'.join(sorted(entry.between))}",
    "endpoints": lambda entry: str(entry.name),
    "signatories": lambda entry: f"{entry.name}/{entry.office}",
    "blocks": lambda entry: f"{entry.party}/{entry.law}",
    "grants": lambda entry: f"{entry.authority}/{entry.database}",
    "revocations": lambda entry: str(entry.authority),
}


def digest_of(name: str) -> str:
    """Return the digest that a name of the file stands for."""
    return encode_base64url(sha256(name.encode()))


def public_of(authority: str, name: str) -> str:
    """Return what stands for a public key of `authority` that a file calls `name`."""
    return digest_of(f"key {name} of {authority}")


def kid_of(authority: str, name: str, role: Role) -> str:
    """Return the id of that key."""
    return encode_base64url(key_id(role, decode_base64url(public_of(authority, name))))


def start_ms(day: date) -> int:
    """Return the first millisecond of a day, UTC."""
    return int(datetime.combine(day, time(), UTC).timestamp() * 1000)


def changed(base: Federation, changes: Changes) -> Federation:
    """Return the federation of one case.

    Raises:
        ConfigurationError: `without` names nothing that is there.
    """
    tables: dict[str, tuple[Any, ...]] = {}
    left_out = set(changes.without)
    for table, key in KEYS.items():
        entries = {key(entry): entry for entry in (*getattr(base, table), *getattr(changes, table))}
        gone = {name for name in entries if f"{table}/{name}" in left_out}
        left_out -= {f"{table}/{name}" for name in gone}
        tables[table] = tuple(entry for name, entry in entries.items() if name not in gone)
    if left_out:
        known = ", ".join(f"{table}/{key(entry)}" for table, key in KEYS.items() for entry in getattr(base, table))
        raise ConfigurationError(f"directory.without: there is no `{min(left_out)}`", f"known: {known}")
    return Federation(**tables)


def directory_of(
    federation: Federation,
    changes: Changes,
    law: Law,
    signing: tuple[tuple[str, str, Role], ...],
    signatories: tuple[NamedSignatory, ...],
    at_ms: int,
) -> Directory:
    """Return the edition that a case is judged by.

    Args:
        federation: of the case.
        changes: for the days on which edition and grants end.
        law: whose digests the edition lists.
        signing: authority, name and role of the keys that sign in this case.
        signatories: that are listed beside those of the federation.
        at_ms: the moment of judging.

    Raises:
        ConfigurationError: a table names what is not there.
    """
    # Of an originator that is on no list nothing is listed, its keys neither.
    known = {each.id for each in federation.authorities}
    listed = (*federation.signatories, *(each for each in signatories if each.authority in known))
    keys = {each for each in signing if each[0] in known}
    keys |= {(each.authority, each.name, "signatory") for each in listed}
    source = _source(federation, listed, keys)
    edition = compile_edition(source, tuple(LawEntry(*each) for each in law.digests.items()), None, None, at_ms - 1)
    ends_ms = at_ms + YEAR_MS if changes.expires_on is None else start_ms(changes.expires_on)
    edition = structs.replace(edition, not_after_ms=ends_ms)
    grants_end_ms = at_ms + YEAR_MS if changes.grants_expire_on is None else start_ms(changes.grants_expire_on)
    grants = _grants(federation, grants_end_ms) if federation.grants else None
    return Directory(edition, digest_of("edition"), b"", _listed_keys(edition), grants)


def _source(
    federation: Federation, listed: tuple[NamedSignatory, ...], keys: set[tuple[str, str, Any]]
) -> DirectorySource:
    return DirectorySource(
        federation=Network(NETWORK),
        key_set=KeySetSource(1, (digest_of("directory key"),)),
        law=LawSource(""),
        parties=federation.parties,
        authorities=federation.authorities,
        adherences=federation.adherences,
        channels=federation.channels,
        keys=tuple(
            KeySource(authority, kid_of(authority, name, role), role, public_of(authority, name), FROM, UNTIL)
            for authority, name, role in sorted(keys)
        ),
        endpoints=tuple(
            EndpointSource(
                each.authority,
                digest_of(each.name),
                each.link,
                each.clearance,
                each.security_profile,
                each.attested_on,
            )
            for each in federation.endpoints
        ),
        revocations=tuple(RevocationSource(authority=each.authority) for each in federation.revocations),
        signatories=tuple(
            SignatorySource(
                each.authority,
                kid_of(each.authority, each.name, "signatory"),
                each.office,
                each.agreement,
                each.towards,
            )
            for each in listed
        ),
        blocks=tuple(Block(**structs.asdict(each)) for each in federation.blocks),
    )


def _grants(federation: Federation, ends_ms: int) -> Grants:
    entries = tuple(
        Grant(each.authority, each.database, each.level, each.purposes, start_ms(each.expires_on))
        for each in federation.grants
    )
    return Grants(1, NETWORK, 1, _issuer(federation), 0, ends_ms, entries)


def _issuer(federation: Federation) -> str:
    """The central node is the organisation of the global party; a federation has one."""
    parties = {party.id for party in federation.parties if party.kind == "global"}
    found = [each.id for each in federation.authorities if each.party in parties]
    if len(found) != 1:
        raise ConfigurationError(
            f"grants: {len(found)} authorities of a party of kind `global`, one is the central node",
            "list exactly one, or no grants",
        )
    return found[0]


def _listed_keys(edition: Edition) -> dict[bytes, ListedKey]:
    return {
        decode_base64url(entry.kid): ListedKey(entry, authority, decode_base64url(entry.public))
        for authority in edition.authorities
        for entry in authority.keys
    }


def changed_law(law: Law, changes: tuple[LawChange, ...]) -> Law:
    """Return the law of one case.

    Raises:
        ConfigurationError: an agreement is not loaded, or it has no clause that could be changed so.
    """
    if not changes:
        return law
    agreements = dict(law.agreements)
    for change in changes:
        if change.agreement not in agreements:
            raise ConfigurationError(
                f"law: there is no agreement `{change.agreement}`", f"known: {', '.join(sorted(agreements))}"
            )
        agreements[change.agreement] = _changed_agreement(agreements[change.agreement], change)
    return Law(agreements, law.digests)


def _changed_agreement(agreement: Agreement, change: LawChange) -> Agreement:
    amendments = tuple(
        Amendment(
            id=each.id,
            rule=each.rule,
            article=f"{agreement.short} {each.article}",
            agreed_on=each.agreed_on.isoformat(),
            in_force_on=each.in_force_on.isoformat(),
            record=each.record,
        )
        for each in change.amendments
    )
    last = None if change.not_extended_after is None else change.not_extended_after.isoformat()
    renewals = [clause for clause in agreement.clauses if isinstance(clause, Renewal)]
    if last is not None and not renewals:
        raise ConfigurationError(
            f"law: `{agreement.id}` has no clause of check `renewal`", "take `not_extended_after` out"
        )
    return structs.replace(
        agreement,
        counting=change.counting or agreement.counting,
        capabilities=agreement.capabilities if change.capabilities is None else change.capabilities,
        amendments=(*agreement.amendments, *amendments),
        clauses=tuple(
            structs.replace(clause, not_extended_after=last) if last and isinstance(clause, Renewal) else clause
            for clause in agreement.clauses
        ),
    )
