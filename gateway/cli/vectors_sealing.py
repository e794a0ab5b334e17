"""Envelopes with nothing left to chance, for test vectors.

`gateway.crypto.sealing` draws content key and ephemeral keys itself and takes none from outside, as it must. Here both
are derived from a label, so that the vectors can be printed again and compared. The HPKE sender below is written a
second time from RFC 9180, with a fixed ephemeral key (S-06, S-07); that our own `unseal` opens what it makes, and a
Node program too, is what the vectors prove. Never for a message that means anything.
"""

import hashlib
import hmac

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from msgspec import Struct
from msgspec.structs import replace

from gateway.cli.vectors_encapsulations import ENCAPSULATIONS
from gateway.cli.vectors_federation import AT_MS, DAY_MS, NETWORK, digest, key, kid, to_sign
from gateway.crypto import canonical, content
from gateway.crypto.batch import sign_batch
from gateway.crypto.digests import decode_base64url, encode_base64url, sha256
from gateway.crypto.envelope import encode_envelope
from gateway.crypto.keys import sign
from gateway.crypto.padding import pad
from gateway.domain.label import Label
from gateway.domain.message import Body, Envelope, Header, Recipient, Signature, Wrap

_KEM_ID = {1: 0x0020, 2: 0x647A}
_XWING_LABEL = bytes.fromhex("5c2e2f2f5e5c")
PLAINTEXT = b'{"request":"Is the holder of passport TEST0001 wanted?"}'


class Sealed(Struct, frozen=True):
    """An envelope before it is signed, and the key that opens it."""

    header: Header
    h: bytes
    wraps: tuple[Wrap, ...]
    c: bytes
    content_key: bytes

    def envelope(self, *signers: str) -> Envelope:
        """Return it under one signature of each signer, whatever the header lists."""
        return Envelope(self.h, tuple(header_signature(name, self.h) for name in signers), self.wraps, self.c)

    def raw(self, *signers: str) -> bytes:
        """Return the MessagePack form; without arguments signed by `cz-police message`."""
        return encode_envelope(self.envelope(*(signers or ("cz-police message",))))


def header_signature(signer: str, h: bytes, tag: str = "header") -> Signature:
    """Return a plain signature over a header; `tag` is the kind that is signed, where a vector lies about it."""
    return Signature(key(signer).kid, sign(key(signer), to_sign(tag, h)))


def batch(sealed: list[Sealed], signer: str = "cz-police message", network: str = NETWORK) -> list[Envelope]:
    """Return the messages under one signature over their root."""
    signatures = sign_batch(network, [each.h for each in sealed], key(signer))
    return [Envelope(each.h, (one,), each.wraps, each.c) for each, one in zip(sealed, signatures, strict=True)]


def message_id(label: str, sent_at_ms: int) -> str:
    """Return a UUIDv7 (S-12) whose random part is the label's."""
    tail = int.from_bytes(digest(f"id {label}")[:9], "big") & ((1 << 62) - 1) | 0b10 << 62
    digits = f"{sent_at_ms:012x}7{int.from_bytes(digest(label)[:2], 'big') & 0xFFF:03x}{tail:016x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def draft(label: str, /, **fields: object) -> Header:
    """Return a header whose digests are not known yet; `fields` replace what a plain request says."""
    sent_at_ms = fields.get("sent_at_ms", AT_MS - 1_000)
    assert isinstance(sent_at_ms, int)
    plain = Header(
        v=1,
        network=NETWORK,
        suite=1,
        id=message_id(label, sent_at_ms),
        signers=(kid("cz-police message"),),
        originator="cz-police",
        recipients=(),
        kind="request",
        agreement="cz-kz",
        purposes=("detection",),
        subjects=(),
        label=Label("restricted", (), "consent-required", True, (), None, False),
        urgency="routine",
        sent_at_ms=AT_MS - 1_000,
        expires_at_ms=AT_MS + DAY_MS,
        destroy_by_ms=None,
        case=None,
        in_reply_to=None,
        sources=(),
        consents=(),
        conditions=(),
        database=None,
        language=None,
        form={},
        key_commitment="",
        body=Body("", 1, "application/json", None),
    )
    return replace(plain, **fields)


def seal(
    label: str,
    header: Header | None = None,
    to: tuple[str, ...] = ("kz-mvd wrap 1",),
    *,
    plaintext: bytes = PLAINTEXT,
    padded: bytes | None = None,
    content_key: bytes | None = None,
    wrapped_keys: dict[str, bytes] | None = None,
) -> Sealed:
    """Return a message to the holders of the wrap keys `to`.

    `content_key` and `padded` replace what the label gives; `wrapped_keys` wraps another key for some of them.
    """
    header = header or draft(label)
    secret = content_key or digest(f"content key {label}")
    committed = content.commitment(secret)
    bound = content.context(header.network, header.suite, header.id, header.originator, committed)
    c = content.seal_body(secret, bound, padded if padded is not None else pad(plaintext))
    wraps = tuple(
        Wrap(
            key(name).kid,
            wrap(name, (wrapped_keys or {}).get(name, secret), content.wrap_info(bound, key(name).kid), label),
        )
        for name in to
    )
    full = replace(
        header,
        recipients=tuple(recipient(name, each) for name, each in zip(to, wraps, strict=True)),
        key_commitment=encode_base64url(committed),
        body=replace(header.body, sha256=encode_base64url(sha256(c)), length=len(c)),
    )
    return Sealed(full, canonical.encode(full), wraps, c, secret)


def reseal(sealed: Sealed, **fields: object) -> Sealed:
    """Return the message with other header fields, body and wraps as they were."""
    header = replace(sealed.header, **fields)
    return replace(sealed, header=header, h=canonical.encode(header))


def recipient(name: str, made: Wrap) -> Recipient:
    """Return how the header binds a wrap; the first word of a wrap key's name is its authority."""
    return Recipient(name.split()[0], kid(name), encode_base64url(sha256(made.w)))


def wrap(name: str, content_key: bytes, info: bytes, label: str) -> bytes:
    """Return HPKE base mode, one shot, under the ephemeral key that `label` and `name` give.

    Source: S-06 (RFC 9180, sections 4.1, 5.1 and 6.1); S-07 for suite 2.
    """
    ephemeral = X25519PrivateKey.from_private_bytes(digest(f"ephemeral {label} {name}"))
    suite = key(name).suite
    enc, shared = (_encapsulate_x25519 if suite == 1 else _encapsulate_xwing)(name, ephemeral)
    suite_id = b"HPKE" + _i2osp(_KEM_ID[suite]) + _i2osp(1) + _i2osp(3)
    context = b"\x00" + _extract(suite_id, b"", b"psk_id_hash", b"") + _extract(suite_id, b"", b"info_hash", info)
    secret = _extract(suite_id, shared, b"secret", b"")
    aead = ChaCha20Poly1305(_expand(suite_id, secret, b"key", context, 32))
    return enc + aead.encrypt(_expand(suite_id, secret, b"base_nonce", context, 12), content_key, b"")


def _encapsulate_x25519(name: str, ephemeral: X25519PrivateKey) -> tuple[bytes, bytes]:
    public = key(name).public
    enc = ephemeral.public_key().public_bytes_raw()
    suite_id = b"KEM" + _i2osp(_KEM_ID[1])
    shared = ephemeral.exchange(X25519PublicKey.from_public_bytes(public))
    prk = _extract(suite_id, b"", b"eae_prk", shared)
    return enc, _expand(suite_id, prk, b"shared_secret", enc + public, 32)


def _encapsulate_xwing(name: str, ephemeral: X25519PrivateKey) -> tuple[bytes, bytes]:
    lattice_text = decode_base64url("".join(ENCAPSULATIONS[name].split()))
    expanded = hashlib.shake_256(key(name).private).digest(96)
    lattice_secret = MLKEM768PrivateKey.from_seed_bytes(expanded[:64]).decapsulate(lattice_text)
    curve_public = key(name).public[-32:]
    curve_text = ephemeral.public_key().public_bytes_raw()
    curve_secret = ephemeral.exchange(X25519PublicKey.from_public_bytes(curve_public))
    combined = lattice_secret + curve_secret + curve_text + curve_public + _XWING_LABEL
    return lattice_text + curve_text, hashlib.sha3_256(combined).digest()


def _i2osp(number: int) -> bytes:
    return number.to_bytes(2, "big")


def _extract(suite_id: bytes, salt: bytes, label: bytes, ikm: bytes) -> bytes:
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite_id + label + ikm, "sha256")


def _expand(suite_id: bytes, prk: bytes, label: bytes, info: bytes, length: int) -> bytes:
    # 32 bytes at most are asked for: one block of HKDF-Expand.
    labeled = _i2osp(length) + b"HPKE-v1" + suite_id + label + info
    return hmac.digest(prk, labeled + b"\x01", "sha256")[:length]
