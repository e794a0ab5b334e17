"""Bodies do not outlive their time; what proves that they were there does."""

import asyncio
from pathlib import Path

from gateway.crypto.envelope import decode_envelope
from gateway.crypto.receipt import verify_receipt
from gateway.store.verify import verify_ledger
from gateway.switch.upkeep import keep_expiring
from tests.federation import NETWORK, ORIGIN, now_ms
from tests.switch.bench import Bench, header_digest, until


def _kept(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir() if path.is_file())


async def test_threat_U7_body_is_destroyed_at_its_deadline_and_the_proof_remains(bench: Bench) -> None:
    """U7: after the provider's deadline the body is nowhere on the disk, nobody gets it, and the entry still proves."""
    sender = bench.connect("cz-police")
    raw = bench.envelope(destroy_by_ms=now_ms() + 60_000)
    body = decode_envelope(raw).c
    bench.exchange.submit(sender, 0, "message", raw)
    await until(sender.answers, 1)
    assert body in _kept(bench.folder)

    bench.later_ms = 61_000
    expiring = asyncio.create_task(keep_expiring(bench.exchange))
    await until(sender.evidence, 1)
    expiring.cancel()
    late = bench.connect("kz-mvd")
    await asyncio.sleep(0.2)
    public = bench.federation.checkpoint_key.public
    receipt = verify_receipt(
        sender.answers[0].body, object_sha256=header_digest(raw), gateways={ORIGIN: public}, network=NETWORK
    )

    assert sender.evidence[0].kind == "failed"
    assert late.deliveries == []
    assert body not in _kept(bench.folder)
    assert (receipt.record.outcome, receipt.index) == ("permitted", 0)
    assert verify_ledger(bench.folder, network=NETWORK, origin=ORIGIN, public=public).owed == 0
