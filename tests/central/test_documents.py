"""A document is recognised however its number is written, and found without its number being stored."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.central.documents import LookupKey, fold_number
from gateway.domain.errors import FormatError
from tests.central.material import KEY

CYRILLIC_AB = "\u0410\u0412"

numbers = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", min_size=3, max_size=32)


@pytest.mark.parametrize(
    "written",
    [
        "AB123456",
        "ab123456",
        " ab 12-34-56 ",
        "AB\u00a0123\u2010456",
        "ab\u200b123456",
        "AB123456<<<",
        f"{CYRILLIC_AB}123456",
    ],
)
def test_fold_number_gives_all_spellings_of_one_number_the_same_form(written: str) -> None:
    """Case, spaces, hyphens, fillers and the keyboard of the clerk do not decide over a hit."""
    assert fold_number(written) == "AB123456"


@given(numbers, st.data())
def test_fold_number_ignores_separators_anywhere(number: str, data: st.DataObject) -> None:
    """A separator between any two characters changes nothing."""
    place = data.draw(st.integers(0, len(number)))
    separator = data.draw(st.sampled_from([" ", "-", "\u2013", "\u00a0", "<", "\u00ad"]))

    assert fold_number(number[:place] + separator + number[place:].lower()) == fold_number(number)


@given(st.text(max_size=80))
def test_fold_number_is_total_and_idempotent(text: str) -> None:
    """Any text has one folded form, which folds to itself, or is no number."""
    try:
        folded = fold_number(text)
    except FormatError:
        return

    assert fold_number(folded) == folded


@pytest.mark.parametrize(
    "written", ["", "--", "12", "1" * 65, "1" * 33, "12;34", "12/34", "\u0660\u0661\u0662*", "N\u00b0 123"]
)
def test_fold_number_refuses_what_no_document_carries(written: str) -> None:
    """What is no number is refused, without repeating it: it may be personal data."""
    with pytest.raises(FormatError) as refused:
        fold_number(written)

    assert not written or written not in str(refused.value)


@given(numbers, numbers)
def test_number_hash_tells_two_numbers_apart(one: str, other: str) -> None:
    """Equal hashes mean equal numbers: a search hits exactly, never nearly."""
    assert (KEY.number_hash(one) == KEY.number_hash(other)) == (fold_number(one) == fold_number(other))


def test_number_hash_needs_its_key() -> None:
    """Without the key nobody can try numbers out against a stolen database."""
    other = LookupKey(bytes(32))

    assert other.number_hash("AB123456") != KEY.number_hash("AB123456")
    assert other.check_value() != KEY.check_value()


def test_lookup_key_of_another_length_is_refused() -> None:
    """A truncated key file is told from a key."""
    with pytest.raises(FormatError, match="has 32 bytes, not 31"):
        LookupKey(bytes(31))
