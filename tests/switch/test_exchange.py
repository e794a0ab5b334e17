"""What goes in, and what comes back to whom."""

from typing import cast

import pytest

from gateway.crypto.digests import encode_base64url
from gateway.crypto.receipt import verify_receipt
from gateway.switch.limits import SwitchLimits
from gateway.wire.frames import Submission
from tests.federation import NETWORK, ORIGIN
from tests.logged import logged
from tests.switch.bench import Bench, header_digest, until


async def test_permitted_message_is_receipted_and_delivered_and_its_end_is_told(bench: Bench) -> None:
    """P-10: an accepted message ends in exactly one consignment, and its originator hears of it."""
    sender, recipient = bench.connect("cz-police"), bench.connect("kz-mvd")
    raw = bench.envelope()

    bench.exchange.submit(sender, 0, "message", raw)
    await until(recipient.deliveries, 1)
    digest = recipient.deliveries[0].header_sha256
    bench.exchange.acknowledge(recipient, 0, bench.acknowledgement("kz-mvd", [digest]))
    await until(sender.evidence, 1)

    assert [answer.permitted for answer in sender.answers] == [True]
    assert digest == header_digest(raw)
    assert [(item.kind, item.recipient) for item in sender.evidence] == [("acknowledged", "kz-mvd")]
    assert bench.store.spooled() == 0


async def test_receipt_verifies_offline_and_the_recipient_gets_the_same_one(bench: Bench) -> None:
    """P-02: the receipt proves what the ledger holds, with the gateway's public key alone."""
    sender, recipient = bench.connect("cz-police"), bench.connect("kz-mvd")
    raw = bench.envelope()

    bench.exchange.submit(sender, 0, "message", raw)
    await until(recipient.deliveries, 1)
    receipt = verify_receipt(
        sender.answers[0].body,
        object_sha256=header_digest(raw),
        gateways={ORIGIN: bench.federation.checkpoint_key.public},
        network=NETWORK,
    )

    assert receipt.record.event == "submission-acceptance"
    assert recipient.deliveries[0].receipt == sender.answers[0].body


async def test_refusal_is_recorded_with_article_and_reaches_nobody(bench: Bench) -> None:
    """CZ-45: a purpose outside the agreement is refused, receipted with its article, never delivered."""
    sender, recipient = bench.connect("cz-police"), bench.connect("kz-mvd")

    bench.exchange.submit(sender, 0, "message", bench.envelope(purposes=("administrative",)))
    await until(sender.answers, 1)
    receipt = verify_receipt(
        sender.answers[0].body,
        object_sha256=None,
        gateways={ORIGIN: bench.federation.checkpoint_key.public},
        network=NETWORK,
    )

    assert not sender.answers[0].permitted
    assert "CZKZ" in receipt.record.reasons[0].article
    assert recipient.deliveries == []


async def test_threat_E1_replay_gets_the_same_receipt_and_no_second_effect(bench: Bench) -> None:
    """P-03, threat E1: the same bytes give the byte-identical receipt, however the ledger has grown."""
    sender, recipient = bench.connect("cz-police"), bench.connect("kz-mvd")
    raw = bench.envelope()

    bench.exchange.submit(sender, 0, "message", raw)
    await until(sender.answers, 1)
    bench.exchange.submit(sender, 1, "message", bench.envelope())
    await until(sender.answers, 2)
    bench.exchange.submit(sender, 2, "message", raw)
    await until(sender.answers, 3)

    assert sender.answers[2].body == sender.answers[0].body
    assert len(recipient.deliveries) == 2


async def test_threat_E14_same_id_with_other_bytes_is_refused_and_recorded(bench: Bench) -> None:
    """P-03, threat E14: an id belongs to the first bytes that used it."""
    sender = bench.connect("cz-police")
    first = bench.federation.draft("cz-police")

    for number, text in enumerate((b"one", b"two")):
        raw = bench.federation.seal(first, ["kz-mvd"], text, bench.directory)
        bench.exchange.submit(sender, number, "message", raw)
    await until(sender.answers, 2)

    assert [answer.permitted for answer in sender.answers] == [True, False]
    assert bench.store.spooled() == 1


async def test_threat_E3_envelope_over_anothers_connection_never_takes_the_originators_id(bench: Bench) -> None:
    """Threat E3: what arrives over another's TLS is recorded against that authority; the originator's id stays free."""
    thief, owner = bench.connect("caricc"), bench.connect("cz-police")
    raw = bench.envelope()

    bench.exchange.submit(thief, 0, "message", raw)
    await until(thief.answers, 1)
    bench.exchange.submit(owner, 0, "message", raw)
    await until(owner.answers, 1)

    assert not thief.answers[0].permitted
    assert owner.answers[0].permitted


async def test_unsigned_bytes_are_answered_and_never_recorded(bench: Bench) -> None:
    """P-01: nothing unauthenticated reaches the disk; the answer says what is wrong."""
    sender = bench.connect("cz-police")
    raw = bytearray(bench.envelope())
    raw[-1] ^= 1

    bench.exchange.submit(sender, 0, "message", bytes(raw))
    bench.exchange.submit(sender, 1, "message", b"\x00")

    assert {answer.kind for answer in sender.answers} <= {"invalid", "unauthenticated"}
    assert len(sender.answers) == 2
    assert bench.store.checkpoint().size == 0


async def test_frame_of_messages_is_taken_in_one_go(bench: Bench) -> None:
    """Each message of a frame has its own receipt and its own delivery, as if it had come alone."""
    sender, recipient = bench.connect("cz-police"), bench.connect("kz-mvd")
    raws = [bench.envelope(), bench.envelope(purposes=("administrative",)), bench.envelope()]

    assert bench.exchange.submit_together([(sender, 0, [Submission("message", raw) for raw in raws])])
    await until(sender.answers, 3)
    await until(recipient.deliveries, 2)
    assert [(answer.number, answer.permitted) for answer in sender.answers] == [(0, True), (1, False), (2, True)]
    assert [item.header_sha256 for item in recipient.deliveries] == [header_digest(raws[0]), header_digest(raws[2])]


async def test_frames_of_several_peers_are_each_judged_for_their_own(bench: Bench) -> None:
    """What is judged together keeps session and peer: a stolen envelope among honest ones is refused to the thief."""
    czech, kazakh = bench.connect("cz-police"), bench.connect("kz-mvd")
    honest, stolen, reply = bench.envelope(), bench.envelope(), bench.envelope("kz-mvd", "cz-police")
    frames = [
        (czech, 3, [Submission("message", honest)]),
        (kazakh, 0, [Submission("message", stolen), Submission("message", reply)]),
    ]

    assert bench.exchange.submit_together(frames)
    await until(kazakh.answers, 2)
    await until(czech.deliveries, 1)
    assert [(answer.number, answer.permitted) for answer in czech.answers] == [(3, True)]
    assert [(answer.number, answer.permitted) for answer in kazakh.answers] == [(0, False), (1, True)]
    assert [item.header_sha256 for item in czech.deliveries] == [header_digest(reply)]
    assert [item.header_sha256 for item in kazakh.deliveries] == [header_digest(honest)]


@pytest.mark.parametrize("fault", ["bytes", "signature", "kind", "quota"])
@pytest.mark.parametrize("bench", [SwitchLimits(messages_per_s=1, messages_burst=3)], indirect=True)
async def test_frame_with_a_fault_is_left_to_be_taken_one_by_one(bench: Bench, fault: str) -> None:
    """One poisoned item costs one answer: nothing of its frame is taken, answered or booked before."""
    sender = bench.connect("cz-police")
    spoilt = bytearray(bench.envelope())
    spoilt[-1] ^= 1
    last = {
        "bytes": [Submission("message", b"\x00")],
        "signature": [Submission("message", bytes(spoilt))],
        "kind": [Submission("statement", bench.envelope())],
        "quota": [Submission("message", bench.envelope()) for _ in range(2)],
    }[fault]
    items = [Submission("message", bench.envelope()) for _ in range(2)] + last

    assert not bench.exchange.submit_together([(sender, 0, items)])
    assert sender.answers == []
    for number, item in enumerate(items):
        bench.exchange.submit(sender, number, item.kind, item.raw)
    await until(sender.answers, len(items))
    kinds = {answer.number: answer.kind for answer in sender.answers}
    assert [kinds[number] for number in range(2)] == ["receipt", "receipt"]
    assert {kinds[2], kinds[len(items) - 1]} <= {"invalid", "unauthenticated", "receipt", "busy"}
    assert kinds[len(items) - 1] != "receipt"


@pytest.mark.parametrize("bench", [SwitchLimits(messages_per_s=1, messages_burst=3)], indirect=True)
async def test_fault_of_ours_costs_no_quota(bench: Bench) -> None:
    """What raises while it is judged together was not taken: its share is given back, and the error is not hidden."""
    sender = bench.connect("cz-police")
    impossible = Submission("message", cast(bytes, "no bytes at all"))
    with pytest.raises(TypeError):
        bench.exchange.submit_together([(sender, 0, [impossible] * 3)])
    honest = [Submission("message", bench.envelope()) for _ in range(3)]

    assert bench.exchange.submit_together([(sender, 0, honest)])
    await until(sender.answers, 3)
    assert [answer.kind for answer in sender.answers] == ["receipt"] * 3


async def test_session_that_keeps_failing_is_cut(bench: Bench) -> None:
    """wire.md: failures before the signature check fill a bucket; a full bucket cuts the link."""
    sender = bench.connect("cz-police")

    for number in range(bench.limits.failures_max + 1):
        bench.exchange.submit(sender, number, "message", b"\x00")

    assert sender.closed == "protocol"


async def test_acknowledgement_of_another_authority_ends_nothing(bench: Bench) -> None:
    """E20-like: only the recipient's own key, over its own connection, ends a delivery."""
    sender, recipient, other = bench.connect("cz-police"), bench.connect("kz-mvd"), bench.connect("caricc")

    bench.exchange.submit(sender, 0, "message", bench.envelope())
    await until(recipient.deliveries, 1)
    raw = bench.acknowledgement("kz-mvd", [recipient.deliveries[0].header_sha256])
    bench.exchange.acknowledge(other, 0, raw)
    own = bench.acknowledgement("caricc", [recipient.deliveries[0].header_sha256])
    bench.exchange.acknowledge(other, 1, own)
    await until(other.answers, 2)

    assert other.answers[0].kind == "unauthenticated"
    assert bench.store.spooled() == 1
    assert sender.evidence == []


async def test_status_is_for_the_originator_alone(bench: Bench) -> None:
    """E27-like: whoever did not send a message learns nothing from asking for it."""
    sender = bench.connect("cz-police")
    raw = bench.envelope()

    bench.exchange.submit(sender, 0, "message", raw)
    await until(sender.answers, 1)
    draft_id = bench.store.receipt_by_header("cz-police", header_digest(raw))

    assert draft_id == sender.answers[0].body
    assert bench.store.receipt_by_header("caricc", header_digest(raw)) is None
    assert encode_base64url(header_digest(raw)) not in str(sender.answers[0].detail)


async def test_refusal_by_the_store_is_counted_with_its_reason(bench: Bench) -> None:
    """S-16: what policy permitted and the store refused (an id used before) appears among the decisions."""
    sender = bench.connect("cz-police")
    draft = bench.federation.draft("cz-police")

    for number, text in enumerate((b"one", b"two")):
        raw = bench.federation.seal(draft, ["kz-mvd"], text, bench.directory)
        bench.exchange.submit(sender, number, "message", raw)
    await until(sender.answers, 2)

    assert [code for outcomes in bench.outcomes for code in outcomes.refused] == ["id-reused"]


@pytest.mark.parametrize("bench", [SwitchLimits(messages_per_s=1, messages_burst=1)], indirect=True)
async def test_bound_that_turns_submissions_away_is_logged_once(bench: Bench) -> None:
    """E13: an operator reads which bound is reached and by whom, in one line for all that is turned away."""
    sender = bench.connect("cz-police")
    with logged() as lines:
        for number in range(4):
            bench.exchange.submit(sender, number, "message", bench.envelope())
        said = lines("bound-reached")
    await until(sender.answers, 4)

    assert [answer.kind for answer in sender.answers].count("busy") == 3
    assert [(line["bound"], line["authority"]) for line in said] == [("messages of an authority", "cz-police")]
