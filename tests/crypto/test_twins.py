"""Digests are checked together, and a twin says what its original says."""

import re
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from gateway.crypto.canonical import decode, encode
from gateway.crypto.digests import decode_digests, encode_base64url, encode_digests
from gateway.crypto.twins import NAMES_MAX, KnownNames, are_digests, are_message_ids, twin
from gateway.domain.names import Digest, MessageId
from gateway.domain.statement import AcknowledgementItem

PATTERN = re.compile(get_args(Digest)[1].pattern)
DIGESTS = st.binary(min_size=32, max_size=32).map(encode_base64url)
# Near misses: too short or long, stray bits, other alphabets, and the dot by which the check keeps texts apart.
NEARLY = st.one_of(
    DIGESTS,
    st.tuples(DIGESTS, st.integers(0, 43), st.sampled_from(["", "A", ".", "+", "=", " ", "é", "\n", "AA"])).map(
        lambda each: each[0][: each[1]] + each[2] + each[0][each[1] + 1 :]
    ),
    st.text(alphabet="AB.-_+", max_size=90),
)
ID_PATTERN = re.compile(get_args(MessageId)[1].pattern)
IDS = st.uuids(version=4).map(lambda each: f"{str(each)[:14]}7{str(each)[15:]}")
NEARLY_IDS = st.one_of(
    IDS,
    st.tuples(IDS, st.integers(0, 36), st.sampled_from(["", "a", "-", ".", "g", "A", "é", "\n", "--", "7"])).map(
        lambda each: each[0][: each[1]] + each[2] + each[0][each[1] + 1 :]
    ),
    st.uuids().map(str),
    st.text(alphabet="a7-.", max_size=74),
)


@given(st.lists(NEARLY, min_size=1, max_size=5))
def test_digests_are_checked_together_as_the_pattern_checks_each(texts: list[str]) -> None:
    """E8: no spelling passes that the pattern refuses, wherever it stands and whatever stands beside it."""
    assert are_digests(texts) == all(PATTERN.match(text) for text in texts)


def test_lengths_that_make_up_for_one_another_are_no_digests() -> None:
    """Two texts that are as long as two digests together are none."""
    digest = encode_base64url(bytes(32))

    assert are_digests([digest, digest])
    assert not are_digests([digest[:-1], digest + "A"])
    assert not are_digests([digest + ".", digest[1:]])


def test_twin_equals_its_original_and_encodes_alike() -> None:
    """Who reads a twin has what he would have read with every pattern: equal, and of the same bytes."""
    digest = encode_base64url(bytes(32))
    item = AcknowledgementItem(1, "test", "kz-mvd", "cz-police", digest, "consigned", 1, digest)
    read = decode(encode(item), twin(AcknowledgementItem, (Digest,)))

    assert (read, item) == (item, read)
    assert encode(read) == encode(item)
    assert read != AcknowledgementItem(1, "test", "kz-mvd", "cz-police", digest, "consigned", 2, digest)


def test_known_names_are_bounded() -> None:
    """Every buffer is bounded: whoever makes up names empties the memory and does not fill it."""
    names = KnownNames()
    names.learn([str(number) for number in range(NAMES_MAX + 2)])
    names.learn(["cz-police"])

    assert "cz-police" in names
    assert None in names
    assert "1" not in names


@given(st.lists(NEARLY_IDS, min_size=1, max_size=5))
def test_message_ids_are_checked_together_as_the_pattern_checks_each(texts: list[str]) -> None:
    """S-12: no spelling of an id passes that the pattern refuses, wherever it stands and whatever stands beside it."""
    assert are_message_ids(texts) == all(ID_PATTERN.match(text) for text in texts)


@given(st.lists(st.binary(min_size=32, max_size=32), max_size=5))
def test_digests_are_spelt_and_read_together_as_one_by_one(digests: list[bytes]) -> None:
    """Many digests at once have the spelling that each has alone, and come back from it."""
    spelt = [encode_base64url(digest) for digest in digests]

    assert encode_digests(digests) == spelt
    assert decode_digests(spelt) == digests
