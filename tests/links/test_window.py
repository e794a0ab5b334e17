"""The numbers of a connection against a slow, obvious model."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.domain.errors import PeerError
from gateway.domain.session import Answer
from gateway.links.window import Window


def test_numbers_continue_or_the_protocol_is_broken() -> None:
    """No gap, no repetition, whatever came before."""
    window = Window(10)
    window.claim(0, 3)

    for first in (0, 2, 4):
        with pytest.raises(PeerError, match="3 is next"):
            window.claim(first, 1)
    window.claim(3, 1)


def test_window_counts_until_the_answer_is_written() -> None:
    """An answer that waits to be read still occupies its place."""
    window = Window(2)
    window.claim(0, 2)
    window.hand_over(0, (100,))
    window.judged([Answer(0, "receipt")])

    with pytest.raises(PeerError, match="the window is 2"):
        window.claim(2, 1)
    window.written(1)
    window.claim(2, 1)


def test_bytes_are_freed_once() -> None:
    """A second answer to a number, or one to a number never handed over, frees nothing."""
    window = Window(2)
    window.claim(0, 1)
    window.hand_over(0, (100,))

    assert window.waits(0)
    assert window.judged([Answer(0, "receipt"), Answer(0, "receipt"), Answer(7, "receipt")]) == 100
    assert window.unjudged_bytes == 0
    assert not window.waits(0)


@given(st.lists(st.tuples(st.integers(1, 5), st.integers(0, 1000)), max_size=30))
def test_unjudged_bytes_are_those_without_answer(batches: list[tuple[int, int]]) -> None:
    """At every moment the sum is that of the sizes handed over and not answered."""
    window = Window(10_000)
    sizes: dict[int, int] = {}

    for count, size in batches:
        first = window.next_number
        window.claim(first, count)
        for number in range(first, first + count):
            window.hand_over(number, (size,))
            sizes[number] = size
        done = [number for number in sizes if number % 2]
        assert window.judged([Answer(number, "receipt") for number in done]) == sum(sizes.pop(one) for one in done)
        assert window.unjudged_bytes == sum(sizes.values())
