"""From a case as a lawyer wrote it to a message that can be judged: what was left out is what is plainly permitted."""

from collections.abc import Iterator
from datetime import date
from pathlib import Path

from gateway.app.policy_federation import (
    NETWORK,
    changed,
    changed_law,
    digest_of,
    directory_of,
    kid_of,
    start_ms,
)
from gateway.app.policy_files import read_federation, read_tests
from gateway.domain.directory import OFFICES
from gateway.domain.errors import ConfigurationError
from gateway.domain.facts import ConsentFact, Facts, SourceFact
from gateway.domain.label import RANK, Label, Level
from gateway.domain.message import Body, Header, Recipient
from gateway.domain.names import Role
from gateway.domain.session import Peer
from gateway.domain.statement import Consent
from gateway.policy.agreements import Law
from gateway.policy.decide import Judge
from gateway.policy.plain import Plain, is_personal, plain
from gateway.policy.trial import Outcome, Trial, run
from gateway.settings.policy_tests import (
    CaseSource,
    ConsentSource,
    Federation,
    KnownSource,
    Labelled,
    LinkSource,
    MessageSource,
    NamedEndpoint,
    NamedSignatory,
)

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
MONTH_MS = 30 * DAY_MS
# Any other word is an office, or the name of a signatory that the directory lists.
ROLES: dict[str, Role] = {"message": "message", "seal": "seal"}


def run_file(path: Path, law: Law, language: str = "en") -> tuple[str, tuple[Outcome, ...]]:
    """Return the title of a file of policy tests, and what came of each case.

    Raises:
        ConfigurationError: the file, or the federation it names, is wrong.
    """
    tests = read_tests(path)
    place = path.parent / tests.federation
    federation = read_federation(place)
    return tests.title, tuple(_outcome(path, case, federation, law, language) for case in tests.cases)


def _outcome(path: Path, case: CaseSource, federation: Federation, law: Law, language: str) -> Outcome:
    try:
        judge, trial = trial_of(case, federation, law)
    except ConfigurationError as error:
        raise ConfigurationError(f"{path}: case `{case.title}`: {error.what}", error.remedy) from None
    return run(judge, trial, language)


def trial_of(case: CaseSource, base: Federation, shipped: Law) -> tuple[Judge, Trial]:
    """Return the judge of a case's directory and law, and the case as something to be judged.

    Raises:
        ConfigurationError: the case names what is not there.
    """
    at_ms = int(case.at.timestamp() * 1000)
    law, federation = changed_law(shipped, case.law), changed(base, case.directory)
    desk = _Desk(case, federation, law, at_ms)
    signing, signatories = desk.signatures()
    directory = directory_of(federation, case.directory, law, signing, signatories, at_ms)
    trial = Trial(
        title=case.title,
        header=desk.header(signing),
        roles=tuple(role for _, _, role in signing),
        facts=desk.facts(),
        peer=desk.peer(),
        at_ms=at_ms,
        expected=None if case.expect == "permit" else tuple(case.expect),
        flags=case.flags,
        records=case.records,
        about=case.about,
    )
    return Judge(directory, law), trial


class _Desk:
    """Fills in what a case leaves out."""

    def __init__(self, case: CaseSource, federation: Federation, law: Law, at_ms: int) -> None:
        self._message = case.message
        self._case = case
        self._federation = federation
        self._law = law
        self._at_ms = at_ms
        self._sources = {source.name: source for source in case.sources}
        _check_names(case)
        self._cited = tuple(self._chain(case.message.sources))
        self._plain = self._plainly(case.message, case.message.form)

    def signatures(self) -> tuple[tuple[tuple[str, str, Role], ...], tuple[NamedSignatory, ...]]:
        """Return who signs, by authority, name and role, and the signatories that are listed for this case alone."""
        message = self._message
        signing: list[tuple[str, str, Role]] = []
        listed: list[NamedSignatory] = []
        known = {each.name for each in self._federation.signatories if each.authority == message.from_}
        for word in self._plain.signed_by if message.signed_by is None else message.signed_by:
            role = ROLES.get(word, "signatory")
            signing.append((message.from_, word, role))
            if word in known or role != "signatory":
                continue
            office = OFFICES.get(word)
            if office is None:
                raise ConfigurationError(
                    f"message.signed_by: `{message.from_}` has no signatory `{word}`",
                    f"write message, seal, {', '.join(OFFICES)}, or the name of one under [[signatories]]",
                )
            limited = office == "authorised"
            listed.append(
                NamedSignatory(
                    name=word,
                    authority=message.from_,
                    office=office,
                    agreement=message.agreement if limited else None,
                    towards=message.to if limited else (),
                )
            )
        return tuple(signing), tuple(listed)

    def header(self, signing: tuple[tuple[str, str, Role], ...]) -> Header:
        """Return the header of the message."""
        message, usual = self._message, self._plain
        language = usual.language if message.language is None else message.language
        return Header(
            v=1,
            network=NETWORK,
            suite=2,
            id="0197b7a0-0000-7000-8000-000000000000",
            signers=tuple(kid_of(*signature) for signature in signing),
            originator=message.from_,
            recipients=tuple(Recipient(name, kid_of(name, "wrap", "wrap"), digest_of("wrap")) for name in message.to),
            kind=message.kind,
            agreement=message.agreement,
            purposes=self._purposes(),
            subjects=usual.subjects if message.subjects is None else message.subjects,
            label=_label(message, usual, self._level()),
            urgency=message.urgency or usual.urgency,
            sent_at_ms=self._at_ms,
            expires_at_ms=self._at_ms + DAY_MS,
            destroy_by_ms=self._destroy_by_ms(),
            case=None,
            in_reply_to=digest_of(message.in_reply_to) if message.in_reply_to else None,
            sources=tuple(map(digest_of, message.sources)),
            consents=tuple(map(digest_of, message.consents)),
            conditions=self._conditions(),
            database=message.database,
            language=language if isinstance(language, str) else None,
            form=usual.form,
            key_commitment=digest_of("commitment"),
            body=Body(digest_of("body"), 1, "application/json", None),
        )

    def facts(self) -> Facts:
        """Return what is known of what the message cites."""
        sources = [self._source(source) for source in self._case.sources]
        consents = [self._consent(consent) for consent in self._case.consents]
        return Facts({fact.header_sha256: fact for fact in sources}, {fact.consent_sha256: fact for fact in consents})

    def peer(self) -> Peer:
        """Return the connection that the message comes over."""
        link = self._case.link or LinkSource()
        owner = link.authority or self._message.from_
        own = [each for each in self._federation.endpoints if each.authority == owner]
        if link.endpoint is not None and link.endpoint not in {each.name for each in own}:
            raise ConfigurationError(
                f"link.endpoint: `{owner}` has no endpoint `{link.endpoint}`",
                f"known: {', '.join(each.name for each in own) or 'none'}",
            )
        found = next((each for each in own if link.endpoint in (None, each.name)), NamedEndpoint("unlisted", owner))
        level = link.clearance or found.clearance
        return Peer(owner, digest_of(found.name), link.kind or found.link, RANK[level])

    def _chain(self, names: tuple[str, ...]) -> Iterator[KnownSource]:
        """Yield the sources of these names and what is behind them, each once."""
        waiting, seen = list(names), set[str]()
        while waiting:
            name = waiting.pop(0)
            if name not in seen:
                seen.add(name)
                yield self._sources[name]
                waiting += self._sources[name].sources

    def _plainly(self, sent: MessageSource | KnownSource, form: dict[str, bool | str]) -> Plain:
        agreement = self._law.agreements.get(sent.agreement)
        if agreement is None:
            return Plain((), (), "restricted", bool(sent.personal_data), "routine", None, form, ("message",), False)
        personal = sent.personal_data
        if personal is None:
            personal = bool(sent.special_categories) or is_personal(agreement, sent.kind)
        units = {each.id: each.unit for each in self._federation.authorities}
        of_sides = {units[name] for name in (sent.from_, *sent.to) if name in units}
        return plain(agreement, sent.kind, personal, of_sides, form, self._at_ms)

    def _purposes(self) -> tuple[str, ...]:
        if self._message.purposes is not None:
            return self._message.purposes
        given = [self._given_for(source) for source in self._cited]
        fitting = [code for code in self._plain.purposes if all(code in purposes for purposes in given)]
        chosen = (*fitting, *self._plain.purposes)[:1]
        if not chosen:
            raise ConfigurationError(
                f"message.purposes: nothing is served by a `{self._message.kind}` under `{self._message.agreement}`",
                "state `purposes`",
            )
        return chosen

    def _given_for(self, source: KnownSource) -> tuple[str, ...]:
        return self._plainly(source, {}).purposes if source.purposes is None else source.purposes

    def _level(self) -> Level:
        if self._message.level is not None:
            return self._message.level
        return max((self._plain.level, *(source.level or "open" for source in self._cited)), key=RANK.__getitem__)

    def _conditions(self) -> tuple[str, ...]:
        if self._message.conditions is not None:
            return self._message.conditions
        of_consents = [each.conditions for each in self._case.consents if each.name in self._message.consents]
        found = [each.conditions for each in self._cited]
        return tuple(sorted({code for codes in (*found, *of_consents) for code in codes}))

    def _destroy_by_ms(self) -> int | None:
        given = self._message.destroy_by
        if isinstance(given, date):
            return start_ms(given)
        wanted = self._plain.destroyed if given is None else given
        return self._at_ms + MONTH_MS if wanted else None

    def _source(self, source: KnownSource) -> SourceFact:
        usual = self._plainly(source, {})
        return SourceFact(
            header_sha256=digest_of(source.name),
            originator=source.from_,
            recipients=source.to,
            agreement=source.agreement,
            kind=source.kind,
            purposes=self._given_for(source),
            subjects=usual.subjects if source.subjects is None else source.subjects,
            label=_label(source, usual, source.level or usual.level),
            conditions=source.conditions,
            in_reply_to=digest_of(source.in_reply_to) if source.in_reply_to else None,
            sources=tuple(map(digest_of, source.sources)),
            admitted_at_ms=start_ms(source.on) if source.on else self._at_ms - DAY_MS,
            withdrawn=source.withdrawn,
            accepted=source.accepted,
        )

    def _consent(self, consent: ConsentSource) -> ConsentFact:
        of = self._message.sources if consent.sources is None else consent.sources
        agreements = [self._sources[name].agreement for name in of]
        recorded_ms = start_ms(consent.recorded_on) if consent.recorded_on else self._at_ms - HOUR_MS
        given = Consent(
            v=1,
            network=NETWORK,
            id="0197b7a0-0000-7000-8000-000000000001",
            provider=consent.provider,
            grantee=consent.grantee,
            agreement=consent.agreement or next(iter(agreements), self._message.agreement),
            sources=tuple(map(digest_of, of)),
            recipients=self._message.to if consent.recipients is None else consent.recipients,
            purposes=consent.purposes,
            conditions=consent.conditions,
            not_before_ms=start_ms(consent.not_before) if consent.not_before else recorded_ms,
            not_after_ms=start_ms(consent.not_after) if consent.not_after else self._at_ms + MONTH_MS,
            uses_max=consent.uses_max,
            issued_at_ms=recorded_ms,
        )
        revoked_ms = start_ms(consent.revoked_on) if consent.revoked_on else None
        return ConsentFact(digest_of(consent.name), given, recorded_ms, revoked_ms, consent.uses)


def _label(sent: Labelled, usual: Plain, level: Level) -> Label:
    return Label(
        level=level,
        handling=sent.handling,
        third_party=sent.third_party,
        personal_data=usual.personal_data,
        special_categories=sent.special_categories,
        necessity=sent.necessity,
        confidential_fact=sent.confidential_fact,
    )


def _check_names(case: CaseSource) -> None:
    """Refuse a name that stands for nothing, and a source or consent that nothing cites."""
    message = case.message
    for what, described in (("source", case.sources), ("consent", case.consents)):
        names = [each.name for each in described]
        double = next((name for name in names if names.count(name) > 1), None)
        if double is not None:
            raise ConfigurationError(f"two of [[case.{what}]] are called `{double}`", "give each its own name")
    sources, consents = {each.name for each in case.sources}, {each.name for each in case.consents}
    cited = {*message.sources, *(name for each in case.sources for name in each.sources)}
    answered = (message.in_reply_to, *(each.in_reply_to for each in case.sources))
    cited |= {name for name in answered if name is not None}
    named = cited | {name for each in case.consents for name in each.sources or ()}
    for what, missing in (("source", named - sources), ("consent", {*message.consents} - consents)):
        if missing:
            raise ConfigurationError(f"there is no {what} `{min(missing)}`", f"describe it as [[case.{what}]]")
    for what, unused in (("source", sources - named), ("consent", consents - {*message.consents})):
        if unused:
            raise ConfigurationError(
                f"{what} `{min(unused)}` is cited by nothing", f"name it in `message.{what}s`, or take it out"
            )
