"""A travel document on record, and how the same document is recognised however its number is written.

No document number is stored in clear. A record is found by a keyed hash of its number: numbers have
so little entropy that a plain hash could be tried out, and whoever copies the database without the key
learns how many documents are listed, by whom and why, but not which. Nothing here needs the number again:
whoever asks brings it, and so does the owner who withdraws.
"""

import hashlib
import re
import unicodedata
from typing import Annotated, Literal

from msgspec import Meta, Struct

from gateway.domain.errors import FormatError
from gateway.domain.names import Code

DATABASE = "travel-documents"
# Exactly these: a forged document is another kind of message, never a status (CZ-07, CZ-10).
Status = Literal["LOST", "STOLEN", "STOLEN_BLANK", "REVOKED"]

NUMBER_CHARACTERS_MAX = 64
# What is left of a number once it is folded: ICAO Doc 9303 knows A-Z and 0-9, older series are Cyrillic.
_FOLDED = re.compile(r"[A-Z0-9\u0400-\u04ff]{3,32}")
# Capitals that look alike: one clerk types the series on a Cyrillic keyboard, the next on a Latin one.
# Written as code points, because on a screen the two rows would look the same.
_CYRILLIC = "\u0410\u0412\u0415\u041a\u041c\u041d\u041e\u0420\u0421\u0422\u0423\u0425\u0406\u0408\u0405"
_LOOK_ALIKE = str.maketrans(_CYRILLIC, "ABEKMHOPCTYXIJS")
# Separators of people (spaces, dashes, invisible characters) and the filler of machine-readable zones.
_SEPARATORS = {"Zs", "Pd", "Cf"}
_FILLER = "<"

Conditions = Annotated[tuple[Code, ...], Meta(max_length=8)]
# Authorities (`cz-police`) or whole parties (`CZ`) from whom the owner withholds a record.
Whom = Annotated[str, Meta(pattern=r"^([a-z0-9][a-z0-9-]{1,62}|[A-Z][A-Z0-9-]{1,31})\Z")]
Withheld = Annotated[tuple[Whom, ...], Meta(max_length=64)]


class Record(Struct, frozen=True):
    """One document as an owner put it on record, found under `number_hash`.

    `put_sha256`, `agreement`, `purposes` and `subjects` are those of the message that put it: the owner
    is told of hits under them. `review_by_ms`: not shown any more from then on, unless put again (CA-09).
    """

    number_hash: bytes
    type: str
    issuing_state: str
    owner: str
    status: Status
    recorded_at_ms: int
    review_by_ms: int | None
    conditions: tuple[str, ...]
    withheld_from: tuple[str, ...]
    agreement: str
    purposes: tuple[str, ...]
    subjects: tuple[str, ...]
    put_sha256: str


def fold_number(written: str) -> str:
    """Return a document number in the one spelling that all its spellings share.

    Case, spaces, hyphens and fillers go; Cyrillic capitals that look Latin become Latin.

    Raises:
        FormatError: fewer than 3 or more than 32 characters are left, or others than letters and digits.
    """
    if len(written) > NUMBER_CHARACTERS_MAX:
        raise FormatError(f"the document number is longer than {NUMBER_CHARACTERS_MAX} characters")
    upper = unicodedata.normalize("NFKC", written).upper()
    kept = (char for char in upper if char != _FILLER and unicodedata.category(char) not in _SEPARATORS)
    folded = "".join(kept).translate(_LOOK_ALIKE)
    if not _FOLDED.fullmatch(folded):
        # The number itself is personal data: it does not belong into an error.
        raise FormatError("the document number must have 3 to 32 letters and digits besides spaces and hyphens")
    return folded


class LookupKey:
    """The secret under which numbers are hashed; 32 random bytes in a file of their own."""

    BYTES = 32

    def __init__(self, secret: bytes) -> None:
        """Hash under `secret`.

        Raises:
            FormatError: it is not 32 bytes long.
        """
        if len(secret) != self.BYTES:
            raise FormatError(f"a lookup key has {self.BYTES} bytes, not {len(secret)}")
        self._keyed = hashlib.blake2b(key=secret, digest_size=16, person=b"accord/lookup/v1")

    def number_hash(self, written: str) -> bytes:
        """Return the 16 bytes under which a document with this number is found.

        Raises:
            FormatError: as `fold_number`.
        """
        keyed = self._keyed.copy()
        keyed.update(fold_number(written).encode())
        return keyed.digest()

    def check_value(self) -> bytes:
        """Return 16 bytes that tell this key from another and say nothing about it."""
        keyed = self._keyed.copy()
        # Lower case, so that no folded number ever gives the same.
        keyed.update(b"check value")
        return keyed.digest()
