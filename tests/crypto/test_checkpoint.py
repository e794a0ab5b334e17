"""Checkpoints are signed notes that others can read, and nothing else passes for one (S-03)."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.crypto.checkpoint import (
    checkpoint_key_id,
    decode_base64,
    sign_checkpoint,
    verify_checkpoint,
)
from gateway.crypto.keys import SecretKey, generate, sign, verify
from gateway.domain.errors import SignatureError, TrustError
from tests.crypto.federation import CHECKPOINT_KEY, ORIGIN

ROOT = hashlib.sha256(b"root").digest()
GOOD = sign_checkpoint(ORIGIN, 1_234, ROOT, CHECKPOINT_KEY)
PUBLIC = CHECKPOINT_KEY.public
# The example of golang.org/x/mod/sumdb/note and of c2sp.org/signed-note's implementations.
NOTE_KEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
NOTE_TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
NOTE_SIGNATURE = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="


def named(origin: str, key: SecretKey, text: str) -> str:
    """Return a signature line over `text`, correct in itself."""
    value = checkpoint_key_id(origin, key.public) + sign(key, text.encode())
    return f"\u2014 {origin} {base64.b64encode(value).decode()}\n"


def test_checkpoint_comes_back() -> None:
    """Origin, size and root are what was signed; the note is three lines and a signature line."""
    assert verify_checkpoint(GOOD.note, ORIGIN, PUBLIC) == GOOD
    text = GOOD.note.decode()
    assert text.startswith(f"{ORIGIN}\n1234\n{base64.b64encode(ROOT).decode()}\n\n\u2014 {ORIGIN} ")
    assert verify_checkpoint(sign_checkpoint(ORIGIN, 0, ROOT, CHECKPOINT_KEY).note, ORIGIN, PUBLIC).size == 0


def test_key_id_and_signature_are_those_of_the_published_note() -> None:
    """S-03 (C2SP signed-note): key id and Ed25519 over the text, as in the format's published example."""
    name, hexadecimal, encoded = NOTE_KEY.split("+", 2)
    public = base64.b64decode(encoded)[1:]
    value = base64.b64decode(NOTE_SIGNATURE)
    assert checkpoint_key_id(name, public).hex() == hexadecimal == value[:4].hex()
    verify(public, value[4:], NOTE_TEXT.encode())


LINES = GOOD.note.decode()
TEXT = LINES.split("\n\n")[0] + "\n"
OTHER = generate("checkpoint")
NOTES = {
    "empty": b"",
    "no signature": TEXT.encode() + b"\n",
    "not ended": GOOD.note[:-1],
    "another size": LINES.replace("1234", "1235").encode(),
    "another root": LINES.replace(TEXT.split("\n")[2][:4], "AAAA").encode(),
    "another origin in the text": LINES.replace(ORIGIN, "elsewhere", 1).encode(),
    "another name on the signature": LINES[::-1].replace(ORIGIN[::-1], "erehwesle", 1)[::-1].encode(),
    "leading zero": f"{ORIGIN}\n01\n{TEXT.split()[2]}\n\n{named(ORIGIN, CHECKPOINT_KEY, TEXT)}".encode(),
    "extension line": (TEXT + "more\n\n" + named(ORIGIN, CHECKPOINT_KEY, TEXT + "more\n")).encode(),
    "signed by another key": (TEXT + "\n" + named(ORIGIN, OTHER, TEXT)).encode(),
    "two signatures, one bad": (LINES + named(ORIGIN, CHECKPOINT_KEY, "other text\n")).encode(),
    "line that is no signature": (LINES + "hello\n").encode(),
    "hyphen for a dash": LINES.replace("\u2014", "-").encode(),
    "not utf-8": GOOD.note + b"\xff\n",
    "too long": (LINES + named("w" * 1_000, OTHER, TEXT) * 15).encode(),
    "too many signatures": (LINES + named("w", OTHER, TEXT) * 40).encode(),
    "short signature": (TEXT + "\n\u2014 " + ORIGIN + " " + LINES.split(" ")[-1][:20] + "\n").encode(),
}


@pytest.mark.parametrize("name", NOTES)
def test_note_that_is_no_checkpoint_of_this_ledger_is_refused(name: str) -> None:
    """G2, G3: another size, root, origin or key, and anything malformed, is nobody's checkpoint."""
    with pytest.raises(TrustError):
        verify_checkpoint(NOTES[name], ORIGIN, PUBLIC)


def test_checkpoint_of_another_ledger_is_refused() -> None:
    """A checkpoint counts for the origin that the reader asked for, under the key listed for it."""
    with pytest.raises(TrustError, match="another ledger"):
        verify_checkpoint(GOOD.note, "other.test/ledger", PUBLIC)
    with pytest.raises(TrustError, match="not signed by the key"):
        verify_checkpoint(GOOD.note, ORIGIN, OTHER.public)


def test_cosignatures_of_witnesses_are_carried_and_ignored() -> None:
    """S-03: a verifier ignores signatures of unknown keys, before and after the log's own."""
    witness = named("witness.test", OTHER, TEXT)
    own = named(ORIGIN, CHECKPOINT_KEY, TEXT)
    note = f"{TEXT}\n{witness}{own}{witness}".encode()

    assert verify_checkpoint(note, ORIGIN, PUBLIC).size == 1_234


def test_only_a_checkpoint_key_signs_one() -> None:
    """One key, one role."""
    with pytest.raises(SignatureError):
        sign_checkpoint(ORIGIN, 1, ROOT, generate("message"))


@given(st.integers(0, len(GOOD.note) * 8 - 1))
def test_threat_G3_every_flipped_bit_of_a_checkpoint_is_detected(bit: int) -> None:
    """G3: no bit of a checkpoint can change."""
    changed = bytearray(GOOD.note)
    changed[bit // 8] ^= 1 << bit % 8

    with pytest.raises(TrustError):
        verify_checkpoint(bytes(changed), ORIGIN, PUBLIC)


@given(st.binary(max_size=300))
def test_any_bytes_are_refused_with_the_one_error(note: bytes) -> None:
    """P-06: whatever a peer shows as a checkpoint, TrustError is all that leaves."""
    with pytest.raises(TrustError):
        verify_checkpoint(note, ORIGIN, PUBLIC)


@pytest.mark.parametrize("text", ["A", "AA", "AB==", "AA==\n", "A-_A", "AA=", "====", "AAAA===="])
def test_standard_base64_has_one_spelling(text: str) -> None:
    """Two notes of the same content would be two checkpoints: padding and stray bits are strict."""
    with pytest.raises(TrustError):
        decode_base64(text)
