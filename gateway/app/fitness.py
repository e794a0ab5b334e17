"""Whether keys, certificate, edition and law of a gateway belong together; asked at start and by `accord check`."""

from pathlib import Path

from gateway.app import pki
from gateway.crypto.digests import encode_base64url
from gateway.crypto.keys import SecretKey, from_pem
from gateway.domain.directory import Directory
from gateway.domain.errors import ConfigurationError, FormatError
from gateway.policy.consistency import refuse_contradictions
from gateway.policy.decide import Judge
from gateway.settings.gateway import GatewaySettings
from gateway.settings.source import read_bytes, read_secret


def read_checkpoint_key(settings: GatewaySettings) -> SecretKey:
    """Return the private key that signs the ledger.

    Raises:
        ConfigurationError: the file is missing, open to others, or no such key.
    """
    path = Path(settings.checkpoint.key_file)
    try:
        return from_pem("checkpoint", read_secret(path, "checkpoint key"))
    except FormatError as error:
        raise ConfigurationError(
            f"checkpoint key `{path}`: {error}", "restore it; a new key begins a new ledger under a new origin"
        ) from None


def check_listed(directory: Directory, settings: GatewaySettings, key: SecretKey) -> None:
    """Return if the edition lists this gateway as it is: nobody believes receipts of one that is not listed.

    Raises:
        ConfigurationError: origin, checkpoint key or TLS key are not those of the edition.
    """
    number, origin = directory.edition.number, settings.gateway.origin
    listed = directory.gateways.get(origin)
    if listed is None:
        raise ConfigurationError(
            f"edition {number} lists no gateway `{origin}`",
            f"set `gateway.origin` to one of: {', '.join(directory.gateways) or 'none is listed'}",
        )
    if listed.checkpoint_public != encode_base64url(key.public):
        raise ConfigurationError(
            f"edition {number} lists another checkpoint key for `{origin}`",
            "give the key of this ledger, or have the directory list the new origin and key",
        )
    found = pki.certificate_spki_sha256(read_bytes(Path(settings.tls.certificate_file), "TLS certificate"))
    if listed.spki_sha256 != found:
        raise ConfigurationError(
            f"edition {number} lists TLS key {listed.spki_sha256} for `{origin}`, the certificate has {found}",
            "give the certificate of the listed key, or have an edition made that lists this one",
        )


def check_law(judge: Judge, settings: GatewaySettings) -> None:
    """Return if the agreements on disk are the texts that the edition lists, and nothing in it contradicts them.

    Raises:
        ConfigurationError: some are not, and with another text every message would be refused; or dates contradict.
    """
    mismatched = judge.ground.mismatched
    if mismatched:
        raise ConfigurationError(
            f"edition {judge.directory.edition.number} lists other texts of: {', '.join(mismatched)}",
            f"put the files of that edition into `{settings.law.agreements_folder}`",
        )
    refuse_contradictions(judge.directory.edition, judge.law, f"edition {judge.directory.edition.number}")
