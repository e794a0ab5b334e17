"""A PostgreSQL server of our own: made in a folder, started on a free loopback port, killed and started again, removed.

It runs with `fsync=on`, like one that is to be trusted. PostgreSQL refuses to run as root, so as root it is started
through `setpriv` as another user, who then owns its folder; no system service and no system folder is touched.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from tools.services import UnavailableError, find_program

USER = "accord"
START_S = 60.0
STOP_S = 20.0
# Who runs the server where we are root: Debian's own user for it, else nobody.
OTHERS = ("postgres", "nobody")
SETTINGS = {
    "fsync": "on",
    "listen_addresses": "127.0.0.1",
    "max_connections": "120",
    "shared_buffers": "64MB",
    "max_wal_size": "1GB",
    "log_min_messages": "warning",
}


class PostgresServer:
    """One server in a folder below /tmp. `start`, `kill`, `stop`; `remove` takes it all away."""

    def __init__(self, **settings: str) -> None:
        """Make the folder and an empty cluster in it; `settings` go to postgresql.conf.

        Raises:
            UnavailableError: the programs are missing or do not work here.
        """
        self._programs = {name: _program(name) for name in ("initdb", "postgres")}
        self.folder = Path(tempfile.mkdtemp(prefix="accord-postgres-"))
        self.folder.chmod(0o755)
        self._as_other: list[str] = _as_other(self.folder)
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None
        self.port = _free_port()
        self.settings = {**SETTINGS, **settings}
        self._initialise()

    @property
    def dsn(self) -> str:
        """The address of the database, for asyncpg and for `store.postgres.dsn`."""
        return f"postgresql://{USER}@127.0.0.1:{self.port}/postgres"

    @property
    def pid(self) -> int:
        """The process that all others of the server belong to."""
        assert self._process is not None
        return self._process.pid

    def sessions(self) -> Sequence[int]:
        """The processes of the server beside the first one: a session each, and its own workers."""
        return _children(self.pid)

    @property
    def data(self) -> Path:
        """The data folder of the cluster."""
        return self.folder / "data"

    def start(self) -> None:
        """Start the server and wait until it answers; after a kill that is when it has recovered."""
        self._log = (self.folder / "log").open("ab")
        command = [str(self._programs["postgres"]), "-D", str(self.data), "-p", str(self.port)]
        command += ["-k", str(self.folder)]
        for name, value in self.settings.items():
            command += ["-c", f"{name}={value}"]
        # A session of its own, so that an interrupted test run does not send the server its signals.
        self._process = subprocess.Popen(
            [*self._as_other, *command], stdout=self._log, stderr=self._log, cwd=self.folder, start_new_session=True
        )
        self._wait()

    def kill(self) -> None:
        """End the server and every session of it with SIGKILL, as a crash does; what was committed is on disk."""
        assert self._process is not None
        children = _children(self.pid)
        for pid in (self.pid, *children):
            _signal(pid, signal.SIGKILL)
        self._process.wait(STOP_S)
        for pid in children:
            _wait_gone(pid)
        self._close_log()

    def stop(self) -> None:
        """Shut the server down (fast: sessions are ended, nothing is lost)."""
        if self._process is None or self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGINT)
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self.kill()
        self._close_log()

    def remove(self) -> None:
        """Stop the server and delete its folder."""
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _initialise(self) -> None:
        command = [str(self._programs["initdb"]), "-D", str(self.data), "-U", USER, "-A", "trust"]
        command += ["--encoding=UTF8", "--locale=C", "--no-sync", "--data-checksums"]
        done = subprocess.run([*self._as_other, *command], capture_output=True, text=True, cwd=self.folder, check=False)
        if done.returncode != 0:
            raise UnavailableError(f"`initdb` failed: {(done.stderr.strip() or 'no output').splitlines()[-1]}")

    def _wait(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise UnavailableError(f"`postgres` ended at once: {self._last_words()}")
            status = self.data / "postmaster.pid"
            try:
                lines = status.read_text().splitlines()
                # After a kill the file of the server before still lies there.
                if lines[0] == str(self.pid) and lines[7].strip() == "ready":
                    return
            except (OSError, IndexError):
                pass
            time.sleep(0.02)
        raise UnavailableError(f"`postgres` did not start within {START_S} s: {self._last_words()}")

    def _last_words(self) -> str:
        lines = (self.folder / "log").read_text(errors="replace").splitlines()
        return lines[-1] if lines else "no output"

    def _close_log(self) -> None:
        if self._log is not None:
            self._log.close()
            self._log = None


def _program(name: str) -> Path:
    path = find_program(name)
    if path is None:
        raise UnavailableError(f"`{name}` is missing: run `make services` or install Debian's `postgresql-15`")
    return path


def _as_other(folder: Path) -> list[str]:
    """Return what starts a program as somebody who is not root, and give that user `folder`."""
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        raise UnavailableError("`setpriv` is missing, and PostgreSQL does not run as root")
    for name in OTHERS:
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        os.chown(folder, user.pw_uid, user.pw_gid)
        return [setpriv, "--reuid", str(user.pw_uid), "--regid", str(user.pw_gid), "--clear-groups", "--"]
    raise UnavailableError(f"there is no user {' or '.join(OTHERS)} to run PostgreSQL as")


def _children(pid: int) -> Sequence[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return [int(each) for each in text.split()]


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def _wait_gone(pid: int) -> None:
    deadline = time.monotonic() + STOP_S
    while Path(f"/proc/{pid}").exists() and time.monotonic() < deadline:
        if Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z":
            return
        time.sleep(0.01)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
