"""What every benchmark states first: the machine, the versions, and the unit of measurement.

The unit is one Ed25519 verification by libsodium, measured in the same run, because the speed of a
shared machine changes by the minute and its ratios do not (design section 10).
"""

import platform
import resource
import sqlite3
import ssl
import statistics
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from nacl.bindings import crypto_sign, crypto_sign_open, crypto_sign_seed_keypair

SIGNED_BYTES = 1_200
LIBRARIES = ("aiohttp", "aiomqtt", "paho-mqtt", "cryptography", "msgspec", "pynacl")


def describe() -> str:
    """Return two lines: the machine and the versions that matter."""
    model = next(
        (
            line.split(":", 1)[1].strip()
            for line in Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
            if line.startswith("model name")
        ),
        platform.processor() or "unknown processor",
    )
    cores = len(
        [line for line in Path("/proc/cpuinfo").read_text(errors="replace").splitlines() if "processor" in line]
    )
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    try:
        loop = f"uvloop {version('uvloop')}"
    except PackageNotFoundError:
        loop = "asyncio"
    return (
        f"machine: {model}, {cores} cores, Linux {platform.release()}\n"
        f"versions: Python {platform.python_version()}, {ssl.OPENSSL_VERSION}, SQLite {sqlite3.sqlite_version}, "
        f"{libraries}; event loop of the gateway: {loop}"
    )


def resident_mib() -> float:
    """Return what this process occupies in memory, in MiB."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1024 / 1024


class Verification:
    """The unit: the CPU time of one libsodium verification of a header-sized text, in microseconds."""

    def __init__(self) -> None:
        """Make a key and a signed text."""
        public, secret = crypto_sign_seed_keypair(bytes(range(32)))
        self._public = public
        self._signed = crypto_sign(bytes(SIGNED_BYTES), secret)

    def measure_us(self, rounds: int = 20) -> float:
        """Return the mean CPU time of one verification over `rounds`, of this thread alone."""
        begin = time.thread_time_ns()
        for _ in range(rounds):
            crypto_sign_open(self._signed, self._public)
        return (time.thread_time_ns() - begin) / rounds / 1_000

    def median_us(self, samples: int = 50) -> float:
        """Return the median of `samples` measurements."""
        return statistics.median(self.measure_us() for _ in range(samples))
