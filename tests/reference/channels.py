"""Whether a channel was agreed: between the two authorities, or between their parties, either way round."""

from tests.reference.case import Case


def channel_missing(case: Case) -> bool:
    """Tell whether one recipient is reached without a channel basis under this instrument."""
    bases = case.world.channels.get(case.header.agreement, frozenset())
    one, own = case.header.originator, case.own_party
    return any(
        frozenset((one, who.id)) not in bases and frozenset((own, who.party)) not in bases
        for who in case.recipients
        if who is not None and own is not None
    )
