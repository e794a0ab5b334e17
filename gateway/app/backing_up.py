"""Backups of a gateway: what belongs into one, whose keys it is held against, and where it is put back.

With PostgreSQL a backup is of the whole store: the ledgers of all gateways and what they share.

Ledger, owed bodies and the accepted editions belong into it. Private keys do not, unless they are asked for: whoever
carries such a backup away can sign as this gateway.
"""

from collections.abc import Mapping
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

from msgspec import Struct

from gateway.app.directory import self_consistent
from gateway.app.fitness import read_checkpoint_key
from gateway.app.storing import read_password
from gateway.app.trusted import TrustedDirectory
from gateway.crypto.digests import decode_base64url, encode_base64url
from gateway.domain.errors import ConfigurationError, TrustError
from gateway.settings.gateway import GatewaySettings
from gateway.store import restoring
from gateway.store.backup import Head, Manifest, check_files, copy_durably, making, manifest_sha256, seal
from gateway.store.data_directory import make_private_directory
from gateway.store.frozen import MARKER
from gateway.store.sqlite.copying import copy_store
from gateway.store.verdict import Report, VerificationError
from gateway.store.verify import verify_ledger

EDITIONS = "directory"
KEYS = "keys"


class Whose(Struct, frozen=True):
    """Whose ledgers a backup must hold: the network, and the public checkpoint key of every origin."""

    network: str
    keys: dict[str, bytes]


class Verified(Struct, frozen=True):
    """What was verified of a backup; `sha256` is the digest of its manifest."""

    manifest: Manifest
    reports: tuple[Report, ...]
    sha256: str


def create(settings: GatewaySettings, target: Path, at_ms: int, *, with_keys: bool) -> tuple[Manifest, str]:
    """Make a backup at `target` while the gateway runs; return its manifest and the digest of that.

    Raises:
        ConfigurationError: `target` exists, or there is nothing to back up.
        LedgerError, OSError: the store cannot be read, or the backup cannot be written.
    """
    data = Path(settings.gateway.data_folder)
    with making(target) as folder:
        heads = _copy_sqlite(settings, folder) if settings.store.engine == "sqlite" else _copy_shared(settings, folder)
        _copy_beside(data, folder)
        if with_keys:
            _copy_keys(settings, folder)
        manifest = Manifest(
            v=1,
            engine=settings.store.engine,
            network=settings.gateway.network,
            software=f"accord/{version('accord')}",
            made_at_ms=at_ms,
            heads=heads,
            keys=with_keys,
        )
        manifest = seal(folder, manifest)
    return manifest, manifest_sha256(target)


def verify(folder: Path, whose: Whose, scratch: Path | None, expected: str | None = None) -> Verified:
    """Return what a backup proves, without the gateway that it is of.

    Raises:
        VerificationError: something in it was changed, or it is of somebody else.
        LedgerError, OSError: it is cut short or cannot be read.
    """
    manifest = check_files(folder)
    digest = manifest_sha256(folder)
    if expected is not None and digest != expected.lower():
        raise VerificationError(f"the manifest has the digest {digest}, not the one that was noted")
    if manifest.network != whose.network:
        raise VerificationError(f"the backup is of network `{manifest.network}`, not of `{whose.network}`")
    keys = {head.origin: _key_of(head, whose.keys) for head in manifest.heads}
    reports = tuple(_verify_ledgers(folder, manifest, keys, scratch))
    for head, report in zip(manifest.heads, reports, strict=True):
        if (report.checkpoint.size, report.checkpoint.note) != (head.size, head.note.encode()):
            raise VerificationError(f"the ledger of `{head.origin}` does not end where its manifest says")
    return Verified(manifest, reports, digest)


def restore(folder: Path, settings: GatewaySettings, scratch: Path | None) -> Verified:
    """Verify a backup and put it into the data folder of the settings, where it signs nothing until it is reconciled.

    Raises:
        ConfigurationError: the data folder is not empty, or the backup is of another gateway or engine.
        VerificationError, LedgerError, OSError: as `verify`.
    """
    whose = whose_by_settings(settings)
    verified = verify(folder, whose, scratch)
    manifest = verified.manifest
    if manifest.engine != settings.store.engine:
        raise ConfigurationError(
            f"the backup is of engine `{manifest.engine}`, the settings say `{settings.store.engine}`",
            "restore with the settings of the gateway that it is of",
        )
    if manifest.engine == "postgres":
        return _restore_shared(folder, settings, verified, whose, scratch)
    names = tuple(file.name for file in manifest.files if not file.name.startswith(f"{KEYS}/"))
    restoring.restore(folder, names, Path(settings.gateway.data_folder))
    return verified


def whose_by_settings(settings: GatewaySettings) -> Whose:
    """Return the keys that a gateway knows: its own, and those of the gateways in the edition that it accepted."""
    keys: dict[str, bytes] = {}
    with suppress(TrustError, ConfigurationError):
        directory = TrustedDirectory(settings).newest()
        keys = {origin: decode_base64url(entry.checkpoint_public) for origin, entry in directory.gateways.items()}
    keys[settings.gateway.origin] = read_checkpoint_key(settings).public
    return Whose(settings.gateway.network, keys)


def whose_by_edition(edition: Path) -> Whose:
    """Return the keys of the gateways that an edition file lists.

    Raises:
        TrustError: its own signatures do not hold.
    """
    directory = self_consistent(edition, None)
    keys = {origin: decode_base64url(entry.checkpoint_public) for origin, entry in directory.gateways.items()}
    return Whose(directory.edition.network, keys)


def _copy_sqlite(settings: GatewaySettings, folder: Path) -> tuple[Head, ...]:
    size, note = copy_store(Path(settings.gateway.data_folder), folder)
    public = encode_base64url(read_checkpoint_key(settings).public)
    return (Head(settings.gateway.origin, public, size, note.decode()),)


def _copy_shared(settings: GatewaySettings, folder: Path) -> tuple[Head, ...]:
    """Copy the ledgers of all gateways of the database: they share what they deliver."""
    from gateway.store.postgres.dumping import FOLDER, dump

    make_private_directory(folder / FOLDER)
    return dump(settings.store.postgres, read_password(settings), folder / FOLDER)


def _verify_ledgers(folder: Path, manifest: Manifest, keys: dict[str, bytes], scratch: Path | None) -> list[Report]:
    if manifest.engine == "postgres":
        from gateway.store.postgres.dumped import verify_dump
        from gateway.store.postgres.dumping import FOLDER

        return verify_dump(folder / FOLDER, manifest.heads, network=manifest.network, keys=keys, scratch=scratch)
    return [
        verify_ledger(folder, network=manifest.network, origin=origin, public=public, scratch=scratch)
        for origin, public in keys.items()
    ]


def _restore_shared(
    folder: Path, settings: GatewaySettings, verified: Verified, whose: Whose, scratch: Path | None
) -> Verified:
    from gateway.store.postgres.dumping import FOLDER
    from gateway.store.postgres.dumping import restore as restore_shared

    manifest = verified.manifest
    reports = restore_shared(
        settings.store.postgres,
        read_password(settings),
        folder / FOLDER,
        network=manifest.network,
        keys={head.origin: whose.keys[head.origin] for head in manifest.heads},
        reason=restoring.REASON,
        scratch=scratch,
    )
    return Verified(manifest, tuple(reports), verified.sha256)


def _key_of(head: Head, keys: Mapping[str, bytes]) -> bytes:
    if head.origin not in keys:
        raise ConfigurationError(
            f"nobody told the checkpoint key of `{head.origin}`", "give an edition that lists it: --directory FILE"
        )
    return keys[head.origin]


def _copy_beside(data: Path, folder: Path) -> None:
    """Copy the accepted editions, without which an older one could come back, and the mark of a frozen ledger."""
    editions = data / EDITIONS
    if editions.is_dir():
        make_private_directory(folder / EDITIONS)
        for path in sorted(editions.iterdir()):
            copy_durably(path, folder / EDITIONS / path.name)
    if (data / MARKER).exists():
        copy_durably(data / MARKER, folder / MARKER)


def _copy_keys(settings: GatewaySettings, folder: Path) -> None:
    make_private_directory(folder / KEYS)
    for name, file in (
        ("checkpoint.pem", settings.checkpoint.key_file),
        ("tls-key.pem", settings.tls.key_file),
        ("tls-cert.pem", settings.tls.certificate_file),
    ):
        copy_durably(Path(file), folder / KEYS / name)
