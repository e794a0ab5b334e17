"""Tell systemd how we are: the protocol of sd_notify(3), one datagram a state."""

import os
import socket


def notify(state: str) -> None:
    """Send `state` (`READY=1`, `STOPPING=1`, `WATCHDOG=1`) where a service manager asked for it."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
        channel.connect(address.replace("@", "\0", 1) if address.startswith("@") else address)
        channel.sendall(state.encode())


def watchdog_s() -> float | None:
    """Return how often the watchdog wants to hear from this process, None if it does not."""
    asked_us = os.environ.get("WATCHDOG_USEC", "")
    mine = os.environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    return int(asked_us) / 2_000_000 if mine and asked_us.isdigit() and int(asked_us) > 0 else None
