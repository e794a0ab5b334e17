"""Names that repeat are looked up instead of matched; no name slips through that way."""

import msgspec
import pytest

from gateway.crypto.envelope import decode_envelope
from gateway.crypto.header import REPEATING, decode_header
from gateway.domain.errors import FormatError
from gateway.domain.message import Header
from tests.federation import Federation, Member

FEDERATION = Federation([Member("cz-police", "CZ"), Member("kz-mvd", "KZ")])
DIRECTORY = FEDERATION.directory()
DRAFT = FEDERATION.draft(
    "cz-police",
    conditions=("no-onward-use",),
    database="travel-documents",
    schema="report",
    form={"signed": True, "ground": "threat"},
)
RAW = decode_envelope(FEDERATION.seal(DRAFT, ["kz-mvd"], b"synthetic", DIRECTORY)).h
PLACES = (
    ("network",),
    ("signers", 0),
    ("originator",),
    ("recipients", 0, "authority"),
    ("recipients", 0, "key"),
    ("kind",),
    ("agreement",),
    ("purposes", 0),
    ("subjects", 0),
    ("conditions", 0),
    ("database",),
    ("language",),
    ("form", "ground"),
    ("body", "media_type"),
    ("body", "schema"),
    ("id",),
    ("key_commitment",),
    ("body", "sha256"),
    ("recipients", 0, "wrap_sha256"),
)


@pytest.mark.parametrize("place", PLACES, ids=lambda place: ".".join(map(str, place)))
def test_name_of_another_spelling_is_refused_also_where_names_are_looked_up(place: tuple[str | int, ...]) -> None:
    """Whatever was read before, a name that breaks its pattern is refused, and stays refused (E8)."""
    header = msgspec.json.decode(RAW)
    target = header
    for step in place[:-1]:
        target = target[step]
    target[place[-1]] = "Not A Name"
    raw = msgspec.json.encode(header)

    assert isinstance(decode_header(RAW), Header)
    for _ in range(2):
        with pytest.raises(FormatError):
            decode_header(raw)


def test_key_of_the_form_of_another_spelling_is_refused() -> None:
    """The keys of `form` are names too."""
    header = msgspec.json.decode(RAW)
    header["form"]["Not A Name"] = True
    header["form"] = dict(sorted(header["form"].items()))

    with pytest.raises(FormatError):
        decode_header(msgspec.json.encode(header))


def test_repeating_names_are_those_that_have_a_memory() -> None:
    """A fifth pattern that repeats would need a place in `_repeating`; nobody adds one without it."""
    assert len(REPEATING) == 4
