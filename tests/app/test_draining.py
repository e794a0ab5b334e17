"""Draining a gateway: `accord drain` and SIGTERM, on real processes."""

import asyncio
import signal
from pathlib import Path

from click.testing import CliRunner

from gateway.app.draining import ask
from gateway.cli.main import accord
from gateway.settings.gateway import GatewaySettings
from gateway.settings.source import load
from tests.system.house import House, header_digest, ledger_size
from tests.system.peers import calling, eventually

SENT = 200
DRAINING = "connections move to other gateways; a new start takes them again"


def _drain(house: House, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(accord, ["drain", "--config", str(house.config), *arguments])
    return result.exit_code, result.output


async def test_drain_answers_what_was_taken_says_goodbye_and_lets_nobody_in(tmp_path: Path) -> None:
    """Everything that reached the ledger was answered; then the link ends with 1001, and `/readyz` says why."""
    house = House(tmp_path, pairs=1)
    sender, recipient = house.senders[0], house.recipients[0]
    with house.running() as gateway:
        async with calling(house, sender) as caller, calling(house, recipient) as hearer:
            for _ in range(SENT // 50):
                await caller.put(*[house.envelope(sender, recipient) for _ in range(50)])
            code, said = await asyncio.to_thread(_drain, house)
            await eventually(lambda: caller.closed is not None and hearer.closed is not None)

            assert code == 0, said
            assert "0 connections left" in said
            assert (caller.closed, hearer.closed) == (1001, 1001)
            permitted = sum(answer.permitted for answer in caller.answers.values())
            # One entry tells of the edition; every other one is a submission that was answered.
            assert ledger_size(gateway) == permitted + 1
            assert all(answer.permitted for answer in caller.answers.values())
        told = ask(load(house.config, GatewaySettings).values)
        assert (told.ready, told.checks["draining"], told.connections) == (False, DRAINING, 0)
        code, said = await asyncio.to_thread(_drain, house)
        assert code == 0, said
        assert gateway.end() == 0, gateway.output()
    code, said = _drain(house)
    assert (code, f"no gateway runs on `{house.data}`" in said) == (78, True)


async def test_sigterm_drains_before_it_stops(tmp_path: Path) -> None:
    """What systemd sends: the same order, and exit code 0; what was receipted is there after a new start."""
    house = House(tmp_path, pairs=1)
    sender, recipient = house.senders[0], house.recipients[0]
    raws = [house.envelope(sender, recipient) for _ in range(SENT)]
    with house.running() as gateway:
        async with calling(house, sender) as caller:
            numbers = await caller.put(*raws)
            await eventually(lambda: caller.answers)
            gateway.signal(signal.SIGTERM)
            await eventually(lambda: caller.closed is not None)
            assert caller.closed == 1001
        assert await asyncio.to_thread(gateway.process.wait, 20) == 0
    with house.running():
        async with calling(house, sender) as caller:
            again = await caller.submit(*raws)
        async with calling(house, recipient) as hearer:
            await eventually(lambda: len(hearer.deliveries) == SENT)
    assert len(again) == len(numbers)
    assert {item.header_sha256 for item in hearer.deliveries} == {header_digest(raw) for raw in raws}
