"""A network that breaks off anywhere: after it comes back, one effect, one receipt."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from itertools import count

import aiohttp
import pytest

from gateway.crypto.digests import encode_base64url
from gateway.domain.session import Evidence
from gateway.store.register import export
from tests.endpoint.cutting import CuttingProxy
from tests.system.conftest import Served
from tests.system.house import header_digest
from tests.system.peers import Caller, calling, digests, eventually

POSITIONS = 24
# What closing an exchange takes, and by how much one may be shorter than another: proofs grow and shrink with the tree.
SLACK_BYTES = {True: 64, False: 512}
# Beyond the end of an exchange, of the longest too.
UNCUT_IN_A_ROW = 8
# What attempts had heard when they were cut, at least: 0 no hello, 1 a hello, 2 the receipt or the delivery, too.
STAGES = {
    ("submission", True): {0, 1},
    ("submission", False): {0, 1, 2},
    ("delivery", True): {0, 2},
    ("delivery", False): {0, 1, 2},
}


class Exchange:
    """Messages from a sender to a recipient, one after the other, and everything that both were ever told of them."""

    def __init__(self, served: Served) -> None:
        """Begin with nothing sent."""
        self.house = served.house
        self.sender, self.recipient = self.house.senders[2], self.house.recipients[2]
        self.receipts: dict[bytes, set[bytes]] = {}
        self.deliveries: Counter[bytes] = Counter()
        self.evidence: dict[int, Evidence] = {}
        # Deliveries whose acknowledgement has no receipt: said again on the next link, as an endpoint does.
        self.unanswered: set[bytes] = set()

    @asynccontextmanager
    async def sending(self, url: str | None = None) -> AsyncIterator[Caller]:
        """Give a link of the sender, which wants the evidence that it does not have yet."""
        async with calling(self.house, self.sender, url=url, after=max(self.evidence, default=0)) as caller:
            try:
                yield caller
            finally:
                self.told(caller, b"")

    @asynccontextmanager
    async def receiving(self, url: str | None = None) -> AsyncIterator[Caller]:
        """Give a link of the recipient, on which every delivery is acknowledged."""
        async with calling(self.house, self.recipient, url=url) as caller:
            acknowledging = asyncio.create_task(self._acknowledge(caller))
            try:
                yield caller
            finally:
                acknowledging.cancel()
                await asyncio.gather(acknowledging, return_exceptions=True)

    async def _acknowledge(self, caller: Caller) -> None:
        said: dict[int, list[bytes]] = {}
        done = 0
        fresh = sorted(self.unanswered)
        while True:
            if fresh:
                self.unanswered.update(fresh)
                said[await caller.put_acknowledgement(self.sender, fresh)] = fresh
            await asyncio.sleep(0.002)
            for number in caller.answers.keys() & said.keys():
                self.unanswered.difference_update(said.pop(number))
            fresh = digests(caller.deliveries[done:])
            done += len(fresh)
            self.deliveries.update(fresh)

    def told(self, caller: Caller, digest: bytes) -> bool:
        """Take the evidence that came over a link; return whether there is any about one message."""
        while caller.evidence:
            item = caller.evidence.pop()
            assert self.evidence.setdefault(item.sequence, item) == item
        return any(item.header_sha256 == digest for item in self.evidence.values())

    async def submit(self, caller: Caller, raw: bytes, *, to_the_end: bool) -> bool:
        """Submit over a link; return whether a receipt came. `to_the_end`: listen for the evidence, too."""
        (number,) = await caller.put(raw)
        digest = header_digest(raw)
        await eventually(
            lambda: (
                caller.closed is not None
                or (number in caller.answers and (not to_the_end or self.told(caller, digest)))
            )
        )
        if number not in caller.answers:
            return False
        assert caller.answers[number].permitted
        self.receipts.setdefault(digest, set()).add(caller.answers[number].body)
        return True

    def verify(self) -> None:
        """Hold the gateway to it: each message has one receipt, one entry, one outcome, and nothing was invented."""
        sent = set(self.receipts)
        assert all(len(receipts) == 1 for receipts in self.receipts.values()), "another receipt"
        assert sorted(self.evidence) == list(range(1, len(self.evidence) + 1)), "evidence has a gap"
        outcomes = [(item.header_sha256, item.outcome) for item in self.evidence.values()]
        assert sorted(one for one in outcomes if one[0] in sent) == sorted((digest, "consigned") for digest in sent)
        assert set(self.deliveries) == sent
        wanted = Counter({encode_base64url(digest): 1 for digest in sent})
        lines = [line for line in export(self.house.data) if line.header_sha256 in wanted]
        for act in ("provision", "receipt"):
            assert Counter(line.header_sha256 for line in lines if line.act == act) == wanted, f"not one {act} each"


class Cut:
    """One side's link, cut wherever the proxy is told to, and then a whole one; the other side's link stays."""

    def __init__(self, exchange: Exchange, side: str, other: Caller, url: str) -> None:
        """Cut the link of `side` by way of `url`."""
        self._exchange = exchange
        self._side = side
        self._other = other
        self._url = url
        self._stage = 0

    async def attempt(self) -> tuple[bytes, int]:
        """Send the next message over the link that will be cut; return it, and how far it came."""
        exchange = self._exchange
        raw = exchange.house.envelope(exchange.sender, exchange.recipient)
        self._stage = 0
        if self._side == "delivery":
            assert await exchange.submit(self._other, raw, to_the_end=False)
        # TypeError: what aiohttp raises for bytes that were awaited from a link that closed.
        with suppress(aiohttp.ClientError, OSError, TypeError):
            await self._over(self._url, raw)
        return raw, self._stage

    async def again(self, raw: bytes) -> None:
        """Come back over a link that holds, and go on until the originator has been told the outcome."""
        await self._over(None, raw)
        assert self._stage > 0
        await eventually(lambda: self._exchange.told(self._other, header_digest(raw)))

    async def _over(self, url: str | None, raw: bytes) -> None:
        exchange = self._exchange
        if self._side == "submission":
            async with exchange.sending(url) as caller:
                self._stage = 1
                self._stage += await exchange.submit(caller, raw, to_the_end=True)
            return
        digest = header_digest(raw)

        def ended(caller: Caller) -> bool:
            if url is not None:
                return bool(caller.answers)
            return exchange.told(self._other, digest) and not exchange.unanswered

        async with exchange.receiving(url) as caller:
            self._stage = 1
            try:
                await eventually(lambda: caller.closed is not None or ended(caller))
            finally:
                self._stage += digest in digests(caller.deliveries)


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.soak)], ids=["sampled", "every-byte"])
@pytest.mark.parametrize("inside", [False, True], ids=["records", "frames"])
@pytest.mark.parametrize("upwards", [True, False], ids=["to-gateway", "from-gateway"])
@pytest.mark.parametrize("side", ["submission", "delivery"])
async def test_threat_N8_cut_at_any_byte_has_one_effect_and_one_receipt(
    served: Served, side: str, upwards: bool, inside: bool, every: bool
) -> None:
    """N8, P-03, P-10: cut anywhere and taken up again, a message is recorded, delivered and consigned once.

    `submission`: handshake, hello, message, receipt, evidence. `delivery`: handshake, hello, delivery with its receipt,
    acknowledgement, answer. Cut are TLS records, or inside TLS the frames themselves.
    """
    exchange = Exchange(served)
    member = exchange.sender if side == "submission" else exchange.recipient
    proxy = CuttingProxy(served.house.port, served.house.between(member) if inside else None)
    proxy.upwards, proxy.stays_down = upwards, True
    await proxy.start()
    async with AsyncExitStack() as stack:
        stack.push_async_callback(proxy.stop)
        staying = exchange.receiving() if side == "submission" else exchange.sending()
        other = await stack.enter_async_context(staying)
        cut = Cut(exchange, side, other, f"https://localhost:{proxy.port}")
        # Twice: the first link is told what earlier tests left to tell.
        for _ in range(2):
            proxy.passed = 0
            raw, stage = await cut.attempt()
            assert stage == 2
            await cut.again(raw)
        whole = proxy.passed - SLACK_BYTES[upwards]
        sampled = [1 + (whole - 1) * step // (POSITIONS - 1) for step in range(POSITIONS)]
        stages = await _cut_at(count(1) if every else sampled, proxy, cut)
        assert proxy.cuts >= (whole if every else POSITIONS)
        assert set(stages) >= STAGES[side, upwards], "not every frame was cut"
        exchange.verify()


async def _cut_at(positions: Iterable[int], proxy: CuttingProxy, cut: Cut) -> Counter[int]:
    """Cut one exchange after so many bytes each, until they end uncut; return how often it had come how far."""
    stages: Counter[int] = Counter()
    uncut = 0
    for position in positions:
        proxy.cut_after, proxy.down, before = position, False, proxy.cuts
        raw, stage = await cut.attempt()
        proxy.cut_after = None
        await cut.again(raw)
        uncut = 0 if proxy.cuts > before else uncut + 1
        if not uncut:
            stages[stage] += 1
        if uncut == UNCUT_IN_A_ROW:
            break
    return stages
