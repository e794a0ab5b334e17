"""What an authority may acknowledge: within its share, and only what changes something is recorded."""

import pytest

from gateway.switch.limits import SwitchLimits
from tests.switch.bench import Bench, header_digest, until

BURST = 3
FEW = SwitchLimits(acknowledgements_per_s=1, acknowledgements_burst=BURST)
BYTES = 64 * 1024
FEW_BYTES = SwitchLimits(acknowledgement_bytes_per_s=BYTES // 4, acknowledgement_bytes_burst=BYTES)


@pytest.mark.parametrize("bench", [FEW], indirect=True)
async def test_threat_E13_acknowledgements_beyond_the_share_are_busy_before_a_signature_is_verified(
    bench: Bench,
) -> None:
    """E13, wire.md step 4: what is no batch is paid for, too, and beyond the share even nonsense is only busy."""
    nonsense, other = bench.connect("kz-mvd"), bench.connect("caricc")
    for number in range(2 * BURST):
        bench.exchange.acknowledge(nonsense, number, b"\x00")
    bench.exchange.acknowledge(other, 0, b"\x00")
    answers = nonsense.answers

    assert [answer.kind for answer in answers] == ["invalid"] * BURST + ["busy"] * BURST
    assert {(answer.code, answer.retry_after_s) for answer in answers[BURST:]} == {("busy", 1)}
    assert all("`acknowledgements of an authority` is reached" in answer.detail for answer in answers[BURST:])
    assert [answer.kind for answer in other.answers] == ["invalid"]


@pytest.mark.parametrize("bench", [FEW], indirect=True)
async def test_acknowledgement_that_was_turned_back_counts_when_its_time_has_come(bench: Bench) -> None:
    """Busy is not recorded; the same bytes a second later are, over any endpoint of the authority."""
    sender, recipient, second = bench.connect("cz-police"), bench.connect("kz-mvd"), bench.connect("kz-mvd", 1)
    sent = bench.envelope()
    bench.exchange.submit(sender, 0, "message", sent)
    await until(sender.answers, 1)
    for number in range(BURST):
        bench.exchange.acknowledge(second, number, b"\x00")
    size = bench.store.checkpoint().size
    raw = bench.acknowledgement("kz-mvd", [header_digest(sent)])

    bench.exchange.acknowledge(recipient, 0, raw)
    assert [answer.kind for answer in recipient.answers] == ["busy"]
    assert bench.store.checkpoint().size == size
    bench.later_ms += 1_000
    bench.exchange.acknowledge(recipient, 1, raw)
    await until(recipient.answers, 2)
    await until(sender.evidence, 1)
    assert (recipient.answers[1].kind, recipient.answers[1].permitted) == ("receipt", True)


@pytest.mark.parametrize("bench", [FEW_BYTES], indirect=True)
async def test_bytes_of_acknowledgements_have_a_share_of_their_own(bench: Bench) -> None:
    """A batch is as long as 64 KiB; the share counts bytes, whatever they are, and refills."""
    recipient = bench.connect("kz-mvd")
    for number in range(2):
        bench.exchange.acknowledge(recipient, number, bytes(BYTES))

    assert [answer.kind for answer in recipient.answers] == ["invalid", "busy"]
    assert recipient.answers[1].retry_after_s == 4
    assert "`bytes of acknowledgements of an authority` is reached" in recipient.answers[1].detail


@pytest.mark.parametrize("bench", [SwitchLimits(messages_per_s=1, messages_burst=1)], indirect=True)
async def test_whoever_has_sent_too_much_can_still_acknowledge(bench: Bench) -> None:
    """To end what is owed relieves us; the share of messages has nothing to do with it."""
    sender, recipient = bench.connect("cz-police"), bench.connect("kz-mvd")
    sent = bench.envelope()
    bench.exchange.submit(sender, 0, "message", sent)
    bench.exchange.submit(recipient, 0, "message", bench.envelope("kz-mvd", "cz-police"))
    bench.exchange.submit(recipient, 1, "message", bench.envelope("kz-mvd", "cz-police"))
    await until(recipient.answers, 2)
    bench.exchange.acknowledge(recipient, 2, bench.acknowledgement("kz-mvd", [header_digest(sent)]))
    await until(sender.evidence, 1)

    assert sorted(answer.kind for answer in recipient.answers) == ["busy", "receipt", "receipt"]


def test_every_message_that_an_authority_may_send_can_be_acknowledged_singly() -> None:
    """The shares that ship: as many batches as messages, and a share of bytes that holds so many of one item."""
    limits = SwitchLimits()
    single_bytes = 1_024

    assert limits.acknowledgements_per_s >= limits.messages_per_s
    assert limits.acknowledgements_burst >= limits.messages_burst
    assert limits.acknowledgement_bytes_per_s >= limits.messages_per_s * single_bytes
    assert limits.acknowledgement_bytes_burst >= limits.messages_burst * single_bytes


async def test_acknowledgement_that_changes_nothing_has_a_final_answer_and_no_entry(bench: Bench) -> None:
    """P-02: of what is not in the ledger nobody gets a receipt; the answer says that it need not come again."""
    sender, recipient, other = bench.connect("cz-police"), bench.connect("kz-mvd"), bench.connect("caricc")
    sent = bench.envelope()
    bench.exchange.submit(sender, 0, "message", sent)
    await until(recipient.deliveries, 1)
    first = bench.acknowledgement("kz-mvd", [header_digest(sent)])
    bench.exchange.acknowledge(recipient, 0, first)
    await until(sender.evidence, 1)
    size = bench.store.checkpoint().size

    bench.exchange.acknowledge(recipient, 1, bench.acknowledgement("kz-mvd", [header_digest(sent)], "refused"))
    bench.exchange.acknowledge(other, 0, bench.acknowledgement("caricc", [header_digest(sent), bytes(32)]))
    bench.exchange.acknowledge(recipient, 2, first)
    await until(other.answers, 1)
    await until(recipient.answers, 3)

    told = [*other.answers, recipient.answers[1]]
    assert {(answer.kind, answer.code, answer.body, answer.permitted) for answer in told} == {
        ("invalid", "nothing-new", b"", False)
    }
    assert (recipient.answers[2].body, recipient.answers[2].duplicate) == (recipient.answers[0].body, True)
    assert (bench.store.checkpoint().size, len(sender.evidence)) == (size, 1)
    assert (recipient.closed, other.closed) == (None, None)
