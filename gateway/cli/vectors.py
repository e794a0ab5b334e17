"""Print the test vectors of the wire: what `schemas/vectors/` holds, byte for byte the same every time.

Another implementation that reaches every verdict in these files speaks our language. schemas/vectors/README.md says how
to read them, and names the tests of what cannot be shown by bytes alone.
"""

import json
from functools import cache

from gateway.cli import (
    vectors_acknowledgements,
    vectors_batches,
    vectors_bodies,
    vectors_cross,
    vectors_directory,
    vectors_envelopes,
    vectors_keys,
    vectors_ledger,
    vectors_lists,
    vectors_signatures,
    vectors_spellings,
    vectors_statements,
)
from gateway.cli.vectors_federation import federation
from gateway.cli.vectors_verdict import render

_FILES = {
    "keys.json": vectors_keys,
    "envelopes.json": vectors_envelopes,
    "signatures.json": vectors_signatures,
    "batches.json": vectors_batches,
    "bodies.json": vectors_bodies,
    "spellings.json": vectors_spellings,
    "statements.json": vectors_statements,
    "acknowledgements.json": vectors_acknowledgements,
    "directory.json": vectors_directory,
    "lists.json": vectors_lists,
    "ledger.json": vectors_ledger,
    "cross.json": vectors_cross,
}


@cache
def vectors() -> dict[str, bytes]:
    """Return every file of `schemas/vectors/` that is printed, by its name."""
    known = (json.dumps(federation(), indent=1) + "\n").encode("ascii")
    return {"federation.json": known, **{name: render(each.ABOUT, each.vectors()) for name, each in _FILES.items()}}
