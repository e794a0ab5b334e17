"""The register of rules (`config/rules.toml`): every rule of the five texts, and what becomes of it here."""

from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, Struct

from gateway.domain.decision import Basis
from gateway.domain.errors import ConfigurationError
from gateway.settings.source import load

Status = Literal["in force", "recorded", "supported", "open"]
Concern = Literal["admission", "routing", "endpoint", "store", "workflow", "none"]
RuleId = Annotated[str, Meta(pattern=r"^(?:(?:CA|CZ|C8|C1|LI)-\d\d|1\.7-[1-9]\d?)\Z")]
# What of it is one rule: E enforce inline, R record as evidence, S support.
Kind = Annotated[str, Meta(pattern=r"^[ERS](?:/[ERS]){0,2}\Z")]


class RegisteredRule(Struct, frozen=True, forbid_unknown_fields=True):
    """One rule. `status` is stated only where no clause and no function of policy names the rule.

    `by`: files, or `file:name`, that make the status true; `tests`: where a policy test cannot show it.
    """

    id: RuleId
    instrument: str
    article: str
    kind: Kind
    basis: Basis
    text: str
    concerns: Concern
    status: Status | None = None
    by: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    reason: str = ""

    @property
    def is_enforced(self) -> bool:
        """Tell whether the rule is one to enforce before a message passes."""
        return "E" in self.kind and self.concerns in ("admission", "routing")


class RulesRegister(Struct, frozen=True, forbid_unknown_fields=True, rename={"rules": "rule"}):
    """The whole register, in the order of the texts."""

    rules: Annotated[tuple[RegisteredRule, ...], Meta(min_length=1)]


def read_register(path: Path) -> RulesRegister:
    """Return the register in a file.

    Raises:
        ConfigurationError: it is malformed, lists a rule twice, or leaves unsaid why something is not in force.
    """
    register = load(path, RulesRegister).values
    ids = [rule.id for rule in register.rules]
    for number, rule in enumerate(register.rules):
        place = f"{path}: rule[{number}] `{rule.id}`"
        if ids.index(rule.id) != number:
            raise ConfigurationError(f"{place} is listed twice", "take one of the two out")
        if rule.status == "open" and (rule.by or not rule.reason):
            raise ConfigurationError(f"{place}: key `reason`: open needs a reason and nothing else", "say why")
        if rule.status not in (None, "open") and not rule.by:
            raise ConfigurationError(f"{place}: key `by`: nothing makes it {rule.status}", "name file and function")
    return register
