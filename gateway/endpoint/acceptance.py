"""What an endpoint checks before it hands a message to a person. Pure: keys, directory and time are arguments.

In order: the admission receipt, without which a message was never judged; then, under the edition that the receipt
names, the originator's signatures, the digests, our place among the recipients, the wrap, the commitment and
the body; then whether it is in time. Repetition is the inbox's affair (wire.md, "What an endpoint checks").
"""

from msgspec import Struct

from gateway.crypto.batch import VerifiedRoots
from gateway.crypto.canonical import decode
from gateway.crypto.digests import decode_base64url, sha256
from gateway.crypto.envelope import decode_envelope
from gateway.crypto.unsealing import UndecipherableError, unseal
from gateway.domain.errors import FormatError, TrustError
from gateway.domain.message import Header
from gateway.domain.receipt import Receipt
from gateway.domain.session import Delivery
from gateway.domain.statement import AcknowledgementStatus
from gateway.endpoint import contents, proofs
from gateway.endpoint.editions import Editions
from gateway.endpoint.identity import Identity
from gateway.endpoint.inbox import Arrival, Stored


class Accepted(Struct, frozen=True):
    """A message that was judged by its gateway and examined by us; `plaintext` None: `arrival.status` says why."""

    arrival: Arrival
    receipt: Receipt
    plaintext: bytes | None


class ExpiredError(FormatError):
    """The message came after its expiry: nobody is handed it, and the gateway will report its failure."""


def examine(delivery: Delivery, identity: Identity, editions: Editions, at_ms: int, roots: VerifiedRoots) -> Accepted:
    """Return what to make of a delivery that carries proof of its admission.

    Raises:
        TrustError, SignatureError, FormatError: it carries none, or is not what was admitted; acknowledge nothing.
        ExpiredError: it is late.
    """
    envelope = decode_envelope(delivery.envelope)
    header_sha256 = sha256(envelope.h)
    if header_sha256 != delivery.header_sha256:
        raise TrustError("a delivery names another message than it carries")
    receipt = proofs.admission(delivery.receipt, header_sha256, editions, identity.network)
    directory = editions.named(receipt.record.edition)
    status: AcknowledgementStatus = "consigned"
    plaintext: bytes | None = None
    try:
        opened = unseal(
            delivery.envelope,
            identity.authority,
            identity.ring.wraps,
            directory,
            identity.network,
            receipt.record.at_ms,
            roots,
        )
        header, plaintext = opened.message.header, opened.plaintext
        if contents.missing(header, plaintext):
            # Signed as there, and not there: the originator hears of it (rules.md 1.7, 17).
            status, plaintext = "refused", None
    except UndecipherableError as error:
        header, status = error.message.header, "undecipherable"
    except FormatError:
        # Admitted and signed, but wraps or body are not those that the header binds.
        header, status = decode(envelope.h, Header), "refused"
        if identity.authority not in {recipient.authority for recipient in header.recipients}:
            raise TrustError("a delivery is for somebody else") from None
    if header.expires_at_ms <= at_ms:
        raise ExpiredError("a message came after its expiry")
    arrival = Arrival(
        header=header,
        header_raw=envelope.h,
        header_sha256=header_sha256,
        in_reply_to=None if header.in_reply_to is None else decode_base64url(header.in_reply_to),
        envelope=delivery.envelope,
        receipt=delivery.receipt,
        edition=receipt.record.edition.number,
        admitted_at_ms=receipt.record.at_ms,
        status=status,
    )
    return Accepted(arrival, receipt, plaintext)


def reopen(stored: Stored, identity: Identity, editions: Editions) -> tuple[Header, bytes]:
    """Return header and plaintext of a message that was accepted before.

    Raises:
        GatewayError: its body was destroyed, or we do not hold its key any more.
    """
    if stored.envelope is None:
        raise FormatError("the body of this message is not here any more")
    opened = unseal(
        stored.envelope,
        identity.authority,
        identity.ring.wraps,
        editions.kept(stored.edition),
        identity.network,
        stored.admitted_at_ms,
    )
    return opened.message.header, opened.plaintext
