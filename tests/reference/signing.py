"""Who signed beside the message key: offices as the edition lists them, and the authority's seal."""

from collections.abc import Iterable, Iterator

from gateway.domain.directory import Signatory
from tests.reference.case import Case


def _signed(case: Case) -> Iterator[Signatory]:
    """Yield what the edition says of each signatory key that signed."""
    listed = case.world.directory.signatories
    for kid, role in zip(case.header.signers, case.roles, strict=True):
        if role == "signatory":
            yield from (entry for entry in listed.get(kid, ()) if entry.authority == case.header.originator)


def _applies(case: Case, entry: Signatory) -> bool:
    """Tell whether a signatory may sign under this instrument, towards every recipient."""
    return entry.agreement in (None, case.header.agreement) and (
        not entry.towards or set(case.to) <= set(entry.towards)
    )


def signed_by(case: Case, offices: Iterable[str]) -> bool:
    """Tell whether somebody under one of these offices signed."""
    return any(entry.office in offices and _applies(case, entry) for entry in _signed(case))


def sealed(case: Case) -> bool:
    """Tell whether the authority's seal is there."""
    return "seal" in case.roles


def expert_signed(case: Case) -> bool:
    """Tell whether an accredited expert signed."""
    return any(entry.office == "expert" for entry in _signed(case))


def unsigned(case: Case, *offices: str) -> bool:
    """Tell whether a listed originator's message lacks a signature under these offices, or the seal."""
    return case.originator is not None and not (signed_by(case, offices) and sealed(case))


def units(case: Case) -> set[str]:
    """Return the kinds of unit at both ends."""
    return {who.unit for who in [case.originator, *case.recipients] if who is not None}


def unauthorised(case: Case, mandatory: bool) -> bool:
    """Tell whether somebody acts who is not listed for it: towards one recipient at least.

    A list is asked for where it is `mandatory`, or where the originator has one for this instrument.
    """
    return any((mandatory or _has_list(case, name)) and not _listed_person_signed(case, name) for name in case.to)


def _has_list(case: Case, name: str) -> bool:
    return any(
        entry.office == "authorised"
        and entry.agreement == case.header.agreement
        and (not entry.towards or name in entry.towards)
        for entry in case.world.signatories.get(case.header.originator, ())
    )


def _listed_person_signed(case: Case, name: str) -> bool:
    return any(
        entry.office == "authorised"
        and entry.agreement in (None, case.header.agreement)
        and (not entry.towards or name in entry.towards)
        for entry in _signed(case)
    )
