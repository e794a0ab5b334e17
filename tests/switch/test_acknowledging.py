"""What an authority may acknowledge: only what changes something is recorded."""

from tests.switch.bench import Bench, header_digest, until


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
