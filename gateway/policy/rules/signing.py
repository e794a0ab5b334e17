"""Signing: as what people sign beside the message key, and the authority's seal.

A person is a key that the directory lists with an office, never a name. Judged once: who signed does not change.
"""

from collections.abc import Iterable, Sequence

from gateway.domain.clause import AuthorisedPersons, Experts, Signers
from gateway.domain.directory import Authority, Signatory
from gateway.domain.message import Header
from gateway.policy.case import Case, Findings, breach, listed
from gateway.policy.ground import Ground


def offices_signed(ground: Ground, header: Header, roles: Sequence[str]) -> list[Signatory]:
    """Return as what each signatory's key of `header` stands in the directory, for its originator and instrument."""
    found = []
    for kid, role in zip(header.signers, roles, strict=False):
        if role == "signatory":
            for entry in ground.directory.signatories.get(kid, ()):
                if entry.authority == header.originator and entry.agreement in (None, header.agreement):
                    found.append(entry)
    return found


def towards(entry: Signatory, authority: str) -> bool:
    """Tell whether a signatory may sign towards `authority`."""
    return not entry.towards or authority in entry.towards


def concerns_units(clause: Signers, originator: Authority, recipients: Iterable[Authority]) -> bool:
    """Tell whether a clause speaks of an exchange between these units; mixed ones are regulated by none."""
    if not clause.units:
        return True
    return originator.unit in clause.units and all(each.unit in clause.units for each in recipients)


def signer_missing(clause: Signers, ground: Ground, header: Header, roles: Sequence[str]) -> bool:
    """Tell whether nobody of the offices asked for signed towards every recipient."""
    for entry in offices_signed(ground, header, roles):
        if entry.office in clause.offices and all(towards(entry, each.authority) for each in header.recipients):
            return False
    return True


def signers(clause: Signers, case: Case) -> Findings:
    """Head, deputy or head of a specialised unit signs, and the seal stands beside it (C8-17, C8-18, C1-09)."""
    if case.stage == "dispatch" or case.originator is None:
        return
    if not concerns_units(clause, case.originator, case.recipients):
        return
    if signer_missing(clause, case.ground, case.header, case.roles):
        yield breach(clause, "signer-missing", " or ".join(clause.offices))
    if clause.seal and "seal" not in case.roles:
        yield breach(clause, "seal-missing", case.header.originator)


def unauthorised(clause: AuthorisedPersons, ground: Ground, header: Header, roles: Sequence[str]) -> list[str]:
    """Return the recipients towards which nobody on the list of authorised persons signed, where there must be one."""
    lists = ground.persons.get((header.originator, header.agreement), ())
    asked = [
        each.authority
        for each in header.recipients
        if clause.mandatory or any(towards(entry, each.authority) for entry in lists)
    ]
    if not asked:
        return asked
    signed = [entry for entry in offices_signed(ground, header, roles) if entry.office == "authorised"]
    return [name for name in asked if not any(towards(entry, name) for entry in signed)]


def authorised_persons(clause: AuthorisedPersons, case: Case) -> Findings:
    """The person acting is on the list that the authorities told each other (C8-07; C1-10: there must be one)."""
    if case.stage == "dispatch":
        return
    names = unauthorised(clause, case.ground, case.header, case.roles)
    if names:
        yield breach(clause, "person-not-authorised", f"towards {listed(names)}"[:200])


def expert_signed(ground: Ground, header: Header, roles: Sequence[str]) -> bool:
    """Tell whether one who signed is listed as an expert sent to the other side."""
    return any(entry.office == "expert" for entry in offices_signed(ground, header, roles))


def experts(clause: Experts, case: Case) -> Findings:
    """Experts sent to the other side advise and support; they do not act for it or for their own (CZ-06)."""
    if case.stage == "dispatch" or case.header.kind in clause.allowed:
        return
    if expert_signed(case.ground, case.header, case.roles):
        yield breach(clause, "expert-operational", case.header.kind)
