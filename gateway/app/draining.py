"""Tell the gateway of a settings file to drain, and hear from it how many connections are left.

The process is found by the lock on its data directory, asked by a signal, and heard over its inspection listener.
"""

import os
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct

from gateway.domain.errors import CapacityError, ConfigurationError, PeerError
from gateway.links.inspection import Readiness
from gateway.settings.gateway import GatewaySettings
from gateway.store.data_directory import holder

LOOK_S = 0.1
ASK_TIMEOUT_S = 5.0
RETRY_AFTER_S = 5


class Progress(Struct, frozen=True):
    """How many connections are left, some seconds after the beginning."""

    connections: int
    after_s: float


def drain(settings: GatewaySettings, within_s: float) -> Iterator[Progress]:
    """Ask the gateway to drain; yield every change until nobody is connected.

    Raises:
        ConfigurationError: no gateway runs here, or it is not ours to signal.
        PeerError: it ended, or does not answer.
        CapacityError: somebody is still connected after `within_s` seconds.
    """
    pid = _running(settings)
    began_s = time.monotonic()
    last = -1
    while True:
        found = ask(settings)
        if "draining" not in found.checks:
            # Again, until it says so: a signal may come before the process listens for it.
            _signal(pid)
        elif found.connections != last:
            last = found.connections
            yield Progress(last, time.monotonic() - began_s)
        if last == 0:
            return
        if time.monotonic() - began_s > within_s:
            raise CapacityError("time to drain", RETRY_AFTER_S)
        time.sleep(LOOK_S)


def _running(settings: GatewaySettings) -> int:
    folder = Path(settings.gateway.data_folder)
    pid = holder(folder)
    if pid is None:
        raise ConfigurationError(f"no gateway runs on `{folder}`", "give the settings of the one that runs")
    return pid


def _signal(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGUSR1)
    except PermissionError:
        raise ConfigurationError(
            f"process {pid} is not ours to signal", "run it as root or as the user of the gateway"
        ) from None
    except ProcessLookupError:
        raise PeerError(f"the gateway (process {pid}) has ended") from None


def ask(settings: GatewaySettings) -> Readiness:
    """Return what the running gateway says of its readiness.

    Raises:
        PeerError: nobody answers, or something else does.
    """
    url = f"http://{settings.inspection.host}:{settings.inspection.port}/readyz"
    try:
        with urllib.request.urlopen(url, timeout=ASK_TIMEOUT_S) as answer:
            body = answer.read()
    except urllib.error.HTTPError as error:
        body = error.read()
    except (urllib.error.URLError, OSError) as error:
        raise PeerError(f"the gateway does not answer at {url}") from error
    try:
        return msgspec.json.decode(body, type=Readiness)
    except msgspec.DecodeError as error:
        raise PeerError(f"what answers at {url} is no gateway") from error
