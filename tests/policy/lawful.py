"""The shipped law with something changed in it, and a federation under it."""

from collections.abc import Sequence

from gateway.domain.directory import Adherence
from gateway.policy.agreements import Law, read_law
from gateway.policy.ground import Ground
from tests.policy.world import AGREEMENTS, directory


def text_of(name: str) -> str:
    """Return the file of a shipped agreement."""
    return (AGREEMENTS / f"{name}.toml").read_text()


def law_with(**changed: str) -> Law:
    """Return the shipped law with files replaced or added, by id with `_` for `-`."""
    files = {path.name: path.read_bytes() for path in AGREEMENTS.glob("*.toml")}
    files |= {f"{name.replace('_', '-')}.toml": text.encode() for name, text in changed.items()}
    return read_law(files)


def headed(name: str, lines: str) -> str:
    """Return a shipped agreement with more lines in its head."""
    return text_of(name).replace("\nsource = ", f"\n{lines}\nsource = ", 1)


def ground_of(law: Law, adherences: Sequence[Adherence]) -> Ground:
    """Return the ground of a federation in which exactly these are bound, under this law."""
    return Ground(directory(adherences, law_digests=law.digests), law)
