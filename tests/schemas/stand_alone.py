"""Run `schemas/verify_receipt.py` as a third party would, or load it to try many receipts quickly."""

import importlib.util
import subprocess
import sys
from functools import cache
from types import ModuleType

from tests.schemas.vector_files import SCHEMAS, federation

SCRIPT = SCHEMAS / "verify_receipt.py"


@cache
def module() -> ModuleType:
    """Return the stand-alone verifier as a module."""
    spec = importlib.util.spec_from_file_location("stand_alone_verify_receipt", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(loaded)
    return loaded


def public(name: str = "checkpoint") -> str:
    """Return a public test key as the command line wants it."""
    return str(next(key["public"] for key in federation()["keys"] if key["name"] == name))


def run(*arguments: str, origin: str | None = None, key: str | None = None) -> subprocess.CompletedProcess[str]:
    """Run the program isolated from this repository: `-I` keeps the working folder off its path."""
    trust = ["--origin", origin or federation()["origin"], "--key", key or public()]
    command = [sys.executable, "-I", str(SCRIPT), *arguments, *trust]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30, cwd="/")
