"""The chapter in which two authorities use a broker that both run already, and it is asked what it is worth."""

import asyncio
import os
import shutil
from pathlib import Path

import msgspec

from gateway.demo.federation import Federation
from gateway.demo.story import Story
from gateway.domain.errors import ConfigurationError
from gateway.endpoint.words import InboxReport, SentReport

BORROWED = Path(__file__).resolve().parents[2] / ".services" / "bin" / "mosquitto"
WORDS = ("--to", "kz-mvd", "--agreement", "cz-kz", "--purpose", "detection", "--subject", "motor-vehicles")


def find_mosquitto() -> Path | None:
    """Return the broker's program: on PATH, where Debian puts it, or as `make services` unpacked it; None without."""
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin"
    found = shutil.which("mosquitto", path=path)
    if found is not None:
        return Path(found)
    return BORROWED if os.access(BORROWED, os.X_OK) else None


async def brokered(story: Story) -> None:
    """A message by the broker alone, one that the broker may not see, and the probe."""
    story.narrator.chapter("Through an MQTT broker that both sides run already")
    federation = story.federation
    if federation.broker is None:
        story.narrator.note("left out: no Mosquitto here (make services borrows Debian's); nothing of it is counted")
        return
    # One process has an endpoint's data directory: the commands below open it themselves.
    for name in ("cz-police", "kz-mvd"):
        federation.endpoints[name].stop()
    try:
        await asyncio.to_thread(_tell, story, federation)
    finally:
        for name in ("cz-police", "kz-mvd"):
            federation.endpoints[name].start()


def _tell(story: Story, federation: Federation) -> None:
    mqtt = federation.settings().links.mqtt
    assert mqtt is not None
    czech, kazakh = (
        str(federation.endpoint_file(name).with_name("endpoint-broker.toml")) for name in ("cz-police", "kz-mvd")
    )
    via = ("--via", mqtt.url)
    narrator = story.narrator
    sent = _run(federation, "send", *WORDS, "--config", czech, "--text", "Plate 4A2 1234 again.", "--json", *via)
    timeline = msgspec.json.decode(sent, type=SentReport).timeline if sent.startswith("{") else None
    narrator.line(
        "cz-police > kz-mvd",
        "sends by MQTT alone, under an opaque topic",
        f"accepted, ledger entry {timeline.ledger_index}" if timeline else sent,
        timeline is not None and timeline.state in {"accepted", "delivered"},
    )
    listed = _run(federation, "inbox", "--config", kazakh, "--json", *via)
    lines = msgspec.json.decode(listed, type=InboxReport).messages if listed.startswith("{") else ()
    arrived = timeline is not None and any(line.sha256 == timeline.sha256 for line in lines)
    narrator.line("kz-mvd", "fetches it by MQTT alone", "there, with its receipt" if arrived else listed, arrived)
    kept = _run(
        federation, "send", *WORDS, "--config", czech, "--text", "x", "--level", "confidential", "--wait", "2", *via
    )
    stays = "may not travel through a broker" in kept
    outcome = "stays at home: above what the broker may see" if stays else kept
    narrator.line("cz-police", "sends a confidential message the same way", outcome, stays)
    checked = _run(federation, "check", "--config", czech, "--broker", mqtt.url)
    good = "reading" in checked and "FAILED" not in checked
    tried = f"{len([line for line in checked.splitlines() if 'remedy:' not in line])} things tried, no hole"
    narrator.line("operator", "asks what the broker grants and breaks", tried if good else checked, good)


def _run(federation: Federation, *words: str) -> str:
    """Return what a command printed, or why it failed."""
    try:
        return federation.accord(*words).stdout
    except ConfigurationError as error:
        return str(error)
