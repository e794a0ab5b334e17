"""What a party's own law forbids its authorities to send or to receive: the block lists of the edition (CZ-46)."""

from gateway.domain.directory import Block
from tests.reference.case import Case


def blocked(case: Case) -> bool:
    """Tell whether a block list of the originator's party, or of a recipient's, meets this message."""
    own = case.own_party
    others = [who.party for who in case.recipients if who is not None]
    for block in case.world.directory.edition.blocks:
        if own == block.party and "send" in block.directions and _meets(case, block, others):
            return True
        if own is not None and block.party in others and "receive" in block.directions and _meets(case, block, [own]):
            return True
    return False


def _meets(case: Case, block: Block, others: list[str]) -> bool:
    header = case.header
    return (
        (not block.kinds or header.kind in block.kinds)
        and (not block.subjects or bool(set(block.subjects) & set(header.subjects)))
        and (not block.purposes or bool(set(block.purposes) & set(header.purposes)))
        and (not block.categories or bool(set(block.categories) & set(header.label.special_categories)))
        and (not block.parties or bool(set(block.parties) & set(others)))
    )
