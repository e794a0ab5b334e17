"""What an endpoint checks before it hands a message to a person (wire.md): one lie a test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from gateway.crypto.batch import VerifiedRoots
from gateway.crypto.digests import sha256
from gateway.crypto.envelope import decode_envelope, encode_envelope
from gateway.crypto.keys import generate
from gateway.domain.decision import EditionRef
from gateway.domain.errors import GatewayError
from gateway.domain.session import Delivery
from gateway.endpoint.acceptance import Accepted, ExpiredError, examine
from gateway.endpoint.editions import Editions
from gateway.endpoint.identity import Identity, KeyRing
from gateway.endpoint.journal import Journal
from tests.endpoint.fake_ledger import LAW, FakeLedger
from tests.endpoint.world import CZ, KZ, World
from tests.federation import NETWORK, ORIGIN, now_ms


class Bench:
    """An endpoint of KZ that is shown deliveries."""

    def __init__(self, still: World, editions: Editions) -> None:
        self.still = still
        self.editions = editions
        self.ledger = still.gateway.ledger
        self.identity = still.identity(KZ)

    def sealed(self, body: bytes = b"body", **changes: object) -> bytes:
        """Return an envelope from CZ to KZ."""
        return self.still.federation.seal(self.still.federation.draft(CZ, **changes), (KZ,), body, self.still.directory)

    def delivery(self, raw: bytes, ledger: FakeLedger | None = None) -> Delivery:
        """Return it with the receipt of its admission."""
        digest = sha256(decode_envelope(raw).h)
        return Delivery(digest, raw, (ledger or self.ledger).append("submission-acceptance", "header", digest), 1)

    def examine(self, delivery: Delivery, identity: Identity | None = None, at_ms: int | None = None) -> Accepted:
        """Have it examined."""
        return examine(delivery, identity or self.identity, self.editions, at_ms or now_ms(), VerifiedRoots(8))

    def refused(self, delivery: Delivery) -> None:
        """Expect that nothing is handed over and nothing acknowledged."""
        with pytest.raises(GatewayError):
            self.examine(delivery)


@pytest.fixture
async def bench(still: World, tmp_path: Path) -> AsyncIterator[Bench]:
    """A bench with the first edition in force."""
    journal = Journal.open(tmp_path / "data")
    editions = Editions(still.identity(KZ), journal)
    await editions.take(still.directory.raw, now_ms())
    yield Bench(still, editions)
    await journal.close()


async def test_message_with_its_receipt_is_opened(bench: Bench) -> None:
    """What was judged and is for us is read, with the header that was signed."""
    accepted = bench.examine(bench.delivery(bench.sealed(b"words")))

    assert accepted.plaintext == b"words"
    assert accepted.arrival.status == "consigned"
    assert accepted.arrival.header.originator == CZ


async def test_threat_G2_message_without_a_receipt_is_not_handed_over(bench: Bench) -> None:
    """Without its admission receipt a message was never judged."""
    bench.refused(replace(bench.delivery(bench.sealed()), receipt=b""))


async def test_receipt_of_another_message_is_none(bench: Bench) -> None:
    """A receipt proves one message, not whatever it lies beside."""
    other = bench.delivery(bench.sealed())
    bench.refused(replace(bench.delivery(bench.sealed()), receipt=other.receipt))


async def test_receipt_of_a_refusal_admits_nothing(bench: Bench) -> None:
    """A message that was refused is not delivered, whoever delivers it."""
    raw = bench.sealed()
    digest = sha256(decode_envelope(raw).h)
    bench.refused(Delivery(digest, raw, bench.ledger.append("submission-rejection", "header", digest), 1))


async def test_threat_G2_receipt_under_another_ledger_key_is_none(bench: Bench) -> None:
    """Only the checkpoint key that the directory lists makes a receipt."""
    forged = FakeLedger(generate("checkpoint"), bench.ledger.edition)
    unlisted = FakeLedger(bench.ledger.key, bench.ledger.edition, "other.example")
    bench.refused(bench.delivery(bench.sealed(), forged))
    bench.refused(bench.delivery(bench.sealed(), unlisted))


async def test_receipt_that_names_an_unknown_edition_is_not_followed(bench: Bench) -> None:
    """Signatures are judged under the edition that the receipt names; a newer one must be fetched first."""
    newer = FakeLedger(bench.ledger.key, EditionRef(2, LAW))
    other = FakeLedger(bench.ledger.key, EditionRef(1, LAW))
    bench.refused(bench.delivery(bench.sealed(), newer))
    bench.refused(bench.delivery(bench.sealed(), other))


async def test_message_for_somebody_else_is_not_handed_over(bench: Bench) -> None:
    """Our own authority and key are among the recipients, or it is not ours."""
    federation = bench.still.federation
    raw = federation.seal(federation.draft(KZ), (CZ,), b"", bench.still.directory)
    bench.refused(bench.delivery(raw))


async def test_threat_E18_signature_that_does_not_hold_is_not_handed_over(bench: Bench) -> None:
    """What is handed over is provably the originator's: signed by a key that the directory lists."""
    envelope = decode_envelope(bench.sealed())
    broken = replace(envelope.s[0], g=bytes([envelope.s[0].g[0] ^ 1]) + envelope.s[0].g[1:])
    foreign = replace(envelope.s[0], k=generate("message").kid)
    bench.refused(bench.delivery(encode_envelope(replace(envelope, s=(broken,)))))
    bench.refused(bench.delivery(encode_envelope(replace(envelope, s=(foreign,)))))


async def test_garbled_body_is_refused_by_signed_word(bench: Bench) -> None:
    """A body that is not the one the header binds is answered `refused`: the originator hears that it broke."""
    envelope = decode_envelope(bench.sealed())
    garbled = replace(envelope, c=bytes([envelope.c[0] ^ 1]) + envelope.c[1:])
    accepted = bench.examine(bench.delivery(encode_envelope(garbled)))

    assert (accepted.arrival.status, accepted.plaintext) == ("refused", None)


async def test_swapped_wrap_is_refused_by_signed_word(bench: Bench) -> None:
    """A wrap other than the one the header binds is not tried."""
    envelope, other = decode_envelope(bench.sealed()), decode_envelope(bench.sealed())
    accepted = bench.examine(bench.delivery(encode_envelope(replace(envelope, r=other.r))))

    assert (accepted.arrival.status, accepted.plaintext) == ("refused", None)


async def test_message_to_a_key_we_lost_is_undecipherable(bench: Bench) -> None:
    """A wrap that does not open is told to the originator; nobody waits for ever."""
    keys = dict(bench.still.federation.members[KZ].keys)
    keys["wrap"] = generate("wrap")
    lost = replace(bench.identity, ring=KeyRing.of(keys.values()))
    accepted = bench.examine(bench.delivery(bench.sealed()), lost)

    assert (accepted.arrival.status, accepted.plaintext) == ("undecipherable", None)


async def test_expired_message_is_not_handed_over(bench: Bench) -> None:
    """What comes after its expiry reaches nobody; the gateway reports it as failed."""
    delivery = bench.delivery(bench.sealed())
    with pytest.raises(ExpiredError):
        bench.examine(delivery, at_ms=now_ms() + 4 * 24 * 3_600_000)


async def test_delivery_that_names_another_digest_is_refused(bench: Bench) -> None:
    """The name beside an envelope is not believed."""
    bench.refused(replace(bench.delivery(bench.sealed()), header_sha256=bytes(32)))


async def test_threat_E20_receipt_altered_anywhere_is_none(bench: Bench) -> None:
    """Every byte of a receipt counts: flipping any one of them, of path, record, index or note, ends its worth."""
    delivery = bench.delivery(bench.sealed())
    for _ in range(6):
        bench.ledger.append("submission-acceptance", "header", bytes(32))
    whole = bench.delivery(bench.sealed())
    for base in (delivery, whole):
        for at in range(0, len(base.receipt), 7):
            raw = base.receipt
            altered = raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :]
            bench.refused(replace(base, receipt=altered))
    assert bench.examine(whole).receipt.record.network == NETWORK
    assert bench.examine(whole).receipt.record.origin == ORIGIN
