"""What does a message cost in SQLite, and what in PostgreSQL, with one, two and three gateways on it?

The same work goes to each store: messages admitted, then acknowledged. Counted is the CPU time of the process
that holds the store and, for PostgreSQL, of the server with all its sessions, read from /proc before and after; no TLS,
no verification of envelopes, no policy. Server and gateways share the machine, so rates are bounded by its cores; the
cost a message is what carries over. The unit is one verification of the same run.

    python -m benchmarks.postgres [--messages 3000] [--windows 4] [--gateways 3]
"""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from msgspec import Struct

from benchmarks.machine import Verification, describe
from benchmarks.store import Run, acknowledgements, prepare
from gateway.store.interface import Store, Work
from gateway.store.limits import PostgresSettings, StoreLimits, WriterLimits
from gateway.store.postgres.engine import PostgresStore
from gateway.store.sqlite.engine import SqliteStore
from tests.store import samples
from tools.postgres import PostgresServer
from tools.services import UnavailableError

TICK_S = 1 / os.sysconf("SC_CLK_TCK")
WRITER = WriterLimits(disk_free_bytes_min=0)
# Message numbers of different gateways must not meet.
APART = 1 << 40


class Cost(Struct, frozen=True):
    """One window: messages a second, CPU microseconds a message here and in the server."""

    rate: float
    own_us: float
    server_us: float


async def window(
    runs: Sequence[Run], first: int, messages: int, server_cpu_s: Callable[[], float]
) -> tuple[Cost, Cost]:
    """Admit `messages` at every store, then acknowledge them; return what each of the two cost a message."""
    batches = [prepare(APART * place + first, messages) for place in range(len(runs))]
    costs = []
    for works in (
        [[samples.admit(message) for message in batch] for batch in batches],
        [acknowledgements(batch) for batch in batches],
    ):
        many: Sequence[Sequence[Work]] = works
        own, server, begun = time.process_time(), server_cpu_s(), time.perf_counter()
        await asyncio.gather(*[run.measure(work) for run, work in zip(runs, many, strict=True)])
        spent_s = time.perf_counter() - begun
        count = messages * len(runs)
        costs.append(
            Cost(
                rate=count / spent_s,
                own_us=(time.process_time() - own) / count * 1e6,
                server_us=(server_cpu_s() - server) / count * 1e6,
            )
        )
    return costs[0], costs[1]


async def measure(name: str, stores: Sequence[Store], messages: int, windows: int, server: Callable[[], float]) -> None:
    """Print the medians of some windows, the first of which warms up."""
    unit = Verification()
    runs = [Run(store) for store in stores]
    pairs, verification_us = [], []
    for number in range(windows + 1):
        verification_us.append(unit.median_us())
        pairs.append(await window(runs, number * messages, messages, server))
    us = statistics.median(verification_us)
    for what, costs in (("admit", [a for a, _ in pairs[1:]]), ("acknowledge", [b for _, b in pairs[1:]])):
        own = statistics.median(cost.own_us for cost in costs)
        served = statistics.median(cost.server_us for cost in costs)
        rate = statistics.median(cost.rate for cost in costs)
        print(
            f"{name:<24} {what:<12} {rate:9,.0f}/s  gateway {own:6.1f} us  server {served:6.1f} us"
            f"  together {(own + served) / us:5.2f} verifications a message"
        )


def cpu_s_of(server: PostgresServer) -> float:
    """Return the CPU seconds of a server: of its processes now, and of those that have ended."""
    total = 0.0
    for pid in (server.pid, *server.sessions()):
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        # utime, stime; for the first process also what its ended children took.
        total += sum(map(int, fields[11:15] if pid == server.pid else fields[11:13])) * TICK_S
    return total


async def main(messages: int, windows: int, gateways: int) -> None:
    """Measure both engines on the same work."""
    print(describe())
    loop = asyncio.get_running_loop()
    whose = {"network": samples.NETWORK, "software": "benchmark", "loop": loop, "failed": _say}
    with tempfile.TemporaryDirectory(prefix="accord-bench-") as folder:
        embedded = SqliteStore(
            Path(folder) / "data",
            origin=samples.ORIGIN,
            key=samples.checkpoint_key(),
            limits=StoreLimits(writer=WRITER),
            **whose,  # type: ignore[arg-type]  # Four arguments that both engines take.
        )
        await measure("SQLite, 1 gateway", [embedded], messages, windows, lambda: 0.0)
        await embedded.close()
    try:
        server = PostgresServer(shared_buffers="256MB")
    except UnavailableError as error:
        print(f"PostgreSQL: not measured ({error})")
        return
    try:
        server.start()
        for count in range(1, gateways + 1):
            limits = StoreLimits(
                engine="postgres", writer=WRITER, postgres=PostgresSettings(dsn=server.dsn, schema=f"bench_{count}")
            )
            stores = [
                PostgresStore(
                    password=None,
                    origin=f"gateway-{number}.example/ledger",
                    key=samples.checkpoint_key(),
                    limits=limits,
                    **whose,  # type: ignore[arg-type]  # Four arguments that both engines take.
                )
                for number in range(count)
            ]
            name = f"PostgreSQL, {count} gateway{'s' if count > 1 else ''}"
            await measure(name, stores, messages // count, windows, lambda: cpu_s_of(server))
            for store in stores:
                await store.close()
    finally:
        server.remove()
    print("gateways of one run share this process and its interpreter: for their rates apart, `make soak`")


def _say(error: Exception) -> None:
    print(f"failed: {error}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=3_000, help="messages a window, over all gateways")
    parser.add_argument("--windows", type=int, default=4, help="windows that count")
    parser.add_argument("--gateways", type=int, default=3, help="as many as this share the server in the end")
    arguments = parser.parse_args()
    asyncio.run(main(arguments.messages, arguments.windows, arguments.gateways))
