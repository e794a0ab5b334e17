"""Consent from end to end within the switch: given, used, used up, and taken back while messages wait."""

import asyncio

from gateway.crypto.digests import encode_base64url, sha256
from gateway.crypto.sealing import message_id
from gateway.crypto.signed import decode_signed
from gateway.crypto.statements import sign_statement
from gateway.domain.statement import Consent, ConsentRevocation
from tests.federation import DAY_MS, NETWORK, now_ms
from tests.switch.bench import Bench, Recorder, header_digest, until


def _consent(bench: Bench, source: bytes, uses_max: int | None = None) -> bytes:
    at_ms = now_ms()
    value = Consent(
        v=1,
        network=NETWORK,
        id=message_id(at_ms),
        provider="cz-police",
        grantee="kz-mvd",
        agreement="cz-kz",
        sources=(encode_base64url(header_digest(source)),),
        recipients=("caricc",),
        purposes=(),
        conditions=(),
        not_before_ms=at_ms - 1_000,
        not_after_ms=at_ms + DAY_MS,
        uses_max=uses_max,
        issued_at_ms=at_ms,
    )
    return sign_statement("consent", value, bench.members[0].keys["consent"])


def _revocation(bench: Bench, consent: bytes) -> bytes:
    value = ConsentRevocation(
        v=1, network=NETWORK, provider="cz-police", consent_sha256=_digest(consent), at_ms=now_ms()
    )
    return sign_statement("consent-revocation", value, bench.members[0].keys["consent"])


def _digest(statement: bytes) -> str:
    return encode_base64url(sha256(decode_signed(statement).h))


def _onward(bench: Bench, source: bytes, *consents: bytes) -> bytes:
    """Czech information that Kazakhstan passes on to CARICC."""
    return bench.envelope(
        "kz-mvd",
        "caricc",
        agreement="caricc-membership",
        subjects=("narcotic-drugs",),
        sources=(encode_base64url(header_digest(source)),),
        consents=tuple(_digest(each) for each in consents),
    )


async def _given(bench: Bench, czech: Recorder, uses_max: int | None = None) -> tuple[bytes, bytes]:
    """Have the Czech authority send information and consent to its being passed on; return both."""
    source = bench.envelope(subjects=("narcotic-drugs",))
    consent = _consent(bench, source, uses_max)
    bench.exchange.submit(czech, 0, "message", source)
    await until(czech.answers, 1)
    bench.exchange.submit(czech, 1, "statement", consent)
    await until(czech.answers, 2)
    assert all(answer.permitted for answer in czech.answers)
    return source, consent


async def test_threat_U3_consent_that_is_revoked_while_a_message_waits_stops_it(bench: Bench) -> None:
    """U3: refused without consent, admitted with it, and not dispatched once the provider took it back."""
    czech, kazakh = bench.connect("cz-police"), bench.connect("kz-mvd")
    source, consent = await _given(bench, czech)

    bench.exchange.submit(kazakh, 0, "message", _onward(bench, source))
    bench.exchange.submit(kazakh, 1, "message", _onward(bench, source, consent))
    await until(kazakh.answers, 2)
    bench.exchange.submit(czech, 2, "statement", _revocation(bench, consent))
    await until(czech.answers, 3)
    caricc = bench.connect("caricc")
    await until(kazakh.evidence, 1)

    assert [answer.permitted for answer in kazakh.answers] == [False, True]
    assert (kazakh.evidence[0].kind, kazakh.evidence[0].outcome) == ("failed", "withdrawn")
    assert caricc.deliveries == []
    assert bench.store.spooled() == 1


async def test_threat_U3_revocation_under_way_to_the_disk_stops_a_dispatch_that_begins_meanwhile(bench: Bench) -> None:
    """U3, wire.md: dispatch asks again in the transaction that books its attempt, so no gap is left between the two."""
    czech, kazakh = bench.connect("cz-police"), bench.connect("kz-mvd")
    source, consent = await _given(bench, czech)
    bench.exchange.submit(kazakh, 0, "message", _onward(bench, source, consent))
    await until(kazakh.answers, 1)

    # Both in one turn of the loop: what was judged for the dispatch does not know of the revocation yet.
    bench.exchange.submit(czech, 2, "statement", _revocation(bench, consent))
    caricc = bench.connect("caricc")
    await until(kazakh.evidence, 1)
    await asyncio.sleep(0.2)

    assert kazakh.evidence[0].outcome == "withdrawn"
    assert caricc.deliveries == []


async def test_threat_U3_message_and_revocation_of_one_batch_are_not_sent_from_memory(bench: Bench) -> None:
    """U3: what rests on a consent is judged at dispatch even where its recipient is connected and waits."""
    czech, kazakh, caricc = (bench.connect(name) for name in ("cz-police", "kz-mvd", "caricc"))
    source, consent = await _given(bench, czech)

    bench.exchange.submit(kazakh, 0, "message", _onward(bench, source, consent))
    bench.exchange.submit(czech, 2, "statement", _revocation(bench, consent))
    await until(kazakh.evidence, 1)
    await asyncio.sleep(0.2)

    assert kazakh.answers[0].permitted
    assert kazakh.evidence[0].outcome == "withdrawn"
    assert caricc.deliveries == []


async def test_threat_U4_use_counts_once_for_each_message_and_no_more_than_it_was_given_for(bench: Bench) -> None:
    """U4: a consent for one use serves one message, its replay included; the next message is refused."""
    czech, kazakh, caricc = (bench.connect(name) for name in ("cz-police", "kz-mvd", "caricc"))
    source, consent = await _given(bench, czech, uses_max=1)
    first, second, third = (_onward(bench, source, consent) for _ in range(3))

    for number, raw in enumerate((first, second, first)):
        bench.exchange.submit(kazakh, number, "message", raw)
    await until(kazakh.answers, 3)
    bench.exchange.submit(kazakh, 3, "message", third)
    await until(kazakh.answers, 4)
    await until(caricc.deliveries, 1)

    assert [answer.permitted for answer in kazakh.answers] == [True, False, True, False]
    assert kazakh.answers[2].body == kazakh.answers[0].body
    assert [item.header_sha256 for item in caricc.deliveries] == [header_digest(first)]
