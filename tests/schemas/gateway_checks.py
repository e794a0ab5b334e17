"""Judge a vector with `gateway.crypto`: what is read, or the error that refuses it."""

import hashlib
from collections.abc import Callable
from functools import cache
from typing import Any

import msgspec

from gateway.crypto import keys
from gateway.crypto.acknowledgements import open_acknowledgements, verify_evidence
from gateway.crypto.batch import VerifiedRoots
from gateway.crypto.checkpoint import verify_checkpoint
from gateway.crypto.digests import decode_base64url, encode_base64url, key_id
from gateway.crypto.envelope import encode_envelope, open_envelope
from gateway.crypto.envelope_json import envelope_from_json
from gateway.crypto.keys import SecretKey, check_public, from_private, open_registration
from gateway.crypto.merkle import verify_consistency
from gateway.crypto.receipt import verify_receipt
from gateway.crypto.statements import open_statement
from gateway.crypto.trust import verify_edition
from gateway.crypto.unsealing import unseal
from gateway.domain.directory import Directory, KeySet
from gateway.domain.errors import FormatError, SignatureError, TrustError
from tests.schemas.vector_files import federation

Given = dict[str, Any]
Values = dict[str, Any]
# `digest` is a finer word of the vectors: to the sender both mean that the bytes do not hold together.
ERRORS: dict[str, type[Exception]] = {
    "format": FormatError,
    "digest": FormatError,
    "signature": SignatureError,
    "trust": TrustError,
}


def judge(vector: dict[str, Any]) -> Values:
    """Return what `gateway.crypto` reads in a vector; raises what it raises."""
    return CHECKS[vector["check"]](vector["given"])


def seed(name: str) -> bytes:
    """Return the secret of a test key by the rule in `federation.json`."""
    return hashlib.sha256(f"accord test vector {name}".encode("ascii")).digest()


@cache
def public(name: str) -> bytes:
    """Return a public test key."""
    return decode_base64url(next(key["public"] for key in federation()["keys"] if key["name"] == name))


@cache
def directory() -> Directory:
    """Return edition 7 once verified."""
    return _edition(federation()["edition"], {}, None)


def _network() -> str:
    return str(federation()["network"])


def _at_ms(given: Given) -> int:
    return int(given.get("at_ms", federation()["at_ms"]))


def _edition(text: str, given: Given, previous: Directory | None) -> Directory:
    return verify_edition(
        decode_base64url(text),
        network=_network(),
        pinned=msgspec.convert(federation()["pinned"], KeySet),
        previous=previous,
        grants_public=public("grants"),
        grants_number_min=given.get("grants_number_min", 0),
        at_ms=_at_ms(given),
    )


def _wrap_keys(authority: str) -> list[SecretKey]:
    own = [key for key in federation()["keys"] if key["authority"] == authority and key["role"] == "wrap"]
    return [from_private("wrap", seed(key["name"]), int(key["name"][-1])) for key in own]


def _envelope(given: Given) -> Values:
    roots = VerifiedRoots(64)
    for text in given.get("before", []):
        open_envelope(decode_base64url(text), directory(), _network(), _at_ms(given), roots)
    if "json" in given:
        raw = encode_envelope(envelope_from_json(given["json"].encode("ascii")))
    else:
        raw = decode_base64url(given["envelope"])
    found: Values = {}
    if not given.get("pruned"):
        message = open_envelope(raw, directory(), _network(), _at_ms(given), roots)
        found = {
            "header": message.envelope.h.decode("ascii"),
            "header_sha256": encode_base64url(message.header_sha256),
            "signatures_sha256": encode_base64url(message.signatures_sha256),
        }
    if "recipient" in given:
        to = given["recipient"]
        opened = unseal(raw, to, _wrap_keys(to), directory(), _network(), _at_ms(given), roots)
        found["plaintext"] = encode_base64url(opened.plaintext)
    return found


def _statement(given: Given) -> Values:
    opened = open_statement(decode_base64url(given["statement"]), directory(), _network(), _at_ms(given))
    return {
        "type": opened.type,
        "authority": opened.authority,
        "sha256": encode_base64url(opened.sha256),
        "signatures_sha256": encode_base64url(opened.signatures_sha256),
    }


def _registration(given: Given) -> Values:
    value = open_registration(decode_base64url(given["statement"]), _network())
    return {"authority": value.authority, "keys": [offer.kid for offer in value.keys]}


def _key(given: Given) -> Values:
    raw = decode_base64url(given["public"])
    check_public(given["role"], raw)
    if "name" in given:
        suite = 1 if len(raw) == 32 else 2
        assert keys.from_private(given["role"], seed(given["name"]), suite).public == raw
    return {"kid": encode_base64url(key_id(given["role"], raw))}


def _acknowledgements(given: Given) -> Values:
    opened = open_acknowledgements(decode_base64url(given["batch"]), directory(), _network(), _at_ms(given))
    return {
        "recipient": opened.recipient,
        "seen": msgspec.to_builtins(opened.seen),
        "items": [msgspec.to_builtins(item) for item, _, _ in opened.items],
    }


def _evidence(given: Given) -> Values:
    item = verify_evidence(decode_base64url(given["evidence"]), directory(), _network())
    found: Values = msgspec.to_builtins(item)
    return found


def _edition_check(given: Given) -> Values:
    previous = _edition(given["previous"], {}, None) if "previous" in given else None
    found = _edition(given["edition"], given, previous)
    grants = found.grants_document
    return {
        "number": found.edition.number,
        "sha256": found.sha256,
        "grants_number": None if grants is None else grants.number,
    }


def _checkpoint(given: Given) -> Values:
    found = verify_checkpoint(given["note"].encode("utf-8"), given["origin"], public(given["key"]))
    return {"size": found.size, "root": encode_base64url(found.root)}


def _receipt(given: Given) -> Values:
    wanted = given.get("object_sha256")
    found = verify_receipt(
        given["receipt"].encode("utf-8"),
        object_sha256=None if wanted is None else decode_base64url(wanted),
        gateways={origin: decode_base64url(entry.checkpoint_public) for origin, entry in directory().gateways.items()},
        network=_network(),
    )
    return {
        "event": found.record.event,
        "outcome": found.record.outcome,
        "index": found.index,
        "size": found.checkpoint.size,
        "root": encode_base64url(found.checkpoint.root),
    }


def _consistency(given: Given) -> Values:
    origin, key = federation()["origin"], public("checkpoint")
    old, new = (verify_checkpoint(given[name].encode("utf-8"), origin, key) for name in ("old", "new"))
    verify_consistency(old.size, old.root, new.size, new.root, [decode_base64url(node) for node in given["path"]])
    return {"old": old.size, "new": new.size}


CHECKS: dict[str, Callable[[Given], Values]] = {
    "acknowledgements": _acknowledgements,
    "checkpoint": _checkpoint,
    "consistency": _consistency,
    "edition": _edition_check,
    "envelope": _envelope,
    "evidence": _evidence,
    "key": _key,
    "receipt": _receipt,
    "registration": _registration,
    "statement": _statement,
}
