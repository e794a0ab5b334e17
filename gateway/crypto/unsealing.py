"""Open a delivered message: every check of an endpoint that needs no state.

Expiry, repetition and the admission receipt are the endpoint's own affair: they need a clock, a memory and the
key of a ledger.
The signatures are verified again, because a gateway is not trusted with what a message says.
"""

from collections.abc import Sequence
from typing import NamedTuple

from gateway.crypto import content
from gateway.crypto.batch import VerifiedRoots
from gateway.crypto.digests import decode_base64url, encode_base64url
from gateway.crypto.envelope import check_wraps, decode_envelope, listed_signers, verify_headers
from gateway.crypto.keys import SecretKey
from gateway.crypto.padding import unpad
from gateway.crypto.wraps import SUITE_OF_PUBLIC_BYTES, unwrap
from gateway.domain.directory import Directory, ListedKey
from gateway.domain.errors import FormatError, SignatureError
from gateway.domain.message import AuthenticMessage, Wrap


class Opened(NamedTuple):
    """A delivered message that this authority could open."""

    message: AuthenticMessage
    plaintext: bytes


class UndecipherableError(FormatError):
    """Every signature holds, but we cannot read the message: answer `undecipherable` (wire.md)."""

    def __init__(self, why: str, message: AuthenticMessage) -> None:
        super().__init__(why)
        self.message = message


def unseal(
    raw: bytes,
    recipient_authority: str,
    wrap_keys: Sequence[SecretKey],
    directory: Directory,
    network: str,
    admitted_at_ms: int,
    roots: VerifiedRoots | None = None,
) -> Opened:
    """Return message and plaintext of an envelope, pruned or whole, that is for `recipient_authority`.

    Args:
        raw: the envelope, MessagePack.
        recipient_authority: ourselves.
        wrap_keys: our keys of role `wrap`, old ones too.
        directory: the edition that the admission receipt names, or a newer one that still lists its keys.
        network: the federation we belong to.
        admitted_at_ms: the time in the admission receipt: keys are judged at it (wire.md, "Directory and grants").
        roots: batch roots verified before; None verifies anew.

    Raises:
        FormatError: no envelope, not for us, or its wrap or body is not the one that the header names.
        SignatureError: not every signer stood in the directory at that time, or a signature does not hold.
        UndecipherableError: signatures, wrap and body are as sent, but the wrap or the body does not open.
    """
    envelope = decode_envelope(raw)
    signers = listed_signers(envelope, directory)
    for listed in signers:
        _check_stood(listed, admitted_at_ms)
    remembered = VerifiedRoots(0) if roots is None else roots
    message = verify_headers((envelope,), (signers,), network, remembered, (raw,))[0]
    wrap = _own_wrap(message, recipient_authority)
    try:
        return Opened(message, _open(message, wrap, wrap_keys))
    except FormatError as error:
        raise UndecipherableError(str(error), message) from None


def _check_stood(listed: ListedKey, admitted_at_ms: int) -> None:
    """A key may have been superseded since; one known as compromised by then was never to be believed."""
    entry = listed.entry
    compromised = entry.invalid_from_ms is not None and admitted_at_ms >= entry.invalid_from_ms
    if compromised or not entry.not_before_ms <= admitted_at_ms < entry.not_after_ms:
        raise SignatureError(f"key `{entry.kid}` was not in force when the message was admitted")


def _own_wrap(message: AuthenticMessage, authority: str) -> Wrap:
    for recipient in message.header.recipients:
        if recipient.authority == authority:
            kid = decode_base64url(recipient.key)
            for wrap in message.envelope.r:
                if wrap.k == kid:
                    check_wraps(((message.header.suite, recipient, wrap),))
                    return wrap
            raise FormatError(f"the envelope holds no wrap for `{authority}`")
    raise FormatError(f"`{authority}` is no recipient of this message")


def _open(message: AuthenticMessage, wrap: Wrap, wrap_keys: Sequence[SecretKey]) -> bytes:
    header = message.header
    key = next((key for key in wrap_keys if key.kid == wrap.k), None)
    if key is None or SUITE_OF_PUBLIC_BYTES[len(key.public)] != header.suite:
        raise FormatError(f"we hold no key `{encode_base64url(wrap.k)}` of suite {header.suite}")
    committed = decode_base64url(header.key_commitment)
    bound = content.context(header.network, header.suite, header.id, header.originator, committed)
    content_key = unwrap(header.suite, key.private, wrap.w, content.wrap_info(bound, wrap.k))
    if content.commitment(content_key) != committed:
        raise FormatError("the content key is not the one that the header commits to")
    return unpad(content.open_body(content_key, bound, message.envelope.c))
