"""Padding hides lengths: S-13 (Padmé), threat N13."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.crypto.digests import u32
from gateway.crypto.padding import pad, padme_size, unpad
from gateway.domain.errors import FormatError


@given(st.integers(2, 2**40))
def test_padme_size_is_that_of_the_paper(size: int) -> None:
    """S-13, algorithm 1: E = ⌊log2 L⌋, S = ⌊log2 E⌋ + 1, and the last E - S bits are zero."""
    exponent = size.bit_length() - 1
    free = exponent - (math.floor(math.log2(exponent)) + 1)
    unit = 2**free if free > 0 else 1

    assert padme_size(size) == -(-size // unit) * unit


@given(st.integers(0, 2**40))
def test_padme_size_is_small_and_stable(size: int) -> None:
    """S-13: never smaller, at most 12 % larger, and padding twice adds nothing."""
    padded = padme_size(size)

    assert size <= padded <= size * 1.12 + 1
    assert padme_size(padded) == padded


def test_threat_N13_few_lengths_are_seen() -> None:
    """N13: a million lengths show as a few hundred sizes, so that a length says little."""
    assert len({padme_size(size) for size in range(1, 1_000_000, 7)}) < 500


@given(st.binary(max_size=3000), st.integers(0, 4000))
def test_padding_round_trips(plaintext: bytes, least: int) -> None:
    """What was padded comes back, from a Padmé size of at least the minimum asked for."""
    padded = pad(plaintext, least)

    assert unpad(padded) == plaintext
    assert len(padded) >= least
    assert padme_size(len(padded)) == len(padded)


def test_hit_and_no_hit_have_one_size() -> None:
    """wire.md, "Body": an answer that found something and one that did not have the same size."""
    assert len(pad(b"", 4096)) == len(pad(b"x" * 4000, 4096))


PADDED = pad(b"twelve bytes", 64)
BAD = {
    "empty": b"",
    "shorter than its length field": b"\x00\x00",
    "length beyond the end": u32(61) + PADDED[4:],
    "length of four gigabytes": b"\xff" * 64,
    "not zeros": PADDED[:-1] + b"\x01",
    "not a padme size": PADDED + b"\x00",
    "shorter length": u32(5) + PADDED[4:],
}


@pytest.mark.parametrize("name", BAD)
def test_padding_that_is_not_ours_is_refused(name: str) -> None:
    """Another size, a lying length or bytes behind the end: no room for a second, hidden message."""
    with pytest.raises(FormatError):
        unpad(BAD[name])
