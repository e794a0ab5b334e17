"""The ground for questions about the law, from files: an edition or a directory's source, and the agreements."""

from pathlib import Path

from gateway.app.directory import read_law_folder, self_consistent
from gateway.crypto.edition_lists import in_one_order
from gateway.domain.directory import Directory, LawEntry
from gateway.domain.errors import ConfigurationError
from gateway.policy.consistency import refuse_contradictions
from gateway.policy.ground import Ground
from gateway.settings.directory import DirectorySource
from gateway.settings.edition import compile_edition
from gateway.settings.source import load


def read_ground(directory: Path, agreements: Path, at_ms: int) -> Ground:
    """Return the ground of an edition, or of a `directory.toml` as if it were built and signed now.

    Raises:
        ConfigurationError: a file is missing or malformed, or directory and agreements contradict each other.
        TrustError: the edition is not even signed by its own keys.
    """
    law = read_law_folder(agreements)
    if directory.suffix == ".toml":
        source = load(directory, DirectorySource).values
        listed = tuple(LawEntry(name, digest) for name, digest in law.digests.items())
        edition = in_one_order(compile_edition(source, listed, None, None, at_ms))
        found = Directory(edition, "", b"", {}, None)
    else:
        found = self_consistent(directory, None)
    ground = Ground(found, law)
    if ground.mismatched:
        raise ConfigurationError(
            f"`{directory}` lists other texts of: {', '.join(ground.mismatched)}",
            "give the folder of agreements that belongs to it with --agreements",
        )
    refuse_contradictions(found.edition, law, str(directory))
    return ground
