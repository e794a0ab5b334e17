"""The pages beside the vectors name what is there, and every negative vector that the specification asks for."""

import re
from fnmatch import fnmatchcase

from tests.schemas.vector_files import SCHEMAS, VECTORS, all_vectors

ROOT = SCHEMAS.parent
NEGATIVE = "## The negative vectors of the specification"
# wire.md, "Negative vectors to ship", item by item.
ITEMS = (
    "every signature type against every other verifier",
    "another network",
    "signer stripped, added, doubled, foreign",
    "S + L",
    "small-order R",
    "mixed-order key",
    "batch with wrong n, i, path",
    "an inner node as leaf",
    "a remembered root with another g",
    "wrap swapped, garbled, reordered, of another suite",
    "another content key",
    "bodies swapped between two valid messages",
    "re-attribution to another originator",
    "a co-recipient's forward",
    "delivery without receipt",
    "receipt with altered record, origin, index",
    "a fork",
    "a shrunk tree",
    "an id squatted by another peer, poisoned by an early copy",
    "consent with wrong grantee, source, recipient, purpose",
    "expired, used up",
    "revoked before dispatch",
    "grants older than seen",
    "central key swapped by the directory",
    "a directory key counted twice",
    "JSON with another field order, doubled key, float, -0, 2^53, escape, non-ASCII, byte-order mark, trailing space",
)


def _rows() -> list[tuple[str, list[str]]]:
    """What must be refused, and the names in backquotes that show it."""
    table = (VECTORS / "README.md").read_text("utf-8").partition(NEGATIVE)[2]
    rows = re.findall(r"^\| (.+?) \| (.+) \|$", table, re.MULTILINE)
    return [(what, re.findall(r"`([^`]+)`", shown)) for what, shown in rows if what != "what must be refused"]


def test_every_negative_vector_of_the_specification_has_a_row() -> None:
    """No item of the list is forgotten, and none stands without something that shows it."""
    rows = _rows()

    assert [item for item in ITEMS if not any(item in what for what, _ in rows)] == []
    assert [what for what, shown in rows if not shown] == []


def test_every_row_names_what_exists() -> None:
    """A row is shown by vectors that are refused, or by a test that is there; nothing else counts."""
    refused = [vector["name"] for vector in all_vectors() if vector["expect"]["verdict"] == "refused"]
    lost = []
    for what, shown in _rows():
        for name in shown:
            path, _, test = name.partition("::")
            if "/" in path:
                found = (ROOT / path).is_file() and f"def {test}" in (ROOT / path).read_text("utf-8")
            else:
                found = any(fnmatchcase(vector, name) for vector in refused)
            lost += [] if found else [f"{what}: `{name}`"]

    assert lost == []


def test_post_quantum_statement_is_the_one_of_the_specification() -> None:
    """Said exactly, so that nobody reads more into suite 2 than there is."""
    page = " ".join((SCHEMAS / "README.md").read_text("utf-8").split())

    assert (
        "With suite 2 the *content* of messages stays closed to whoever records traffic today. Headers, signatures, "
        "TLS key exchange (unless the platform's OpenSSL is 3.5 or newer) and identities are classical."
    ) in page


def test_page_explains_every_check() -> None:
    """Whoever writes a third implementation finds each kind of vector explained."""
    page = (VECTORS / "README.md").read_text("utf-8")

    checks = {vector["check"] for vector in all_vectors()}
    assert [check for check in sorted(checks) if f"`{check}`" not in page] == []
