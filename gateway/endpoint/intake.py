"""What becomes of what a gateway sends: each item is proved, then turned into changes of the disk.

Nothing is told to anybody before the changes are durable; what is false becomes an alarm and nothing else.
"""

from collections.abc import Callable
from functools import partial

from gateway.domain.errors import PeerError
from gateway.domain.receipt import Checkpoint
from gateway.domain.session import Answer, Delivery, Evidence
from gateway.endpoint import evidence, inbox, outbox, proofs
from gateway.endpoint.acceptance import ExpiredError, examine
from gateway.endpoint.acknowledging import Batch
from gateway.endpoint.effects import Effects
from gateway.endpoint.keeping import Keeping
from gateway.endpoint.outbox import Due

# Not recorded, and no fault of the bytes: send them again later.
AGAIN = frozenset({"busy", "outcome-unknown", "not-ready", "draining", "fault"})
AGAIN_AFTER_S = 2
# Not recorded, and final: the deliveries have ended, or the gateway has it from us already.
NOTHING_NEW = "nothing-new"
TEXT_CHARACTERS_MAX = 200


class Intake:
    """Judges the items of one connection. `observe` holds a proven receipt's tree head against all others."""

    def __init__(self, keeping: Keeping, origin: str, observe: Callable[[Checkpoint], None]) -> None:
        """Take items from the gateway that keeps the ledger `origin`."""
        self._keeping = keeping
        self._origin = origin
        self._observe = observe

    def submitted(self, due: Due, answer: Answer, effects: Effects) -> None:
        """Take the answer to a submission.

        Raises:
            TrustError: its receipt proves nothing.
        """
        keeping = self._keeping
        at_ms = keeping.clock()
        if answer.kind == "receipt":
            receipt = proofs.answer(
                answer.body,
                due.object_sha256,
                due.kind == "message",
                answer.permitted,
                keeping.editions,
                keeping.identity.network,
            )
            self._observe(receipt.checkpoint)
            change = partial(
                outbox.receipted, sequence=due.sequence, receipt=receipt, permitted=answer.permitted, at_ms=at_ms
            )
        elif answer.kind == "busy" or answer.code in AGAIN:
            keeping.dispatch.turned_back(due.sequence)
            effects.pause_s = max(effects.pause_s, answer.retry_after_s or AGAIN_AFTER_S)
            return
        else:
            change = partial(
                outbox.declined,
                sequence=due.sequence,
                code=_harmless(answer.code or answer.kind),
                detail=_harmless(answer.detail),
                at_ms=at_ms,
            )
        effects.changes.append(change)
        effects.size_bytes += len(answer.body)
        effects.after.append(partial(keeping.dispatch.landed, due.sequence))
        effects.after.append(partial(keeping.watch.changed, due.object_sha256))

    def acknowledged(self, batch: Batch, answer: Answer, effects: Effects) -> None:
        """Take the answer to a batch of acknowledgements.

        Raises:
            TrustError: its receipt proves nothing.
            PeerError: the gateway does not take our acknowledgements.
        """
        keeping = self._keeping
        if answer.kind == "busy" or answer.code in AGAIN:
            effects.pause_s = max(effects.pause_s, answer.retry_after_s or AGAIN_AFTER_S)
            effects.after.append(partial(keeping.acknowledging.turned_back, batch))
            return
        if answer.code == NOTHING_NEW:
            effects.changes.append(partial(inbox.owe_no_more, sequences=batch.sequences))
            effects.after.append(partial(keeping.acknowledging.landed, batch))
            return
        if answer.kind != "receipt":
            # Signed anew on the next connection: it may be the signature that the gateway does not take.
            keeping.acknowledging.forget()
            raise PeerError(
                f"the gateway does not take our acknowledgements ({_harmless(answer.code)}): {_harmless(answer.detail)}"
            )
        receipt = proofs.batch(answer.body, batch.batch_sha256, keeping.editions, keeping.identity.network)
        self._observe(receipt.checkpoint)
        effects.changes.append(
            partial(
                inbox.acknowledged,
                sequences=batch.sequences,
                batch_sha256=batch.batch_sha256,
                raw=batch.raw,
                receipt=answer.body,
                at_ms=keeping.clock(),
            )
        )
        effects.after.append(partial(keeping.acknowledging.landed, batch))
        effects.size_bytes += len(batch.raw) + len(answer.body)

    def delivered(self, delivery: Delivery, effects: Effects) -> None:
        """Take a message for us.

        Raises:
            TrustError, SignatureError, FormatError: it does not prove that it was judged, or is not what was.
        """
        keeping = self._keeping
        digest = delivery.header_sha256
        at_ms = keeping.clock()
        if digest in effects.arrivals:
            return
        if keeping.journal.row("SELECT 1 FROM inbox WHERE header_sha256 = ?", (digest,)) is not None:
            # The gateway did not hear us: what was said before is said again.
            effects.changes.append(partial(inbox.acknowledge_again, header_sha256=digest, at_ms=at_ms))
            effects.after.append(keeping.acknowledging.wake.set)
            return
        try:
            accepted = examine(delivery, keeping.identity, keeping.editions, at_ms, keeping.roots)
        except ExpiredError:
            return
        self._observe(accepted.receipt.checkpoint)
        effects.arrivals[digest] = accepted
        effects.size_bytes += len(delivery.envelope) + len(delivery.receipt)

    def heard(self, item: Evidence, effects: Effects) -> None:
        """Take evidence about one of our messages, and move the cursor behind it.

        Raises:
            TrustError: it proves nothing.
        """
        keeping = self._keeping
        network = keeping.identity.network
        if item.kind == "acknowledged":
            at_ms = proofs.acknowledged(item, keeping.identity.authority, keeping.editions, keeping.clock(), network)
        else:
            receipt = proofs.failed(item, keeping.editions, network)
            self._observe(receipt.checkpoint)
            at_ms = receipt.record.at_ms
        outcome = evidence.Outcome(
            origin=self._origin,
            sequence=item.sequence,
            header_sha256=item.header_sha256,
            kind=item.kind,
            recipient=item.recipient,
            outcome=item.outcome,
            body=item.body,
            at_ms=at_ms,
            heard_at_ms=keeping.clock(),
        )
        effects.changes.append(partial(evidence.put, outcome=outcome))
        effects.changes.append(partial(outbox.release, header_digests=(item.header_sha256,)))
        effects.after.append(partial(keeping.watch.changed, item.header_sha256))
        effects.size_bytes += len(item.body)

    def passed(self, item: Evidence, effects: Effects) -> None:
        """Move the cursor behind evidence, proved or not: what is false does not become true by hearing it again."""
        effects.changes.append(partial(evidence.advance, origin=self._origin, sequence=item.sequence))


def _harmless(text: str) -> str:
    """Return words of a gateway as they may stand in an error and on a terminal."""
    return "".join(character if " " <= character <= "~" else "?" for character in text[:TEXT_CHARACTERS_MAX])
