"""From a message to a task: grants checked once more, bodies read, everything answered."""

import json

import pytest

from gateway.central.requests import Feed, FeedRefused, Search, SearchRefused, Task, read_request
from gateway.domain.directory import Directory
from tests.central.material import DAY_MS, KEY, NOW, arrived, directory

QUERY = b'{"number":"ab 123456"}'
CHANGES = {"database": "travel-documents", "changes": [{"action": "withdraw", "number": "12", "type": "passport"}]}


def read(originator: str, kind: str, body: bytes, listed: Directory | None = None, **changed: object) -> Task:
    """Return the task of one message."""
    return read_request(arrived(originator, kind, body, **changed), listed or directory(), KEY, NOW)


def test_query_within_its_grant_becomes_a_search() -> None:
    """The number is folded and hashed, the asker's party comes from the directory."""
    task = read("am-police", "query", QUERY)

    assert isinstance(task, Search)
    assert (task.party, task.number_hash) == ("AM", KEY.number_hash("AB123456"))


@pytest.mark.parametrize(
    ("listed", "changed"),
    [
        (directory(granted=("cz-police",)), {}),
        (directory(expires_at_ms=NOW), {}),
        (directory(database="vehicles"), {}),
        (directory(), {"purposes": ("border-control", "investigation")}),
        (directory(level="open"), {}),
    ],
)
def test_query_without_a_grant_of_ours_is_refused(listed: Directory, changed: dict[str, object]) -> None:
    """Access to each database is what the central node granted, whatever let the query through (CA-12, LI-05)."""
    task = read("am-police", "query", QUERY, listed, **changed)

    assert isinstance(task, SearchRefused)
    assert task.why == "grant-missing"


@pytest.mark.parametrize("database", [None, "vehicles"])
def test_query_of_a_database_that_is_not_here_is_refused(database: str | None) -> None:
    """The asker hears it, instead of a no-hit."""
    task = read("am-police", "query", QUERY, database=database)

    assert isinstance(task, SearchRefused)
    assert task.why == "database-unknown"


@pytest.mark.parametrize("body", [b"", b"{}", b'{"number":"?!"}', b'{"number":"12"}'])
def test_query_that_cannot_be_read_is_refused(body: bytes) -> None:
    """A number that is none is no no-hit either."""
    task = read("am-police", "query", body)

    assert isinstance(task, SearchRefused)
    assert task.why == "body-malformed"


def test_one_unreadable_number_does_not_stop_a_feed() -> None:
    """The change gets its own outcome; the others go through."""
    task = read("cz-police", "record", json.dumps(CHANGES).encode(), expires_at_ms=NOW + DAY_MS)

    assert isinstance(task, Feed)
    assert [hash_ for _, hash_ in task.changes] == [None]
    assert (task.owner.authority, task.owner.party) == ("cz-police", "CZ")


@pytest.mark.parametrize(
    ("body", "why"),
    [(b"{}", "body-malformed"), (json.dumps({**CHANGES, "database": "vehicles"}).encode(), "database-unknown")],
)
def test_feed_that_cannot_be_read_is_refused_whole(body: bytes, why: str) -> None:
    """Nothing of a malformed message is carried out, and its owner hears why."""
    task = read("cz-police", "record", body)

    assert isinstance(task, FeedRefused)
    assert task.why == why
