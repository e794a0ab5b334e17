"""What was decided, and why not.

A refusal is a value: every reason at once, each with rule id, article and basis.
"""

from typing import Literal

from msgspec import Struct

from gateway.domain.names import Code, Count, Digest, Text

Basis = Literal["text", "reading", "policy"]


class Reason(Struct, frozen=True, forbid_unknown_fields=True):
    """One rule that spoke: a stable code, the rule id, the article and what it rests on.

    `detail` names the offending value (a code, an authority), never content.
    """

    code: Code
    rule: Text
    article: Text
    basis: Basis
    detail: Text | None


class EditionRef(Struct, frozen=True, forbid_unknown_fields=True):
    """The directory edition that was in force when something was decided."""

    number: Count
    sha256: Digest


class Decision(Struct, frozen=True):
    """The outcome of policy. Permitted exactly if there is no reason; flags never refuse."""

    agreement: str
    reasons: tuple[Reason, ...]
    flags: tuple[Reason, ...]
    edition: EditionRef
    law_sha256: str

    @property
    def permitted(self) -> bool:
        """True when every rule was silent."""
        return not self.reasons
