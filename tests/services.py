"""Programs that tests borrow from Debian: where they are, and what happens without them."""

import os
from pathlib import Path

import pytest

from tools.services import PROGRAMS, find_program

__all__ = ["find_program", "require_program"]


def require_program(name: str) -> Path:
    """Return the program's path; without it skip by name, but fail where `CI=true` promises it."""
    path = find_program(name)
    if path is not None:
        return path
    reason = f"`{name}` is missing: run `make services` or install Debian's `{PROGRAMS[name].package}`"
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
