"""Decide whether a message may pass.

Facts in, decision out: no clock, no disk, no network. Default deny: a message passes when every rule is silent; the
reasons of all rules that speak go back together, in an order that owes nothing to the order of the rules (P-04, P-05).
A rule that raises refuses, and the others still speak.
"""

import base64
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from gateway.domain.clause import Effect
from gateway.domain.decision import Decision, Reason
from gateway.domain.directory import Directory
from gateway.domain.facts import Facts
from gateway.domain.message import AuthenticMessage, Header
from gateway.domain.session import Peer
from gateway.domain.statement import AuthenticStatement, Consent
from gateway.policy import house
from gateway.policy.agreements import Law
from gateway.policy.case import Case, Finding, Stage, build_case, demand
from gateway.policy.ground import Ground
from gateway.policy.lanes import Lanes
from gateway.policy.reasons import ORDER
from gateway.policy.rules.registry import RULES, Check, Rules, checks, citation_checks
from gateway.policy.statements import judge_statement

# A record holds 64 reasons (wire.md); what does not fit is counted in the last one.
REASONS_MAX = 48
DETAIL_MAX = 200


def findings(case: Case, bound: Iterable[Check]) -> list[Finding]:
    """Return what the bound rules say of `case`; a rule that raises says `rule-failed`."""
    found: list[Finding] = []
    for check in bound:
        try:
            found.extend(check.run(case))
        except Exception as error:  # noqa: BLE001 - whatever fails, the message is refused and the others still speak.
            found.append(_failed(check, error))
    return found


def _failed(check: Check, error: Exception) -> Finding:
    detail = f"{getattr(check.rule, '__name__', 'rule')}: {type(error).__name__}"
    if check.clause is None:
        return demand("rule-failed", "ACC-05", detail)
    clause = check.clause
    return Finding("refuse", Reason("rule-failed", clause.rule, clause.article, clause.basis, detail))


def _sorted(found: Iterable[Finding], effect: Effect) -> tuple[Reason, ...]:
    """Each reason once, by registry order; bounded, so that a record can hold them."""
    unique = {reason for each, reason in found if each == effect}
    ordered = sorted(unique, key=lambda each: (ORDER.get(each.code, -1), each.rule, each.article, each.detail or ""))
    clipped = [replace(each, detail=each.detail[:DETAIL_MAX]) if each.detail else each for each in ordered]
    if len(clipped) <= REASONS_MAX:
        return tuple(clipped)
    rest = house.demand("more-reasons", "ACC-05", str(len(clipped) - REASONS_MAX + 1))
    return (*clipped[: REASONS_MAX - 1], rest)


def _for_recipient(header: Header, recipient: str) -> Header:
    """Return `header` as far as it concerns one recipient."""
    return replace(header, recipients=tuple(each for each in header.recipients if each.authority == recipient))


class Judge:
    """One directory edition and one law, ready to decide. Immutable; a new edition or law is a new judge."""

    def __init__(self, directory: Directory, law: Law, rules: Rules = RULES) -> None:
        """Index directory and law; every look-up that depends on neither message nor time is done here."""
        self.ground = Ground(directory, law)
        self.directory = directory
        self.law = law
        self.law_sha256 = law.sha256
        self._rules = rules
        # Lanes are compiled from the rules we ship; other rules are asked one by one.
        self._lanes = Lanes(self.ground) if rules is RULES else None
        # Of these every message may need one, and most need the same.
        self._permits = {name: self._decision(name, ()) for name in self.ground.agreements}
        self._reused = {name: self._ended(name, "id-reused", "ACC-13") for name in self.ground.agreements}

    @staticmethod
    def references(header: Header) -> tuple[str, ...]:
        """Return the digests whose facts a decision on `header` needs: its sources, and the message it answers."""
        answered = header.in_reply_to
        return header.sources if answered is None else (*header.sources, answered)

    def decide(self, message: AuthenticMessage, facts: Facts, peer: Peer | None, at_ms: int) -> Decision:
        """Return whether an authentic message may pass at `at_ms`, and every reason why not.

        Args:
            message: what `crypto.envelope` verified.
            facts: what is known of `references(header)` and `header.consents`, with the sources of sources.
            peer: who submitted it; None where no connection is judged.
            at_ms: the gateway's time.
        """
        return self._judge(message.header, message.roles, facts, peer, at_ms, "admission", None)

    def decide_header(
        self, header: Header, signer_roles: Sequence[str], facts: Facts, peer: Peer | None, at_ms: int
    ) -> Decision:
        """Return the decision on a header alone, as if it were authentic: for `accord policy explain`."""
        return self._judge(header, tuple(signer_roles), facts, peer, at_ms, "admission", None)

    def decide_dispatch(
        self,
        header: Header,
        facts: Facts,
        recipient: str,
        at_ms: int,
        clearance: int | None = None,
    ) -> Decision:
        """Return whether an admitted message may still go to one of its recipients.

        The same rules once more, later, perhaps under a newer edition: recipient revoked, agreement suspended, consent
        revoked or expired, clearance lowered. A consent's use is booked already; signing keys are the
        switch's to check.

        Args:
            header: of the admitted message.
            facts: of its sources and consents, read now.
            recipient: one authority of `header.recipients`.
            at_ms: the gateway's time.
            clearance: rank of the link to the recipient; None where the caller chose a link that is cleared.
        """
        narrowed = _for_recipient(header, recipient)
        return self._judge(narrowed, (), facts, None, at_ms, "dispatch", clearance)

    def consent_uses(self, header: Header, facts: Facts) -> tuple[tuple[bytes, int | None], ...]:
        """Return the consents that an admission of `header` uses: raw digest, and how often it may be used."""
        return tuple(
            (base64.urlsafe_b64decode(f"{digest}="), facts.consents[digest].consent.uses_max)
            for digest in dict.fromkeys(header.consents)
            if digest in facts.consents
        )

    def case(self, header: Header, signer_roles: Sequence[str], facts: Facts, at_ms: int) -> Case:
        """Return the case of a header as it would be judged at admission, for whoever explains."""
        return build_case(self.ground, header, tuple(signer_roles), facts, None, at_ms)

    def checks(self, case: Case) -> list[Check]:
        """Return every rule that has to be silent about `case`."""
        return checks(case, self._rules)

    def _judge(
        self,
        header: Header,
        roles: tuple[str, ...],
        facts: Facts,
        peer: Peer | None,
        at_ms: int,
        stage: Stage,
        link_rank: int | None,
    ) -> Decision:
        try:
            dispatched = stage == "dispatch"
            quick = self._lanes is not None and self._lanes.permit(
                header, facts, peer, at_ms, link_rank, dispatched, roles
            )
            if quick and not header.sources and not header.consents:
                return self._permits[header.agreement]
            case = build_case(self.ground, header, roles, facts, peer, at_ms, stage, link_rank)
            if quick and not findings(case, citation_checks(case)):
                return self._permits[header.agreement]
            found = findings(case, self.checks(case))
            return self._decision(header.agreement, _sorted(found, "refuse"), _sorted(found, "flag"))
        except Exception as error:  # noqa: BLE001 - deciding is total: what cannot even be set up is refused.
            return self._decision(header.agreement, (house.demand("rule-failed", "ACC-05", type(error).__name__),))

    def decide_statement(self, statement: AuthenticStatement, facts: Facts, at_ms: int) -> Decision:
        """Return whether a consent or a revocation takes effect.

        Args:
            statement: what `crypto.statements` verified.
            facts: what is known of a consent's sources, with the sources of sources; of a revocation's consent.
            at_ms: the gateway's time.
        """
        value = statement.value
        if isinstance(value, Consent):
            agreement = value.agreement
        else:
            revoked = facts.consents.get(value.consent_sha256)
            # Of somebody else's consent not even the agreement is told (E27).
            agreement = revoked.consent.agreement if revoked and revoked.consent.provider == value.provider else ""
        try:
            found = list(judge_statement(self.ground, statement.authority, value, facts, at_ms))
        except Exception as error:  # noqa: BLE001 - deciding is total: what cannot be judged is refused.
            found = [demand("rule-failed", "ACC-05", type(error).__name__)]
        return self._decision(agreement, _sorted(found, "refuse"))

    # What became of a message after it was judged. The store records these in place of a decision of `decide`.

    def withdrawn(self, agreement: str) -> Decision:
        """A consent could not be booked any more: revoked or used up while the message was on its way."""
        return self._ended(agreement, "consent-withdrawn", "ACC-10")

    def reused(self, agreement: str) -> Decision:
        """The originator has used this id for other bytes (P-03)."""
        return self._reused.get(agreement) or self._ended(agreement, "id-reused", "ACC-13")

    def expired(self, agreement: str) -> Decision:
        """The message expired before its recipient had it."""
        return self._ended(agreement, "expired", "ACC-13")

    def key_compromised(self, agreement: str) -> Decision:
        """A key that signed the message has been withdrawn since."""
        return self._ended(agreement, "key-compromised", "ACC-13")

    def attempts_exhausted(self, agreement: str) -> Decision:
        """The recipient never acknowledged, however often the message was sent."""
        return self._ended(agreement, "attempts-exhausted", "ACC-13")

    def undecipherable(self, agreement: str) -> Decision:
        """The recipient acknowledged that it could not open the message."""
        return self._ended(agreement, "undecipherable", "ACC-13")

    def _ended(self, agreement: str, code: str, rule: str) -> Decision:
        return self._decision(agreement, (house.demand(code, rule),))

    def _decision(self, agreement: str, reasons: tuple[Reason, ...], flags: tuple[Reason, ...] = ()) -> Decision:
        return Decision(agreement, reasons, flags, self.ground.edition, self.law_sha256)
