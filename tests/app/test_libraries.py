"""What is set in C libraries is taken by those of this machine, in a process of its own."""

import subprocess
import sys

SCRIPT = """
import sqlite3, sys, threading
from gateway.app.libraries import keep_freed, without_locks
print(keep_freed(), without_locks())
connection = sqlite3.connect(":memory:", check_same_thread=False)
connection.execute("CREATE TABLE t (n)")
thread = threading.Thread(target=connection.executemany, args=("INSERT INTO t VALUES (?)", [(n,) for n in range(1000)]))
thread.start()
thread.join()
print(connection.execute("SELECT sum(n) FROM t").fetchone()[0])
print(connection.execute("PRAGMA compile_options").fetchall().count(("THREADSAFE=1",)))
"""


def test_libraries_take_what_they_are_told_and_work_on() -> None:
    """Debian's glibc and SQLite take both settings, and a connection still goes from one thread to the next."""
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, timeout=30, check=True)

    assert done.stdout.split() == ["True", "True", str(sum(range(1000))), "1"], done.stderr
