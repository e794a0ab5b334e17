"""`make demo SCALE=1`: the part of the demo with three gateways, on a PostgreSQL that is started for it and removed."""

import subprocess
import sys
from pathlib import Path

from tools.postgres import PostgresServer
from tools.services import UnavailableError


def main() -> int:
    """Play it; say plainly where PostgreSQL cannot be had."""
    try:
        server = PostgresServer()
    except UnavailableError as error:
        print(f"demo: the part with three gateways is skipped, there is no PostgreSQL here ({error})")
        return 0
    try:
        server.start()
        accord = Path(sys.executable).with_name("accord")
        return subprocess.run([str(accord), "demo", "--postgres", server.dsn, *sys.argv[1:]], check=False).returncode
    finally:
        server.remove()


if __name__ == "__main__":
    sys.exit(main())
