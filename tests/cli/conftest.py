"""Fixtures of the command line's tests."""

from tests.app.processes import served
from tests.cli.demo_folder import desk, federation, made_once

__all__ = ["desk", "federation", "made_once", "served"]
