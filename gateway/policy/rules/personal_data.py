"""Personal data, and what a State's own law keeps back."""

from collections.abc import Iterable

from gateway.domain.clause import DestructionDeadline, NationalLaw, PersonalKinds, SpecialCategories
from gateway.domain.directory import Authority, Block
from gateway.domain.message import Header
from gateway.policy.case import Case, Findings, breach, listed
from gateway.policy.ground import Ground


def personal_kinds(clause: PersonalKinds, case: Case) -> Findings:
    """Data relating to a concrete person are marked as personal data (CZ-47); special categories always are."""
    label = case.header.label
    if not label.personal_data and (case.header.kind in clause.allowed or label.special_categories):
        yield breach(clause, "personal-data-unmarked", case.header.kind)


def destruction_deadline(clause: DestructionDeadline, case: Case) -> Findings:
    """The provider sets a date of destruction that lies ahead (CZ-28)."""
    deadline = case.header.destroy_by_ms
    if deadline is None:
        yield breach(clause, "destruction-deadline-missing")
    elif deadline <= case.at_ms:
        yield breach(clause, "destruction-deadline-past")


def special_categories(clause: SpecialCategories, case: Case) -> Findings:
    """Special categories only when necessary, and the necessity is stated (CZ-24; 1.7-7)."""
    label = case.header.label
    unknown = set(label.special_categories).difference(clause.categories)
    if unknown:
        yield breach(clause, "special-category-unknown", listed(unknown))
    if label.special_categories and label.necessity is None:
        yield breach(clause, "necessity-missing", listed(label.special_categories))


def blocks(ground: Ground, header: Header, originator: Authority, recipients: Iterable[Authority]) -> list[Block]:
    """Return what the law of the originator's party forbids it to send, and of each recipient's to receive."""
    listed_ = ground.directory.blocks
    if not listed_:
        return []
    parties = dict.fromkeys(recipient.party for recipient in recipients)
    found = [block for block in listed_.get(originator.party, ()) if _meets(block, "send", header, parties)]
    for party in parties:
        found += [block for block in listed_.get(party, ()) if _meets(block, "receive", header, (originator.party,))]
    return found


def _meets(block: Block, direction: str, header: Header, others: Iterable[str]) -> bool:
    """Tell whether a message meets every list of a block that is not empty."""
    return direction in block.directions and all(
        not asked or not set(asked).isdisjoint(said)
        for asked, said in (
            (block.kinds, (header.kind,)),
            (block.subjects, header.subjects),
            (block.purposes, header.purposes),
            (block.categories, header.label.special_categories),
            (block.parties, others),
        )
    )


def national_law(clause: NationalLaw, case: Case) -> Findings:
    """What the law of a State concerned forbids does not pass, whatever an agreement allows (CZ-46, CA-30)."""
    if case.originator is None:
        return
    for block in blocks(case.ground, case.header, case.originator, case.recipients):
        yield breach(clause, "national-law", f"{block.party}: {block.law}"[:200])
