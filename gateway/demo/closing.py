"""The last chapters: a key is revoked, and everything that happened is verified by somebody else."""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from gateway.app.endpoint import read_identity
from gateway.crypto.digests import encode_base64url
from gateway.demo.story import Story
from gateway.domain.errors import ConfigurationError
from gateway.endpoint.words import Named, Proof, Timeline
from gateway.settings.endpoint import EndpointSettings
from gateway.settings.source import load

ROOT = Path(__file__).resolve().parents[2]
REVOKED_WITHIN_S = 5.0


async def revocation(story: Story) -> None:
    """A key is revoked: what it signed and is still queued is stopped, what it signs from now on is not taken."""
    narrator, federation = story.narrator, story.federation
    narrator.chapter("A laptop is stolen in Yerevan: its key is revoked")
    federation.endpoints["md-police"].stop()
    queued = await story.send(
        "am-police",
        "md-police",
        "Queued while Moldova is away.",
        agreement="cis-2001",
        kind="spontaneous",
        purposes=("detection",),
        subjects=("unauthorised-access",),
        language="ru",
    )
    story.passes("am-police > md-police", "sends while md-police is away; it is queued", queued)
    settings = load(federation.endpoint_file("am-police"), EndpointSettings, {}).values
    kid = encode_base64url(read_identity(settings).ring.message.kid)
    source = str(federation.root / "directory" / "directory.toml")
    keys = [str(federation.root / "directory" / "keys" / f"directory-{number}.pem") for number in (1, 2)]
    federation.accord("directory", "revoke", "--source", source, "--key", kid)
    federation.accord("directory", "build", "--source", source, "--key", keys[0], "--key", keys[1])
    edition = max((federation.root / "directory" / "editions").glob("*.accord"))
    begun = time.monotonic()
    federation.accord("directory", "install", str(edition), "--config", str(federation.gateway_file))
    stopped = await story.outcome("am-police", queued, "delivered")
    outcome = stopped.recipients[0].outcome if stopped.recipients else None
    narrator.line(
        "directory",
        "edition 2 (2 of 3 keys) revokes the key, the gateway keeps running",
        f"queued message ended: {outcome}",
        outcome == "key-compromised" and time.monotonic() - begun < REVOKED_WITHIN_S,
    )
    fresh = await story.send(
        "am-police",
        "md-police",
        "Signed with the stolen key.",
        agreement="cis-2001",
        kind="spontaneous",
        purposes=("detection",),
        subjects=("unauthorised-access",),
        language="ru",
        wait_s=3,
    )
    narrator.line(
        "am-police > md-police",
        "signs with the revoked key",
        f"not accepted: {fresh.declined_detail or fresh.state}",
        fresh.state not in {"accepted", "delivered"},
    )


async def verification(story: Story, request: Timeline) -> None:
    """The ledger of the gateway, and one receipt by the stand-alone verifier with the public key alone."""
    narrator, federation = story.narrator, story.federation
    narrator.chapter("Afterwards: everything can be proved")
    settings = federation.settings()
    try:
        said = federation.accord("ledger", "verify", "--config", str(federation.gateway_file)).stdout.strip()
        narrator.line("auditor", "verifies the whole ledger", said.splitlines()[-1], True)
    except ConfigurationError as error:
        narrator.line("auditor", "verifies the whole ledger", str(error), False)
    proof = await story.desks["cz-police"].call("receipt", Named(name=request.sha256), Proof)
    with tempfile.TemporaryDirectory() as folder:
        receipt, object_ = Path(folder) / "receipt.tlog-proof", Path(folder) / "header.json"
        receipt.write_bytes(proof.tlog_proof)
        object_.write_bytes(proof.object)
        public = _checkpoint_public(settings.checkpoint.key_file)
        checked = subprocess.run(
            [
                sys.executable,
                str(ROOT / "schemas" / "verify_receipt.py"),
                str(receipt),
                "--origin",
                settings.gateway.origin,
                "--key",
                public,
                "--object",
                str(object_),
            ],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
    lines = (checked.stdout or checked.stderr).strip().splitlines()
    narrator.line(
        "cz-police",
        "verifies its first receipt with the stand-alone verifier",
        lines[-1] if lines else "no output",
        checked.returncode == 0,
    )


def _checkpoint_public(key_file: str) -> str:
    from gateway.crypto.keys import from_pem

    return encode_base64url(from_pem("checkpoint", Path(key_file).read_bytes()).public)
