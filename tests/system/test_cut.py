"""A network that breaks off anywhere: after it comes back, one effect, one receipt."""

from contextlib import AsyncExitStack

import aiohttp
import pytest

from gateway.domain.session import Answer
from tests.endpoint.cutting import CuttingProxy
from tests.federation import Member
from tests.system.conftest import Served
from tests.system.house import House, header_digest, ledger_size
from tests.system.peers import calling, digests, eventually

POSITIONS = 30


async def _try(house: House, sender: Member, url: str, raw: bytes) -> Answer | None:
    """Connect, submit and wait; None where the connection broke off before there was an answer."""
    try:
        async with calling(house, sender, url=url) as caller:
            (number,) = await caller.put(raw)
            await eventually(lambda: caller.closed or number in caller.answers)
            return caller.answers.get(number)
    except (aiohttp.ClientError, ConnectionError, TypeError):
        # TypeError: what aiohttp raises for bytes that were awaited from a link that closed.
        return None


@pytest.mark.parametrize("upwards", [True, False], ids=["to-gateway", "from-gateway"])
async def test_threat_N8_cut_at_any_byte_has_one_effect_and_one_receipt(served: Served, upwards: bool) -> None:
    """N8, P-03: handshake, hello, submission, receipt: cut anywhere, sent again, and recorded and delivered once."""
    house = served.house
    sender, recipient = house.senders[2], house.recipients[2]
    proxy = CuttingProxy(house.port)
    proxy.upwards = upwards
    await proxy.start()
    url = f"https://localhost:{proxy.port}"
    async with AsyncExitStack() as stack:
        stack.push_async_callback(proxy.stop)
        hearer = await stack.enter_async_context(calling(house, recipient))
        raws = [house.envelope(sender, recipient) for _ in range(POSITIONS + 1)]
        before = ledger_size(served.gateway)
        answer = await _try(house, sender, url, raws[0])
        whole, heard = proxy.passed, 0
        assert answer is not None
        for step, raw in enumerate(raws[1:]):
            proxy.cut_after = 1 + (whole - 1) * step // (POSITIONS - 1)
            early = await _try(house, sender, url, raw)
            assert proxy.cuts == step + 1, "nothing was cut"
            again = await _try(house, sender, url, raw)
            assert again is not None
            assert again.permitted
            heard += early is not None
            assert early is None or early.body == again.body
            assert house.receipt(again.body, raw).index < ledger_size(served.gateway)
        await eventually(lambda: len(hearer.deliveries) > POSITIONS)
        assert (await hearer.acknowledge(sender, digests(hearer.deliveries))).permitted
        teller = await stack.enter_async_context(calling(house, sender))
        await eventually(lambda: len(teller.evidence) % (POSITIONS + 1) == 0 and teller.evidence)

        assert proxy.cuts == POSITIONS
        assert heard < POSITIONS
        assert ledger_size(served.gateway) == before + POSITIONS + 2
        expected = sorted(header_digest(raw) for raw in raws)
        assert sorted(digests(hearer.deliveries)) == expected
        told = [item.header_sha256 for item in teller.evidence if item.outcome == "consigned"]
        assert sorted(digest for digest in told if digest in expected) == expected
