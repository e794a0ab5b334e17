"""Rude gateways and a rude network: what they do is seen, kept as evidence, and changes nothing (threats E, G, N)."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.crypto.digests import decode_base64url, encode_base64url, pae, payload_type
from gateway.crypto.envelope import decode_envelope
from gateway.crypto.keys import generate, verify
from gateway.crypto.receipt import verify_receipt
from gateway.domain.directory import Edition, KeyEntry
from gateway.domain.errors import TrustError
from gateway.domain.session import Delivery, Evidence
from gateway.endpoint import inbox, outbox
from gateway.endpoint.alarms import AlarmedError
from gateway.endpoint.keeping import Notice
from gateway.endpoint.words import Named, SettleRequest
from gateway.wire.frames import EndpointHello
from tests.endpoint.fake_ledger import FakeLedger
from tests.endpoint.test_exchange import take
from tests.endpoint.world import CZ, KZ, QUICK, World, alarms, eventually, office, state, world
from tests.federation import NETWORK, ORIGIN, listed


def _bare(_: bytes) -> bytes:
    return b""


def _flipped(raw: bytes) -> bytes:
    middle = len(raw) // 2
    return raw[:middle] + bytes([raw[middle] ^ 1]) + raw[middle + 1 :]


def _foreign(made: World) -> Callable[[bytes], bytes]:
    """Receipts out of a ledger of the gateway's name that somebody else keeps."""
    forged = FakeLedger(generate("checkpoint"), made.gateway.ledger.edition)
    return lambda _: forged.append("submission-acceptance", "header", bytes(32))


def _of_another(made: World) -> Callable[[bytes], bytes]:
    """A true receipt, for another message."""
    other = made.gateway.ledger.append("submission-acceptance", "header", bytes(32))
    return lambda _: other


async def test_threat_O3_alarm_about_a_message_does_not_name_it_in_the_log(tmp_path: Path) -> None:
    """Id and digest of the message are for whoever asks the endpoint; what is logged says where to ask."""
    told: list[Notice] = []
    async with world(tmp_path) as made, made.endpoint(CZ, notify=told.append) as cz:
        assert await cz.link.until_connected(5)
        made.gateway.manners.receipt = _bare
        sent = await cz.send(made.post())
        await eventually(lambda: any(notice.event == "alarm-receipt-false" for notice in told))
        kept = cz.keeping.alarms.rows(1)[0].detail

    assert encode_base64url(sent.sha256) in kept
    assert {notice.detail for notice in told if notice.event.startswith("alarm-")} == {
        "`accord endpoint alarms` names the message"
    }


@pytest.mark.parametrize("kind", ["bare", "flipped", "foreign", "of-another"])
async def test_threat_E20_G2_receipt_that_proves_nothing_is_none(tmp_path: Path, kind: str) -> None:
    """A forged, bare, altered or borrowed receipt is an alarm; the message stays unreceipted and is sent again."""
    async with world(tmp_path) as made, made.endpoint(CZ) as cz:
        assert await cz.link.until_connected(5)
        lie = {"bare": _bare, "flipped": _flipped, "foreign": _foreign(made), "of-another": _of_another(made)}[kind]
        made.gateway.manners.receipt = lie
        sent = await cz.send(made.post())
        await eventually(lambda: "receipt-false" in alarms(cz))
        assert state(cz, sent).state in ("queued", "sent")
        made.gateway.manners.receipt = lambda raw: raw

        assert await cz.answered(sent.sha256, 5) is not None
        assert state(cz, sent).state == "accepted"
        assert len(made.gateway.effects) == 1


async def test_threat_G2_delivery_without_a_receipt_reaches_nobody(tmp_path: Path) -> None:
    """A bare delivery is neither handed over nor acknowledged; the next, honest one is."""
    async with world(tmp_path) as made, made.endpoint(CZ) as cz, made.endpoint(KZ) as kz:
        assert await cz.link.until_connected(5)
        assert await kz.link.until_connected(5)
        made.gateway.manners.delivery = lambda one: (Delivery(one.header_sha256, one.envelope, b"", one.attempt),)
        await cz.send(made.post(body=b"bare"))
        await eventually(lambda: "delivery-unproven" in alarms(kz))
        assert inbox.unread(kz.keeping.journal) == 0
        assert made.gateway.acknowledged == []

        made.gateway.manners.delivery = lambda one: (one,)
        await cz.send(made.post(body=b"whole"))
        assert [message.plaintext for message in await take(kz, 2)] == [b"bare", b"whole"]


async def test_two_messages_under_one_id_are_not_both_handed_over(tmp_path: Path) -> None:
    """P-03: whoever admits a second message under a known id lies; it reaches nobody and is not acknowledged."""
    async with world(tmp_path) as made, made.endpoint(CZ) as cz, made.endpoint(KZ) as kz:
        assert await cz.link.until_connected(5)
        first = await cz.send(made.post(body=b"first"))
        assert (await take(kz, 1))[0].plaintext == b"first"
        made.gateway.recorded.clear()
        draft = replace(made.post().draft, id=first.id, sent_at_ms=int(first.id[:8] + first.id[9:13], 16))
        raw = made.federation.seal(draft, (KZ,), b"second", made.directory)
        made.gateway.admit(raw)
        await made.gateway._deliver()

        await eventually(lambda: "delivery-unproven" in alarms(kz))
        assert len(inbox.newest(kz.keeping.journal, 10, only_waiting=False)) == 1
        # Acknowledgements wait for company before they are signed.
        await eventually(lambda: {digest for _, digest, _ in made.gateway.acknowledged} == {first.sha256})


async def test_threat_G3_two_histories_end_all_trust(tmp_path: Path) -> None:
    """A gateway that shows another history is seen at once; the alarm is durable, holds both notes, and ends trust."""
    async with world(tmp_path) as made:
        async with made.endpoint(CZ) as cz:
            assert await cz.link.until_connected(5)
            for _ in range(3):
                await cz.answered((await cz.send(made.post())).sha256, 5)
            await eventually(lambda: cz.keeping.chain(ORIGIN).proven == made.gateway.ledger.checkpoint())
            seen = made.gateway.ledger.checkpoint()
            made.gateway.ledger = made.gateway.ledger.fork(keep=1)
            made.gateway.ledger.append("submission-acceptance", "header", bytes(32))
            sent = await cz.send(made.post())
            await eventually(lambda: "two-histories" in alarms(cz))
            await eventually(lambda: isinstance(cz.link.failure, AlarmedError))
            with pytest.raises(AlarmedError):
                await cz.send(made.post())
            assert state(cz, sent).state != "accepted"
        async with made.endpoint(CZ) as again:
            connections = made.gateway.connections
            await asyncio.sleep(0.2)
            assert made.gateway.connections == connections
            with pytest.raises(AlarmedError):
                await again.send(made.post())
            row = again.keeping.alarms.rows(1)[0]
            assert seen.note in (again.keeping.alarms.evidence(row.number) or b"")

            assert (await office(again).settle(SettleRequest(row.number, "compared with kz-mvd"))).done
            assert await again.answered(sent.sha256, 5) is not None


async def test_threat_G3_restored_backup_hears_what_it_lost_and_is_left(tmp_path: Path) -> None:
    """A gateway that came back smaller is shown what we hold of it, gets nothing else, and is not trusted."""
    async with world(tmp_path) as made:
        async with made.endpoint(CZ) as cz:
            assert await cz.link.until_connected(5)
            for _ in range(2):
                await cz.answered((await cz.send(made.post())).sha256, 5)
            await eventually(lambda: cz.keeping.chain(ORIGIN).proven == made.gateway.ledger.checkpoint())
        seen = made.gateway.ledger.checkpoint()
        made.gateway.ledger.leaves.pop()
        made.gateway.submitted.clear()
        async with made.endpoint(CZ) as cz:
            await eventually(lambda: "history-shrunk" in alarms(cz))
            assert made.gateway.submitted == []
        hellos = [line.hello for line in made.gateway.seen_lines if line.authority == CZ]
        assert hellos[-1] == EndpointHello(seen.note, 0)


async def test_threat_G3_gateway_that_will_not_prove_growth_is_reported(tmp_path: Path) -> None:
    """Silence in place of a consistency proof is noticed, kept, and ends the connection."""
    hasty = replace(QUICK, proof_timeout_s=0.3)
    async with world(tmp_path) as made, made.endpoint(CZ, limits=hasty) as cz:
        assert await cz.link.until_connected(5)
        await cz.answered((await cz.send(made.post())).sha256, 5)
        made.gateway.manners.proves = False
        await cz.answered((await cz.send(made.post())).sha256, 5)

        await eventually(lambda: "proof-withheld" in alarms(cz))
        await eventually(lambda: made.gateway.connections > 1)


async def test_threat_G1_message_that_is_swallowed_is_never_shown_as_sent_for_good(tmp_path: Path) -> None:
    """A gateway that never answers gets the same bytes again and again; the timeline says only what is proved."""
    hasty = replace(QUICK, answer_timeout_s=0.3)
    async with world(tmp_path) as made, made.endpoint(CZ, limits=hasty) as cz:
        assert await cz.link.until_connected(5)
        made.gateway.manners.answers = False
        sent = await cz.send(made.post())
        await eventually(lambda: len(made.gateway.submitted) >= 2)

        assert len(set(made.gateway.submitted)) == 1
        assert state(cz, sent).state in ("queued", "sent")
        made.gateway.manners.answers = True
        assert await cz.answered(sent.sha256, 5) is not None
        assert len(made.gateway.effects) == 1


async def test_threat_G1_outcome_that_never_comes_is_owed(tmp_path: Path) -> None:
    """A gateway that accepted a message and is silent about its end is shown to owe an outcome after its expiry."""
    async with world(tmp_path) as made, made.endpoint(CZ) as cz:
        assert await cz.link.until_connected(5)
        made.gateway.manners.delivers = made.gateway.manners.tells = False
        sent = await cz.send(made.post())
        await cz.answered(sent.sha256, 5)

        assert state(cz, sent).state == "accepted"
        expires_at_ms = state(cz, sent).expires_at_ms or 0
        assert state(cz, sent, expires_at_ms + 3_600_000).state == "accepted"
        assert state(cz, sent, expires_at_ms + 3_600_001).state == "outcome-owed"
        assert outbox.outcomes_owed(cz.keeping.journal, expires_at_ms) == 0
        assert outbox.outcomes_owed(cz.keeping.journal, expires_at_ms + 1) == 1


def _claims(**changes: object) -> Callable[[Evidence], Evidence]:
    return lambda item: replace(item, **changes)


@pytest.mark.parametrize(
    "lie",
    [
        _claims(outcome="destroyed"),
        _claims(header_sha256=bytes(32)),
        _claims(recipient=CZ),
        _claims(body=b""),
        _claims(kind="failed", outcome="expired"),
    ],
    ids=["other-outcome", "other-message", "other-recipient", "bare", "other-kind"],
)
async def test_threat_E19_evidence_that_nobody_signed_proves_nothing(
    tmp_path: Path, lie: Callable[[Evidence], Evidence]
) -> None:
    """Only the recipient's own signature says `delivered`; whatever a gateway claims beside it is an alarm."""
    async with world(tmp_path) as made, made.endpoint(CZ) as cz, made.endpoint(KZ):
        assert await cz.link.until_connected(5)
        made.gateway.manners.evidence = lie
        sent = await cz.send(made.post())
        await eventually(lambda: "evidence-false" in alarms(cz))

        assert state(cz, sent).state == "accepted"
        assert state(cz, sent).recipients[0].outcome is None


async def test_threat_E19_admission_is_no_proof_of_failure(tmp_path: Path) -> None:
    """A true receipt of another event does not end a message."""
    async with world(tmp_path) as made, made.endpoint(CZ) as cz, made.endpoint(KZ):
        assert await cz.link.until_connected(5)

        def lie(item: Evidence) -> Evidence:
            admission = next(iter(made.gateway.recorded.values()))[1].body
            return replace(item, kind="failed", outcome="accepted", body=admission)

        made.gateway.manners.evidence = lie
        sent = await cz.send(made.post())
        await eventually(lambda: "evidence-false" in alarms(cz))

        assert state(cz, sent).state == "accepted"


async def test_threat_E18_originator_cannot_deny_what_it_sent(tmp_path: Path) -> None:
    """What the recipient keeps proves it to a third party that holds nothing but public keys."""
    async with world(tmp_path) as made, made.endpoint(CZ) as cz, made.endpoint(KZ) as kz:
        assert await cz.link.until_connected(5)
        sent = await cz.send(made.post())
        message = (await take(kz, 1))[0]
        proof = await office(kz).receipt(Named(message.header.id))
        row = inbox.find(kz.keeping.journal, message.header.id, None)
        assert row is not None
        assert row.envelope is not None

        receipt = verify_receipt(
            proof.tlog_proof,
            object_sha256=sent.sha256,
            gateways={ORIGIN: made.gateway.ledger.key.public},
            network=NETWORK,
        )
        assert receipt.record.event == "submission-acceptance"
        envelope = decode_envelope(row.envelope)
        assert envelope.h == proof.object
        key = made.federation.members[CZ].keys["message"]
        verify(key.public, envelope.s[0].g, pae(payload_type("header"), envelope.h))


async def test_threat_E22_foreign_key_under_our_name_ends_all_trust(tmp_path: Path) -> None:
    """A directory that lists somebody else's key as ours is an alarm of the highest kind, also after a restart."""
    async with world(tmp_path) as made:
        async with made.endpoint(CZ) as cz:
            assert await cz.link.until_connected(5)
            await eventually(lambda: made.gateway.lines)
            extra = listed(generate("wrap"), made.federation.at_ms)
            await made.gateway.publish(made.next_edition(lambda edition: _with_key(edition, extra)))
            await eventually(lambda: alarms(cz) == ["foreign-key"])
            with pytest.raises(AlarmedError):
                await cz.send(made.post())
        async with made.endpoint(CZ) as cz:
            with pytest.raises(AlarmedError):
                await cz.send(made.post())
            assert alarms(cz) == ["foreign-key"]
        sibling = replace(made.identity(CZ), siblings=frozenset({decode_base64url(extra.kid)}))
        await _settle_all(made)
        async with made.endpoint(CZ, identity=sibling) as cz:
            assert await cz.link.until_connected(5)
            await cz.send(made.post())


def _with_key(edition: Edition, extra: KeyEntry) -> Edition:
    """Return the edition with one more key under the name of CZ."""
    return replace(
        edition,
        authorities=tuple(
            replace(one, keys=(*one.keys, extra)) if one.id == CZ else one for one in edition.authorities
        ),
    )


async def _settle_all(made: World) -> None:
    cz = made.endpoint(CZ)
    await cz.open()
    for row in cz.keeping.alarms.rows(10, only_open=True):
        await office(cz).settle(SettleRequest(row.number, "the key of our other site"))
    await cz.close()


async def test_threat_E22_older_or_unsigned_edition_is_not_taken(tmp_path: Path) -> None:
    """What the gateway serves as a directory is believed only if enough directory keys signed something newer."""
    async with world(tmp_path) as made, made.endpoint(CZ) as cz:
        assert await cz.link.until_connected(5)
        await eventually(lambda: made.gateway.lines)
        second = made.next_edition()
        await made.gateway.publish(second)
        await eventually(lambda: cz.keeping.editions.number == 2)
        before = cz.keeping.editions.current
        made.gateway.directory = made.directory
        with pytest.raises(TrustError):
            await cz.keeping.take_edition(made.directory.raw)
        with pytest.raises(TrustError):
            await cz.keeping.take_edition(_flipped(second.raw))

        assert cz.keeping.editions.current is before
