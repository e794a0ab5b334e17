"""A revocation bites within seconds: on live connections, on queued messages, on nobody else."""

import asyncio
import time
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path

from msgspec.structs import replace

from gateway.crypto.digests import encode_base64url
from gateway.domain.directory import Authority, Edition
from tests.federation import Member
from tests.system.house import House, changed, header_digest
from tests.system.peers import Caller, calling, digests, eventually

# "Closed and stopped at dispatch within 5 s" (issue, "What must stand" 3), counted from the installed file.
BITES_WITHIN_S = 5.0
OTHERS = 20
QUEUED = 20


def _edition(edition: Edition, stolen: Member, leaked: Member, at_ms: int) -> Edition:
    """Revoke the certificate of one authority and the message key of another."""
    kid = encode_base64url(leaked.keys["message"].kid)

    def without_certificate(authority: Authority) -> Authority:
        return replace(authority, endpoints=tuple(replace(each, revoked=True) for each in authority.endpoints))

    def without_key(authority: Authority) -> Authority:
        compromised = {"status": "compromised", "invalid_from_ms": at_ms}
        keys = [replace(key, **compromised) if key.kid == kid else key for key in authority.keys]
        return replace(authority, keys=tuple(keys))

    return changed(changed(edition, stolen.name, without_certificate), leaked.name, without_key)


async def test_threat_E26_N3_revocation_bites_within_5_s_and_on_nobody_else(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    """E26, N3: links of a revoked certificate close, mail under a revoked key stops, 20 other links live on."""
    house = House(tmp_path, pairs=2 + OTHERS // 2)
    stolen, leaked, *senders = house.senders
    absent = house.recipients[0]
    queued = [house.envelope(leaked, absent) for _ in range(QUEUED)]
    others = [*senders, *house.recipients[2:]]
    with house.running():
        async with AsyncExitStack() as stack:
            first, second, leaky, *living = [
                await stack.enter_async_context(calling(house, member)) for member in (stolen, stolen, leaked, *others)
            ]
            assert all(answer.permitted for answer in await leaky.submit(*queued))
            fresh = tmp_path / "edition-2"
            fresh.write_bytes(house.next_edition(lambda one: _edition(one, stolen, leaked, house.federation.at_ms)))
            installed_s = time.monotonic()
            fresh.rename(tmp_path / "directory" / "edition.accord")
            await eventually(lambda: first.closed and second.closed)
            await eventually(lambda: len(leaky.evidence) == QUEUED)
            stopped_s = time.monotonic() - installed_s
            closed_s = max(first.closed_at_s, second.closed_at_s) - installed_s
            record_property("closed_after_s", closed_s)
            record_property("stopped_after_s", stopped_s)

            assert max(closed_s, stopped_s) < BITES_WITHIN_S
            assert (first.closed, second.closed) == (4403, 4403)
            assert {item.outcome for item in leaky.evidence} == {"key-compromised"}
            assert len(living) == OTHERS
            await _live(house, living, senders)
            async with house.session(stolen) as session, session.get("/v1/link") as refused:
                assert refused.status == 401
            (answer,) = await leaky.submit(house.envelope(leaked, absent))
            assert (answer.kind, answer.code) == ("unauthenticated", "signature-invalid")
            await _only_honest_mail_arrives(house, living[0], senders[0], absent)


async def _live(house: House, living: list[Caller], senders: list[Member]) -> None:
    """Every other link still serves: each sender's message reaches a recipient that was connected all the time."""
    callers, hearers = living[: len(senders)], living[len(senders) :]
    raws = [house.envelope(*pair) for pair in zip(senders, house.recipients[2:], strict=True)]
    answers = await asyncio.gather(*[caller.submit(raw) for caller, raw in zip(callers, raws, strict=True)])

    assert all(answer.permitted for (answer,) in answers)
    await eventually(lambda: all(hearer.deliveries for hearer in hearers))
    assert [digests(hearer.deliveries) for hearer in hearers] == [[header_digest(raw)] for raw in raws]
    assert all(caller.closed is None for caller in living)


async def _only_honest_mail_arrives(house: House, caller: Caller, sender: Member, absent: Member) -> None:
    """The recipient of the queued mail comes at last; what was stopped is not there, what is honest is."""
    honest = house.envelope(sender, absent)
    await caller.submit(honest)
    async with calling(house, absent) as late:
        await eventually(lambda: late.deliveries)
        await asyncio.sleep(0.3)
        assert digests(late.deliveries) == [header_digest(honest)]
