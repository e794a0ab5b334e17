"""What does one admitted and delivered message cost the gateway, in verifications?

A gateway process on one core; this process, on the other, plays 20 senders and 20 recipients over mutual
TLS. Every message (2 KiB, sealed and signed beforehand) is verified, judged, committed with fsync, receipted
with proof, delivered and acknowledged. The unit is measured on the gateway's own core while it works, by a
process that verifies a little now and then. A window counts only if the gateway kept its core at least 90 % busy.
Singly and in batches take turns, because the memory of a shared machine changes by the minute: the median of the runs
is the answer.
"""

import argparse
import asyncio
import multiprocessing
import multiprocessing.synchronize
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import aiohttp

from benchmarks.machine import Verification, describe
from benchmarks.peers import Meter, Recipient, Sender, connect
from gateway.app.loop import run as run_loop
from gateway.cli.demo_files import free_ports
from gateway.crypto.digests import sha256
from gateway.crypto.envelope import decode_envelope
from gateway.crypto.receipt import verify_receipt
from gateway.crypto.sealing import Letter, message_id, recipient_key, seal, seal_batch
from tests.deployment import Deployment
from tests.federation import NETWORK, ORIGIN, now_ms

PAIRS = 20
BODY_BYTES = 2_000
WINDOW_S = 1.0
HALF_LOAD_S = 6
BUSY_MIN = 0.9
GATEWAY_CORE, DRIVER_CORE = 0, 1
TICKS = os.sysconf("SC_CLK_TCK")


def calibrate(units: "multiprocessing.Queue[float]", stop: "multiprocessing.synchronize.Event") -> None:
    """Measure the unit on the gateway's core, some twenty verifications four times a second."""
    os.sched_setaffinity(0, {GATEWAY_CORE})
    verification = Verification()
    while not stop.wait(0.25):
        units.put(verification.measure_us())


def prepare(deployment: Deployment, messages: int, together: int) -> list[list[bytes]]:
    """Return the envelopes of every sender; `together` above one signs that many at once."""
    directory = deployment.directory
    prepared: list[list[bytes]] = []
    for sender, recipient in zip(deployment.senders, deployment.recipients, strict=True):
        key = recipient_key(directory, recipient.name, 2, now_ms())
        signers = [sender.keys["message"]]
        # A sender's messages are milliseconds apart, also when they are made beforehand.
        times = range(now_ms() - messages // PAIRS, now_ms())[: messages // PAIRS]
        letters = [
            Letter(
                deployment.federation.draft(sender.name, id=message_id(at_ms), sent_at_ms=at_ms),
                os.urandom(BODY_BYTES),
                [key],
            )
            for at_ms in times
        ]
        if together == 1:
            prepared.append([seal(letter.draft, letter.plaintext, letter.recipients, signers) for letter in letters])
        else:
            groups = [letters[begin : begin + together] for begin in range(0, len(letters), together)]
            prepared.append([raw for group in groups for raw in seal_batch(group, signers)])
    return prepared


class Process:
    """CPU and memory of the gateway, read from /proc."""

    def __init__(self, pid: int) -> None:
        """Watch `pid`."""
        self._folder = Path(f"/proc/{pid}")

    def cpu_s(self) -> float:
        """CPU seconds used so far, user and system."""
        fields = (self._folder / "stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def memory_peak_mib(self) -> float:
        """Peak resident memory in MiB."""
        status = (self._folder / "status").read_text()
        return int(next(line for line in status.splitlines() if line.startswith("VmHWM")).split()[1]) / 1024


async def drive(
    deployment: Deployment, prepared: list[list[bytes]], meter: Meter, interval_s: float | None, watch: Process
) -> list[tuple[float, int, float]]:
    """Play everybody; return windows of (seconds, messages delivered, gateway CPU seconds)."""
    url = f"https://localhost:{deployment.port}"
    windows: list[tuple[float, int, float]] = []
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as tasks:
        receiving = []
        for member, sender, raws in zip(deployment.recipients, deployment.senders, prepared, strict=True):
            originators = {sha256(decode_envelope(raw).h): sender.name for raw in raws}
            recipient = Recipient(NETWORK, member.name, originators, member.keys["acknowledgement"], meter)
            link = await connect(session, url, deployment.context(member))
            receiving.append(tasks.create_task(recipient.run(link)))
        links = [await connect(session, url, deployment.context(member)) for member in deployment.senders]
        senders = [Sender(raws, meter, window=64, together=32) for raws in prepared]
        receiving += [tasks.create_task(sender.listen(link)) for sender, link in zip(senders, links, strict=True)]
        sampling = tasks.create_task(sample(meter, watch, windows))
        await asyncio.gather(*(sender.run(link, interval_s) for sender, link in zip(senders, links, strict=True)))
        deadline = time.monotonic() + 20
        while meter.evidenced < meter.receipted and time.monotonic() < deadline:
            await asyncio.sleep(0.01)
        for task in (sampling, *receiving):
            task.cancel()
    return windows


async def fill(deployment: Deployment, prepared: list[list[bytes]], meter: Meter) -> None:
    """Play the senders alone: everything is admitted, nobody takes it."""
    url = f"https://localhost:{deployment.port}"
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as tasks:
        links = [await connect(session, url, deployment.context(member)) for member in deployment.senders]
        senders = [Sender(raws, meter, window=64, together=32) for raws in prepared]
        listening = [tasks.create_task(sender.listen(link)) for sender, link in zip(senders, links, strict=True)]
        await asyncio.gather(*(sender.run(link) for sender, link in zip(senders, links, strict=True)))
        for task in listening:
            task.cancel()


def queued(messages: int) -> str:
    """Return what the gateway's memory was with so many messages queued."""
    with tempfile.TemporaryDirectory() as name:
        deployment = Deployment(Path(name), PAIRS, *free_ports(2))
        prepared = prepare(deployment, messages, 32)
        gateway = deployment.start(GATEWAY_CORE)
        meter = Meter()
        try:
            run_loop(fill(deployment, prepared, meter))
            memory = Process(gateway.pid).memory_peak_mib()
        finally:
            end(gateway)
    return f"  {meter.receipted} messages queued for absent recipients: peak memory {memory:.0f} MiB"


async def sample(meter: Meter, watch: Process, windows: list[tuple[float, int, float]]) -> None:
    """Append one window a second."""
    while True:
        begun, evidenced, cpu_s = time.monotonic(), meter.evidenced, watch.cpu_s()
        await asyncio.sleep(WINDOW_S)
        windows.append((time.monotonic() - begun, meter.evidenced - evidenced, watch.cpu_s() - cpu_s))


def check_sample(deployment: Deployment, meter: Meter) -> int:
    """Verify the sampled receipts; return how many."""
    gateways = {ORIGIN: deployment.federation.checkpoint_key.public}
    for receipt in meter.sample:
        verify_receipt(receipt, object_sha256=None, gateways=gateways, network=NETWORK)
    return len(meter.sample)


class Run(NamedTuple):
    """One run: messages a second, verifications a message (medians of its windows), p99, and what is to be printed."""

    rate: float
    verifications: float
    p99_ms: float
    text: str


def run(messages: int, together: int, interval_s: float | None) -> Run:
    """Run once on a fresh gateway."""
    with tempfile.TemporaryDirectory() as name:
        deployment = Deployment(Path(name), PAIRS, *free_ports(2))
        prepared = prepare(deployment, messages, together)
        gateway = deployment.start(GATEWAY_CORE)
        units: multiprocessing.Queue[float] = multiprocessing.Queue()
        stop = multiprocessing.Event()
        calibrator = multiprocessing.Process(target=calibrate, args=(units, stop))
        calibrator.start()
        meter = Meter()
        try:
            watch = Process(gateway.pid)
            windows = run_loop(drive(deployment, prepared, meter, interval_s, watch))
            memory = watch.memory_peak_mib()
        finally:
            stop.set()
            end(gateway)
        measured = [units.get() for _ in range(units.qsize())]
        calibrator.join(5)
        return report(meter, windows, measured, memory, check_sample(deployment, meter), interval_s is None)


def end(gateway: "subprocess.Popen[bytes]") -> None:
    """Stop the gateway in order."""
    gateway.terminate()
    try:
        gateway.wait(20)
    except subprocess.TimeoutExpired:
        gateway.kill()
        gateway.wait()


def report(
    meter: Meter,
    windows: list[tuple[float, int, float]],
    measured: list[float],
    memory_mib: float,
    verified: int,
    saturated: bool,
) -> Run:
    """Return the rate, the cost, and two lines of result."""
    full = [window for window in windows if window[1] and (not saturated or window[2] / window[0] >= BUSY_MIN)]
    if not full:
        return Run(0.0, 0.0, 0.0, f"  no window counts (drivers too slow?): {windows}")
    unit_us = statistics.median(measured)
    cost_us = statistics.median(cpu_s / count * 1e6 for _, count, cpu_s in full)
    rate = statistics.median(count / seconds for seconds, count, _ in full)
    latencies = sorted(meter.latencies_s)
    p50, p99 = (latencies[int(len(latencies) * share)] * 1_000 for share in (0.5, 0.99))
    busy = statistics.median(cpu_s / seconds for seconds, _, cpu_s in full)
    text = (
        f"  {rate:.0f} messages/s, {cost_us / unit_us:.2f} verifications a message "
        f"({cost_us:.0f} us, unit {unit_us:.0f} us), core {busy:.0%} busy in {len(full)} windows\n"
        f"  receipt p50 {p50:.1f} ms, p99 {p99:.1f} ms; peak memory {memory_mib:.0f} MiB; "
        f"{meter.receipted} receipted, {meter.delivered} delivered, {meter.evidenced} acknowledged, "
        f"{meter.refused} refused, {meter.busy} busy; {verified} receipts verified"
    )
    return Run(rate, cost_us / unit_us, p99, text)


def signed(together: int) -> str:
    """Say how messages are signed."""
    return "signed singly" if together == 1 else f"signed in batches of {together}"


def half_load(together: int, rate: float, repeats: int) -> None:
    """Print what receipts take at `rate`, half of what is possible, in an open loop; the median of the runs counts."""
    print(f"{signed(together)}, at half of its rate ({rate:.0f} messages/s, open loop):", flush=True)
    runs = []
    for _ in range(repeats):
        runs.append(run(max(PAIRS, int(rate * HALF_LOAD_S)), together, PAIRS / rate))
        print(runs[-1].text, flush=True)
    p99s = [each.p99_ms for each in runs if each.rate]
    if p99s:
        spread = f"{len(p99s)} runs ({min(p99s):.1f} to {max(p99s):.1f})"
        print(f"{signed(together)}, at half load: receipt p99 {statistics.median(p99s):.1f} ms, the median of {spread}")


def main() -> None:
    """Print the answer."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=60_000)
    parser.add_argument("--together", type=int, nargs="*", default=[1, 32])
    parser.add_argument("--no-half", action="store_true")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--queued", type=int, default=100_000)
    options = parser.parse_args()
    os.sched_setaffinity(0, {DRIVER_CORE})
    print(describe())
    print(
        f"{PAIRS} senders, {PAIRS} recipients, {BODY_BYTES} B bodies, suite 2, mutual TLS 1.3, WebSocket, fsync a batch"
    )
    runs: dict[int, list[Run]] = {together: [] for together in options.together}
    for _ in range(options.repeats):
        for together in options.together:
            print(f"{signed(together)}, saturated:", flush=True)
            runs[together].append(run(options.messages, together, None))
            print(runs[together][-1].text, flush=True)
    for together, done in runs.items():
        costs = [each.verifications for each in done if each.rate]
        if not costs:
            continue
        spread = f"{len(costs)} runs ({min(costs):.2f} to {max(costs):.2f})"
        print(f"{signed(together)}: {statistics.median(costs):.2f} verifications a message, the median of {spread}")
        rate = statistics.median(each.rate for each in done if each.rate)
        if not options.no_half:
            half_load(together, rate / 2, options.repeats)
    if options.queued:
        print(queued(options.queued), flush=True)


if __name__ == "__main__":
    main()
