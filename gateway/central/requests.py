"""What a message to the node asks for: bytes of a body in, a task out that the database can carry out.

The gateway has checked the grant before the message came. It is checked again here, against the grants in the
directory that this node verified itself: a gateway that lets too much through gets no data (CA-12, LI-05).
"""

from msgspec import Struct

from gateway.central.bodies import BodyRefusal, Put, Query, QueryRefusal, Withdraw, read_changes, read_query
from gateway.central.documents import DATABASE, LookupKey
from gateway.central.ownership import Message, Owner
from gateway.domain.directory import Directory
from gateway.domain.errors import FormatError
from gateway.domain.label import RANK
from gateway.domain.message import Header

QUERY = "query"
RECORD = "record"
KINDS = frozenset({QUERY, RECORD})


class Arrived(Struct, frozen=True):
    """A message for the node, opened and verified by its endpoint; `sha256` is of its header (base64url)."""

    header: Header
    sha256: str
    plaintext: bytes


class Search(Struct, frozen=True):
    """Look a document up for `party`'s authority, which is the originator."""

    arrived: Arrived
    party: str
    query: Query
    number_hash: bytes


class SearchRefused(Struct, frozen=True):
    """Tell the asker why nothing was searched."""

    arrived: Arrived
    why: QueryRefusal


class Feed(Struct, frozen=True):
    """Carry out an owner's changes; one whose number cannot be read has no hash."""

    arrived: Arrived
    owner: Owner
    message: Message
    changes: tuple[tuple[Put | Withdraw, bytes | None], ...]


class FeedRefused(Struct, frozen=True):
    """Tell an owner why none of its changes was looked at."""

    arrived: Arrived
    why: BodyRefusal


Task = Search | SearchRefused | Feed | FeedRefused


def read_request(arrived: Arrived, directory: Directory, key: LookupKey, at_ms: int) -> Task:
    """Return what to do about a message whose kind is one of `KINDS`."""
    if arrived.header.kind == QUERY:
        return _query(arrived, directory, key, at_ms)
    return _changes(arrived, directory, key)


def _query(arrived: Arrived, directory: Directory, key: LookupKey, at_ms: int) -> Search | SearchRefused:
    header = arrived.header
    if header.database != DATABASE:
        return SearchRefused(arrived, "database-unknown")
    if not _granted(header, directory, at_ms):
        return SearchRefused(arrived, "grant-missing")
    try:
        query = read_query(arrived.plaintext)
        return Search(arrived, _party(header, directory), query, key.number_hash(query.number))
    except FormatError:
        return SearchRefused(arrived, "body-malformed")


def _changes(arrived: Arrived, directory: Directory, key: LookupKey) -> Feed | FeedRefused:
    header = arrived.header
    try:
        body = read_changes(arrived.plaintext)
    except FormatError:
        return FeedRefused(arrived, "body-malformed")
    if body.database != DATABASE:
        return FeedRefused(arrived, "database-unknown")
    message = Message(arrived.sha256, header.agreement, header.purposes, header.subjects, header.sent_at_ms)
    changes = tuple((change, _hash(key, change.number)) for change in body.changes)
    return Feed(arrived, Owner(header.originator, _party(header, directory)), message, changes)


def _granted(header: Header, directory: Directory, at_ms: int) -> bool:
    document = directory.grants_document
    grant = directory.grants.get((header.originator, DATABASE))
    if document is None or grant is None or at_ms >= min(grant.expires_at_ms, document.not_after_ms):
        return False
    return RANK[header.label.level] <= RANK[grant.level] and set(header.purposes) <= set(grant.purposes)


def _party(header: Header, directory: Directory) -> str:
    # Whoever is not listed any more owns nothing and is nobody's party.
    authority = directory.authorities.get(header.originator)
    return "" if authority is None else authority.party


def _hash(key: LookupKey, number: str) -> bytes | None:
    try:
        return key.number_hash(number)
    except FormatError:
        return None
