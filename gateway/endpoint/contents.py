"""Whether a body holds what its header declares. The gateway cannot see content; the recipient's endpoint can.

An originator that declares elements of a request or the contents of a travel document signs that they are there
(rules.md 1.7, 17). A body in one of the forms below is checked, and one that does not hold is answered `refused`: the
originator hears of it. Of other bodies a person has to check what is declared; `unchecked` names it.

Source: CIS2018 Art. 6(3), CIS2001 Art. 6(4), CZKZ Art. 6(2) (C8-16, C1-08, CZ-08).
"""

from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from gateway.domain.message import Header

REQUEST_SCHEMA = "request.v1"
DOCUMENT_SCHEMA = "travel-document.v1"
DOCUMENT_KIND = "travel-document"
_ELEMENT = "element."
# Any other useful information: it has to stand there, and may be empty.
_MAY_BE_EMPTY = "f"

Written = str | list[Any] | dict[str, Any] | None
Body = TypeVar("Body", bound=Struct)


class RequestBody(Struct, frozen=True):
    """The body of a request, `request.v1`: one key for each element of CIS2018 Art. 6(3) and CIS2001 Art. 6(4).

    a) both authorities; b) merits; c) purpose and justification; d) assistance requested; e) desired deadlines; f) any
    other useful information, which may be empty; g) the agreement (2018 only). Further keys are the originator's.
    """

    a: Written = None
    b: Written = None
    c: Written = None
    d: Written = None
    e: Written = None
    f: Written = None
    g: Written = None


class DocumentBody(Struct, frozen=True):
    """The body of a travel document, `travel-document.v1`: the minimum of CZKZ Art. 6(2). Further keys may follow."""

    number: str = ""
    type: str = ""
    status: str = ""


def missing(header: Header, plaintext: bytes) -> tuple[str, ...]:
    """Return the declared keys of the form that the body does not hold, in order.

    A travel document is always checked; a request where its header says that the body is of `request.v1`.
    """
    if header.kind == DOCUMENT_KIND or header.body.schema == DOCUMENT_SCHEMA:
        return _document(header, _read(plaintext, DocumentBody))
    if header.body.schema == REQUEST_SCHEMA:
        body = _read(plaintext, RequestBody)
        return tuple(key for key in _elements(header) if not _stands(body, key.removeprefix(_ELEMENT)))
    return ()


def unchecked(header: Header) -> tuple[str, ...]:
    """Return the declared elements that only a person can check, because the body has no form that we know."""
    return () if header.body.schema == REQUEST_SCHEMA else _elements(header)


def _elements(header: Header) -> tuple[str, ...]:
    return tuple(sorted(key for key, said in header.form.items() if key.startswith(_ELEMENT) and said is not False))


def _stands(body: RequestBody | None, letter: str) -> bool:
    written: Written = getattr(body, letter, None)
    if letter == _MAY_BE_EMPTY:
        return written is not None
    return bool(written.strip() if isinstance(written, str) else written)


def _document(header: Header, body: DocumentBody | None) -> tuple[str, ...]:
    declared = header.form.get("document.status")
    faults = {f"document.{key}" for key in ("number", "type", "status") if not getattr(body, key, "").strip()}
    # Databases write STOLEN_BLANK where a form says stolen-blank.
    if body is not None and isinstance(declared, str) and body.status.strip().lower().replace("_", "-") != declared:
        faults.add("document.status")
    return tuple(sorted(faults))


def _read(plaintext: bytes, form: type[Body]) -> Body | None:
    try:
        return msgspec.json.decode(plaintext, type=form)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
