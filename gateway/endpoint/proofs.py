"""What a gateway hands over as proof, checked against the directory and our own digests.

Nothing in a receipt is believed for itself: the leaf is computed again, the path walked, the checkpoint verified
under the key that the directory lists, the object compared with the one we sent or were sent. What fails here is
no proof, whatever the gateway says beside it (threats E20, G2).
"""

import binascii

from gateway.crypto.acknowledgements import verify_evidence
from gateway.crypto.canonical import decode
from gateway.crypto.digests import encode_base64url
from gateway.crypto.receipt import SALT_BYTES, verify_receipt
from gateway.domain.errors import FormatError, SignatureError, TrustError
from gateway.domain.receipt import ObjectType, Receipt, Record
from gateway.domain.session import Evidence
from gateway.domain.statement import CONSIGNED
from gateway.endpoint.editions import Editions

STATEMENTS: frozenset[ObjectType] = frozenset({"consent", "consent-revocation"})


def admission(raw: bytes, header_sha256: bytes, editions: Editions, network: str) -> Receipt:
    """Return the receipt that a message was judged and admitted.

    Raises:
        TrustError: `raw` does not prove it, for this header.
    """
    receipt = verify_receipt(raw, object_sha256=header_sha256, gateways=editions.gateway_keys(), network=network)
    _expect(receipt, "header", "submission-acceptance")
    return receipt


def answer(
    raw: bytes, object_sha256: bytes, is_message: bool, permitted: bool, editions: Editions, network: str
) -> Receipt:
    """Return the receipt for what we submitted: accepted or refused, as the answer beside it says.

    Raises:
        TrustError: `raw` does not prove it.
    """
    receipt = verify_receipt(raw, object_sha256=object_sha256, gateways=editions.gateway_keys(), network=network)
    event = "submission-acceptance" if permitted else "submission-rejection"
    _expect(receipt, "header" if is_message else receipt.record.object_type, event)
    if not is_message and receipt.record.object_type not in STATEMENTS:
        raise TrustError("receipt is for no statement")
    return receipt


def batch(raw: bytes, batch_sha256: bytes, editions: Editions, network: str) -> Receipt:
    """Return the receipt for acknowledgements of ours.

    Raises:
        TrustError: `raw` does not prove that they were recorded.
    """
    receipt = verify_receipt(raw, object_sha256=batch_sha256, gateways=editions.gateway_keys(), network=network)
    _expect(receipt, "acknowledgement-batch", receipt.record.event)
    return receipt


def acknowledged(item: Evidence, authority: str, editions: Editions, at_ms: int, network: str) -> int:
    """Return when the recipient says that it acknowledged our message, by its own signature.

    Raises:
        TrustError: the recipient did not sign this about this message.
    """
    try:
        said = verify_evidence(item.body, editions.require(at_ms), network)
    except (FormatError, SignatureError) as error:
        raise TrustError(f"acknowledgement of `{item.recipient}`: {error}") from None
    expected = (authority, item.recipient, encode_base64url(item.header_sha256), item.outcome)
    if (said.originator, said.recipient, said.header_sha256, said.status) != expected:
        raise TrustError(f"acknowledgement of `{item.recipient}` is about something else")
    return said.at_ms


def failed(item: Evidence, editions: Editions, network: str) -> Receipt:
    """Return the receipt for the failure of a delivery of ours.

    Raises:
        TrustError: `item` does not prove it.
    """
    receipt = verify_receipt(
        item.body, object_sha256=item.header_sha256, gateways=editions.gateway_keys(), network=network
    )
    _expect(receipt, "header", "content-consignment-failure")
    if receipt.record.outcome != item.outcome or item.outcome in CONSIGNED:
        raise TrustError("receipt gives another outcome than the evidence")
    return receipt


def recorded(raw: bytes) -> Record:
    """Return the record in a receipt that was verified when it came: for showing, not for believing.

    Raises:
        TrustError: `raw` is no receipt.
    """
    try:
        extra = binascii.a2b_base64(raw.split(b"\n", 2)[1].removeprefix(b"extra "))
        return decode(extra[SALT_BYTES:], Record)
    except (IndexError, ValueError, FormatError) as error:
        raise TrustError("a stored receipt is garbled") from error


def _expect(receipt: Receipt, object_type: str, event: str) -> None:
    if receipt.record.object_type != object_type or receipt.record.event != event:
        raise TrustError(f"receipt records a `{receipt.record.event}`, not a `{event}` of a {object_type}")
