"""What an endpoint may believe of frames that do not come from the gateway itself, and what it may send that way.

Through a broker everybody may speak whom the broker lets write on our topics. What is signed counts all the same:
receipts, deliveries with their receipts, evidence, editions. What a gateway merely says counts as long as
it can be taken back: a submission or acknowledgement that is said to be declined stays owed and goes again on the
next connection, a pause is short, nothing unproven becomes an alarm against a gateway. Source: ADR 0009; threat B3.
"""

from msgspec.structs import replace

from gateway.crypto.canonical import decode
from gateway.crypto.envelope import decode_envelope
from gateway.domain.directory import Directory
from gateway.domain.label import RANK
from gateway.domain.message import Header
from gateway.domain.session import Answer
from gateway.endpoint.keeping import Keeping
from gateway.endpoint.outbox import Due

PAUSE_S_MAX = 60


def tempered(answer: Answer) -> Answer | None:
    """Return an answer as far as it may count without a signature; None: as if it had not come."""
    if answer.kind == "receipt":
        return answer
    if answer.kind == "busy":
        return replace(answer, retry_after_s=min(answer.retry_after_s, PAUSE_S_MAX))
    return None


def cleared(parcels: list[Due], keeping: Keeping, vouched: bool) -> list[Due]:
    """Return what may travel this way; the rest waits for a connection to the gateway itself, and is counted."""
    if vouched:
        return parcels
    rank_max = clearance(keeping.editions.current, keeping.identity.authority)
    found = [due for due in parcels if may_travel(due, rank_max)]
    keeping.note_withheld(len(parcels) - len(found))
    return found


def clearance(directory: Directory | None, authority: str) -> int:
    """Return the rank up to which `authority` may send through a broker, -1 for nothing at all."""
    listed = None if directory is None else directory.authorities.get(authority)
    if listed is None or listed.revoked:
        return -1
    ranks = [RANK[entry.clearance] for entry in listed.endpoints if entry.link == "broker" and not entry.revoked]
    # The broker does not tell which of several certificates it was: the strictest one counts.
    return min((*ranks, RANK[listed.clearance])) if ranks else -1


def may_travel(due: Due, rank_max: int) -> bool:
    """Tell whether a broker may see this submission: its label is cleared, and not even its existence is a secret."""
    if due.kind != "message":
        return rank_max >= 0
    label = decode(decode_envelope(due.raw).h, Header).label
    return not label.confidential_fact and RANK[label.level] <= rank_max
