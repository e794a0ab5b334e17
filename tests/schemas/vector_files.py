"""The vector files as tests see them: read from disk, never from the producers."""

import json
from pathlib import Path
from typing import Any

SCHEMAS = Path(__file__).resolve().parent.parent.parent / "schemas"
VECTORS = SCHEMAS / "vectors"


def read(name: str) -> Any:
    """Return one file of `schemas/vectors/`."""
    return json.loads((VECTORS / name).read_text("ascii"))


def federation() -> Any:
    """Return what every verifier knows beforehand."""
    return read("federation.json")


def all_vectors() -> list[dict[str, Any]]:
    """Return every vector of every file, in order."""
    names = sorted(path.name for path in VECTORS.glob("*.json") if path.name != "federation.json")
    return [vector for name in names for vector in read(name)["vectors"]]
