"""The law of a running gateway: what nobody signed does not count, and nothing passes by it."""

import asyncio
import shutil
import signal
from pathlib import Path

from gateway.domain.receipt import Record
from tests.app.processes import Running
from tests.federation import ROOT
from tests.system.house import House
from tests.system.peers import Caller, calling, eventually
from tests.system.wrapped import Wrapped

WITHIN_S = 20.0


async def test_threat_O4_law_that_no_edition_names_permits_nothing(tmp_path: Path) -> None:
    """O4: an agreement altered or taken away under a running gateway refuses, and the record names the law it used."""
    agreements = shutil.copytree(ROOT / "config" / "agreements", tmp_path / "agreements")
    house = House(tmp_path / "house", 1, f'[law]\nagreements_folder = "{agreements}"\n')
    text = agreements / "cz-kz.toml"
    signed = text.read_bytes()
    with house.running() as gateway:
        async with calling(house, house.senders[0]) as caller:
            first = await _judged(house, caller)
            text.write_bytes(signed + b"\n# weaker\n")
            altered = await _after_reload(house, gateway, caller, told=1)
            text.unlink()
            absent = await _after_reload(house, gateway, caller, told=2)
            text.write_bytes(signed)
            gateway.signal(signal.SIGHUP)
            while (last := await _judged(house, caller)).outcome != "permitted":
                await asyncio.sleep(0.05)

    assert (first.outcome, altered.outcome, absent.outcome) == ("permitted", "refused", "refused")
    assert all("law-mismatch" in {reason.code for reason in record.reasons} for record in (altered, absent))
    assert len({first.law_sha256, altered.law_sha256, absent.law_sha256}) == 3
    assert last.law_sha256 == first.law_sha256


async def _judged(house: House, caller: Caller) -> Record:
    (answer,) = await caller.submit(house.envelope(house.senders[0], house.recipients[0]))
    return house.receipt(answer.body).record


async def _after_reload(house: House, gateway: Running, caller: Caller, told: int) -> Record:
    gateway.signal(signal.SIGHUP)
    await eventually(lambda: gateway.output().count("law-mismatch") == told)
    return await _judged(house, caller)


def test_threat_S4_slow_parser_is_not_used_silently(tmp_path: Path) -> None:
    """S4: without the compiled HTTP parser the gateway does not start, and says what to do."""
    house = House(tmp_path, 1)
    before = ("env", "AIOHTTP_NO_EXTENSIONS=1")
    gateway = Wrapped(house.config, tmp_path / "log", before=before)

    assert gateway.process.wait(WITHIN_S) == 78
    assert "without its compiled HTTP parser" in gateway.output()
    assert "unset AIOHTTP_NO_EXTENSIONS" in gateway.output()
