"""A node's database under load, in a process of its own, until somebody kills it: one line a query dealt with."""

import asyncio
import sys
from pathlib import Path

from tests.central.test_database import opened, query, take


async def main(folder: Path) -> None:
    """Take query after query and say so after each commit."""
    database = opened(folder)
    while True:
        for owed in await take(database, query("am-police", "AB123456")):
            sys.stdout.write(f"{owed.post.draft.id}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
