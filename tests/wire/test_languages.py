"""`Accept-Language`: what a peer prefers among our languages, and nothing it sends can break it (S-25)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.wire.languages import preferred


@pytest.mark.parametrize(
    ("header", "language"),
    [
        (None, "en"),
        ("", "en"),
        ("ru", "ru"),
        ("RU-kz", "ru"),
        ("en, ru", "en"),
        ("ru;q=0.9, en;q=0.8", "ru"),
        ("ru;q=0.2, en;q=0.8", "en"),
        ("kk, ru;q=0.5", "ru"),
        ("kk", "en"),
        ("*", "en"),
        ("ru;q=0", "en"),
        ("ru;q=2", "en"),
        ("ru;q=x", "en"),
        ("ru;level=1", "en"),
        ("x" * 300 + ",ru", "en"),
    ],
)
def test_language_ranked_highest_is_taken(header: str | None, language: str) -> None:
    """By quality, then by order; what is not ours or not readable counts for nothing, and English is the rest."""
    assert preferred(header) == language


@given(st.text(max_size=400))
def test_any_header_ends_in_a_language_of_ours(header: str) -> None:
    """No header of a peer ends in anything else."""
    assert preferred(header) in {"en", "ru"}
