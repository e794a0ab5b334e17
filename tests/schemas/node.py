"""Run the Node program in a copy of its own: what npm brings never lands in the repository."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.schemas.vector_files import SCHEMAS

VERIFIER = SCHEMAS / "verifier"
NODE_MAJOR_MIN = 20
INSTALL_TIMEOUT_S = 60


def prepare(folder: Path) -> Path:
    """Copy the verifier to `folder` and install what its lock file pins; skip by name where that cannot be had.

    Whoever tests a gateway need not have Node, so this is no failure in CI either: the vectors are judged in Python.
    """
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            pytest.skip(f"`{program}` is missing: the second implementation of the wire needs Node {NODE_MAJOR_MIN}")
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(re.findall(r"\d+", version)[0]) < NODE_MAJOR_MIN:
        pytest.skip(f"`node` is {version}: the second implementation of the wire needs Node {NODE_MAJOR_MIN}")
    copy = folder / "verifier"
    shutil.copytree(VERIFIER, copy, ignore=shutil.ignore_patterns("node_modules"))
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefer-offline"]
    try:
        done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False, timeout=INSTALL_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        pytest.skip(f"`npm ci` did not end within {INSTALL_TIMEOUT_S} s: no package registry")
    if done.returncode != 0:
        # A lock file that does not fit is our mistake; a registry that is not there is nobody's.
        assert "EUSAGE" not in done.stderr
        assert "EINTEGRITY" not in done.stderr
        pytest.skip(f"`npm ci` failed: {done.stderr.strip().splitlines()[-1:]}")
    return copy


def run(verifier: Path, program: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run one of the programs over a folder of vectors."""
    command = ["node", str(verifier / program), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
