"""Every kind of signature against every verifier: only the diagonal holds (threat E7).

Each verifier is shown an object of its own kind in which everything is right but the signature: made by the
right key, over the right payload, as another type; or as the right type, by a key of another role.
"""

from collections.abc import Callable

import msgspec
import pytest
from msgspec.structs import replace

from gateway.crypto import canonical
from gateway.crypto.acknowledgements import open_acknowledgements
from gateway.crypto.batch import VerifiedRoots, sign_batch, verify_batch
from gateway.crypto.checkpoint import checkpoint_key_id, sign_checkpoint, verify_checkpoint
from gateway.crypto.digests import decode_base64url, encode_base64url, key_id, pae, payload_type
from gateway.crypto.envelope import decode_envelope, encode_envelope
from gateway.crypto.grants import sign_grants, succeed, verify_grants
from gateway.crypto.keys import SecretKey, generate, make_registration, open_registration, sign
from gateway.crypto.merkle import leaf_hash, root
from gateway.crypto.signed import decode_signed, encode_signed
from gateway.crypto.statements import open_statement, sign_statement
from gateway.crypto.trust import SignedEdition, sign_edition, verify_edition
from gateway.domain.directory import Grants, GrantsKey
from gateway.domain.errors import FormatError, SignatureError, TrustError
from gateway.domain.message import Signature
from gateway.domain.names import SIGNING_ROLES
from gateway.domain.statement import Consent, ConsentRevocation, SignedAcknowledgements
from tests.crypto import test_acknowledgements as acknowledged
from tests.crypto import test_statements as stated
from tests.crypto.federation import (
    AT_MS,
    CHECKPOINT_KEY,
    CZ,
    DIRECTORY,
    DIRECTORY_KEYS,
    GRANTS_KEY,
    KEY_SET,
    NETWORK,
    ORIGIN,
    edition,
)
from tests.crypto.forgeries import MESSAGE, RAW, opened

# How a key signs a payload; and which key signs in place of the right one.
Sign = Callable[[SecretKey, bytes], bytes]
Present = Callable[[Sign], None]

# wire.md, "Signed objects and their payload types", and ours for what follows a grants key (ADR 0005).
TYPES = (
    "header",
    "header-batch",
    "acknowledgement",
    "acknowledgement-batch",
    "consent",
    "consent-revocation",
    "directory",
    "grants",
    "grants-key",
    "key-registration",
    "key-revocation",
    "relay",
)
GRANTS = Grants(1, NETWORK, 1, "interpol-gs", AT_MS, AT_MS + 1, ())
REGISTERED = generate("message")
ACKNOWLEDGING = CZ.keys["acknowledgement"]


def header(sign_as: Sign) -> None:
    """Show a header to the gateway."""
    whole = decode_envelope(RAW)
    opened(encode_envelope(replace(whole, s=(Signature(MESSAGE.kid, sign_as(MESSAGE, whole.h)),))))


def header_batch(sign_as: Sign) -> None:
    """Show a batch of two headers to the gateway."""
    first, second = b"first", b"second"
    tree = encode_base64url(root([leaf_hash(first), leaf_hash(second)]))
    payload = f'{{"v":1,"network":"{NETWORK}","size":2,"root":"{tree}"}}'.encode()
    signature = replace(sign_batch(NETWORK, [first, second], MESSAGE)[0], g=sign_as(MESSAGE, payload))
    verify_batch(NETWORK, first, signature, MESSAGE.public, VerifiedRoots(0))


def statement(kind: str, value: Consent | ConsentRevocation, sign_as: Sign) -> None:
    """Show a consent or a revocation to the gateway."""
    right = decode_signed(sign_statement("consent", stated.CONSENT, stated.KEY))
    h = canonical.encode(value)
    signature = Signature(stated.KEY.kid, sign_as(stated.KEY, h))
    open_statement(encode_signed(replace(right, t=payload_type(kind), h=h, s=(signature,))), DIRECTORY, NETWORK, AT_MS)


def consent(sign_as: Sign) -> None:
    """Show a consent to the gateway."""
    statement("consent", stated.CONSENT, sign_as)


def consent_revocation(sign_as: Sign) -> None:
    """Show a revocation to the gateway."""
    statement("consent-revocation", stated.REVOCATION, sign_as)


def acknowledgement_batch(sign_as: Sign) -> None:
    """Show acknowledgements to the gateway."""
    signed: SignedAcknowledgements = acknowledged.SIGNED
    own = Signature(acknowledged.KEY.kid, sign_as(acknowledged.KEY, signed.h))
    open_acknowledgements(msgspec.msgpack.encode(replace(signed, s=own)), DIRECTORY, NETWORK, AT_MS)


def directory(sign_as: Sign) -> None:
    """Show an edition to anybody."""
    right = msgspec.msgpack.decode(sign_edition(edition(), DIRECTORY_KEYS), type=SignedEdition)
    signatures = tuple(Signature(key.kid, sign_as(key, right.h)) for key in DIRECTORY_KEYS)
    verify_edition(
        msgspec.msgpack.encode(replace(right, s=signatures)),
        network=NETWORK,
        pinned=KEY_SET,
        previous=None,
        grants_public=None,
        grants_number_min=0,
        at_ms=AT_MS,
    )


def grants(sign_as: Sign) -> None:
    """Show grants to anybody."""
    right = sign_grants(GRANTS, GRANTS_KEY)
    own = encode_base64url(sign_as(GRANTS_KEY, decode_base64url(right.h)))
    verify_grants(replace(right, g=own), network=NETWORK, public=GRANTS_KEY.public, number_min=0)


def grants_key(sign_as: Sign) -> None:
    """Show a grants key, named by the one before it, to anybody."""
    follower = generate("grants")
    right = succeed(NETWORK, follower.public, GRANTS_KEY)
    said = canonical.encode(GrantsKey(1, NETWORK, right.public))
    named = replace(right, g=encode_base64url(sign_as(GRANTS_KEY, said)))
    signed = sign_grants(GRANTS, follower, (named,))
    verify_grants(signed, network=NETWORK, public=GRANTS_KEY.public, number_min=0)


def key_registration(sign_as: Sign) -> None:
    """Show a registration to whoever keeps the directory."""
    right = decode_signed(make_registration(NETWORK, CZ.id, (REGISTERED,), (), AT_MS))
    own = Signature(REGISTERED.kid, sign_as(REGISTERED, right.h))
    open_registration(encode_signed(replace(right, s=(own,))), NETWORK)


def checkpoint(sign_as: Sign) -> None:
    """Show a checkpoint to anybody."""
    text = sign_checkpoint(ORIGIN, 1, bytes(32), CHECKPOINT_KEY).note.split(b"\n\n")[0] + b"\n"
    value = checkpoint_key_id(ORIGIN, CHECKPOINT_KEY.public) + sign_as(CHECKPOINT_KEY, text)
    encoded = encode_base64url(value).replace("-", "+").replace("_", "/") + "="
    verify_checkpoint(text + f"\n\u2014 {ORIGIN} {encoded}\n".encode(), ORIGIN, CHECKPOINT_KEY.public)


VERIFIERS: dict[str, Present] = {
    "header": header,
    "header-batch": header_batch,
    "consent": consent,
    "consent-revocation": consent_revocation,
    "acknowledgement-batch": acknowledgement_batch,
    "directory": directory,
    "grants": grants,
    "grants-key": grants_key,
    "key-registration": key_registration,
    "checkpoint": checkpoint,
}


@pytest.mark.parametrize("signed_as", [*TYPES, "checkpoint"])
@pytest.mark.parametrize("verifier", VERIFIERS)
def test_threat_E7_signature_of_one_type_passes_no_other_verifier(verifier: str, signed_as: str) -> None:
    """E7: the right key over the right payload as any other type is refused by every verifier."""

    def sign_as(key: SecretKey, payload: bytes) -> bytes:
        return sign(key, payload if signed_as == "checkpoint" else pae(payload_type(signed_as), payload))

    if signed_as == verifier:
        VERIFIERS[verifier](sign_as)
    else:
        with pytest.raises((SignatureError, TrustError)):
            VERIFIERS[verifier](sign_as)


@pytest.mark.parametrize("role", sorted(SIGNING_ROLES))
@pytest.mark.parametrize("verifier", VERIFIERS)
def test_threat_E7_signature_of_another_key_passes_no_verifier(verifier: str, role: str) -> None:
    """E7: the right type over the right payload under the name of the right key, by a key of any role, is refused."""
    other = generate(role)

    def sign_as(key: SecretKey, payload: bytes) -> bytes:
        return sign(other, payload if verifier == "checkpoint" else pae(payload_type(verifier), payload))

    with pytest.raises((SignatureError, TrustError)):
        VERIFIERS[verifier](sign_as)


@pytest.mark.parametrize("role", sorted(SIGNING_ROLES))
def test_threat_E7_key_has_another_name_in_every_role(role: str) -> None:
    """E7: a kid covers the role, so a key of one role cannot be named where another is wanted."""
    key = generate(role)

    assert {other for other in SIGNING_ROLES if key_id(other, key.public) == key.kid} == {role}


def test_threat_E7_type_cannot_be_smuggled_into_a_payload() -> None:
    """E7: lengths are signed, so no payload of one type spells another, and no origin spells a DSSE encoding."""
    inner = pae(payload_type("consent"), b"{}")
    payloads = (b"", b"{}", inner)

    assert len({pae(payload_type(kind), payload) for kind in TYPES for payload in payloads}) == 3 * len(TYPES)
    with pytest.raises((FormatError, TrustError)):
        verify_checkpoint(inner, "DSSEv1", CHECKPOINT_KEY.public)
