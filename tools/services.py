"""Find the Debian programs that tests talk to, or unpack them below `.services/`.

No root, no system service, nothing installed: `apt-get download` and `dpkg -x` into a folder that can be
deleted. What cannot be had is said with its reason; the tests that need it are then skipped by name.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parent.parent / ".services"
# A library closure deeper than this is a program we should not borrow.
LIBRARY_ROUNDS_MAX = 6
APT_TIMEOUT_S = 240


@dataclass(frozen=True)
class Program:
    """One program, and where the Debian package that brings it keeps it."""

    name: str
    package: str
    path: str


POSTGRESQL = "usr/lib/postgresql/15/bin"
PROGRAMS = {
    program.name: program
    for program in (
        Program("promtool", "prometheus", "usr/bin/promtool"),
        Program("mosquitto", "mosquitto", "usr/sbin/mosquitto"),
        Program("postgres", "postgresql-15", f"{POSTGRESQL}/postgres"),
        Program("initdb", "postgresql-15", f"{POSTGRESQL}/initdb"),
        Program("psql", "postgresql-client-15", f"{POSTGRESQL}/psql"),
        Program("pg_dump", "postgresql-client-15", f"{POSTGRESQL}/pg_dump"),
        Program("pg_restore", "postgresql-client-15", f"{POSTGRESQL}/pg_restore"),
    )
}


class UnavailableError(Exception):
    """This machine cannot give the program; the operator may install the package."""


def find_program(name: str) -> Path | None:
    """Return the program on PATH or below `.services/`, or nothing."""
    on_path = shutil.which(name)
    if on_path:
        return Path(on_path)
    # Debian keeps the programs of a PostgreSQL server off the PATH; the newest version that is there will do.
    for installed in sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}"), reverse=True):
        return installed
    wrapper = FOLDER / "bin" / name
    return wrapper if os.access(wrapper, os.X_OK) else None


def fetch_program(program: Program) -> Path:
    """Unpack a program with its libraries and return the wrapper that starts it.

    Raises:
        UnavailableError: no Debian tools, no network, or a library that no package brings.
    """
    for tool in ("apt-get", "dpkg", "dpkg-deb", "ldd"):
        if not shutil.which(tool):
            raise UnavailableError(f"`{tool}` is missing, this is no Debian machine")
    root = FOLDER / program.name
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir(parents=True)
    dependencies = _unpack(program.package, root)
    binary = root / program.path
    if not binary.exists():
        raise UnavailableError(f"package `{program.package}` brings no `{program.path}`")
    _unpack_libraries(binary, root, dependencies)
    return _write_wrapper(program.name, binary, root)


def _unpack(package: str, root: Path) -> list[str]:
    """Unpack a package below `root` and return the names of the libraries it depends on."""
    with tempfile.TemporaryDirectory() as folder:
        deb = _download(package, Path(folder))
        _run(["dpkg-deb", "-x", str(deb), str(root)])
        depends = _run(["dpkg-deb", "-f", str(deb), "Pre-Depends", "Depends"])
    return re.findall(r"\blib[a-z0-9.+-]+", depends)


def _download(package: str, folder: Path) -> Path:
    command = ["apt-get", "-q", "-o", "Acquire::Retries=1", "-o", "Acquire::http::Timeout=20"]
    try:
        _run([*command, "download", package], folder)
    except UnavailableError:
        # The system's package lists are empty or stale, and only root may renew them: keep our own.
        own = [*command, *_own_apt_state()]
        if not (FOLDER / "apt" / "fresh").exists():
            _run([*own, "update"])
            (FOLDER / "apt" / "fresh").touch()
        _run([*own, "download", package], folder)
    return next(folder.glob("*.deb"))


def _own_apt_state() -> list[str]:
    state, cache = FOLDER / "apt" / "state", FOLDER / "apt" / "cache"
    (state / "lists" / "partial").mkdir(parents=True, exist_ok=True)
    (cache / "archives" / "partial").mkdir(parents=True, exist_ok=True)
    return [
        *("-o", f"Dir::State={state}", "-o", f"Dir::Cache={cache}"),
        *("-o", "Dir::State::status=/var/lib/dpkg/status", "-o", "APT::Sandbox::User="),
    ]


def _unpack_libraries(binary: Path, root: Path, candidates: list[str]) -> None:
    tried: set[str] = set()
    for _ in range(LIBRARY_ROUNDS_MAX):
        missing = _missing_libraries(binary, root)
        if not missing:
            return
        found: list[str] = []
        for package in candidates:
            if package not in tried:
                tried.add(package)
                found += _unpack(package, root)
        candidates = found
    raise UnavailableError(f"libraries {', '.join(missing)} are missing for `{binary.name}`")


def _missing_libraries(binary: Path, root: Path) -> list[str]:
    environment = {**os.environ, "LD_LIBRARY_PATH": _library_path(root)}
    listed = subprocess.run(["ldd", str(binary)], capture_output=True, text=True, check=False, env=environment)
    return re.findall(r"(\S+) => not found", listed.stdout)


def _library_path(root: Path) -> str:
    return ":".join(sorted({str(file.parent) for file in root.rglob("lib*.so*")}))


def _write_wrapper(name: str, binary: Path, root: Path) -> Path:
    wrapper = FOLDER / "bin" / name
    wrapper.parent.mkdir(parents=True, exist_ok=True)
    libraries = _library_path(root)
    setting = f'export LD_LIBRARY_PATH="{libraries}"\n' if libraries else ""
    wrapper.write_text(f'#!/bin/sh\n{setting}exec "{binary}" "$@"\n')
    wrapper.chmod(0o755)
    return wrapper


def _run(command: list[str], folder: Path | None = None) -> str:
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=APT_TIMEOUT_S)
    except subprocess.TimeoutExpired as error:
        raise UnavailableError(f"`{' '.join(command[:1])}` did not end in {APT_TIMEOUT_S} s") from error
    if done.returncode != 0:
        last = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()[-1]
        raise UnavailableError(f"`{command[0]}` failed: {last}")
    return done.stdout


def main() -> None:
    """Say for every program, or for those that are named, where it is, or why it cannot be had."""
    for program in [PROGRAMS[name] for name in sys.argv[1:] or PROGRAMS]:
        try:
            where = find_program(program.name) or fetch_program(program)
            print(f"services: {program.name} is {where}")
        except UnavailableError as error:
            print(f"services: no {program.name} ({error}); install `{program.package}`, or its tests are skipped")


if __name__ == "__main__":
    main()
