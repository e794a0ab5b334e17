"""Which records a query may see, and what its owners may know of whoever asked.

Pure: rows that share the number's hash in, hits out. An owner may withhold a record from authorities or
whole parties; for them it is not there. A record past its review date is not shown (CA-09).
"""

from collections.abc import Iterable

from gateway.central.bodies import Query
from gateway.central.documents import Record
from gateway.domain.message import Header

# Conditions of ours on every hit. CA-10: check with the provider before use.
CHECK_BEFORE_USE = "check-with-owner-before-use"
OWNER_TOLD = "owner-is-told-who-asked"
OWNER_TOLD_WITHOUT_NAME = "owner-is-told-without-name"


def visible(records: Iterable[Record], query: Query, asker: str, party: str, at_ms: int) -> tuple[Record, ...]:
    """Return the records that answer `query` of authority `asker` of `party`, newest first."""
    found = [
        record
        for record in records
        if query.type in (None, record.type)
        and query.issuing_state in (None, record.issuing_state)
        and asker not in record.withheld_from
        and party not in record.withheld_from
        and (record.review_by_ms is None or at_ms < record.review_by_ms)
    ]
    return tuple(sorted(found, key=lambda record: (-record.recorded_at_ms, record.issuing_state, record.type)))


def names_asker(query: Header, record: Record) -> bool:
    """Tell whether the owner of `record` may know who asked.

    That somebody asked is the asker's information, and the owner a third party to it. Its own label
    decides; and information given under one agreement is not used under another (CA-07).
    """
    label = query.label
    return label.third_party == "permitted" and not label.confidential_fact and query.agreement == record.agreement


def conditions(query: Header, record: Record) -> tuple[str, ...]:
    """Return our own conditions on a hit: what the asker must do, and what its owner was told."""
    if record.owner == query.originator:
        return ()
    told = OWNER_TOLD if names_asker(query, record) else OWNER_TOLD_WITHOUT_NAME
    return (CHECK_BEFORE_USE, told)
