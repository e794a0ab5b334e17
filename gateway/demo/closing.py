"""The last chapters: a key is revoked, and everything that happened is verified by somebody else."""

import time

from gateway.app.endpoint import read_identity
from gateway.crypto.digests import encode_base64url
from gateway.demo.story import Story
from gateway.domain.errors import ConfigurationError
from gateway.endpoint.words import Named, Proof, Timeline
from gateway.settings.endpoint import EndpointSettings
from gateway.settings.source import load

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
        subjects=("unauthorized-access",),
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
        subjects=("unauthorized-access",),
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
    # A seat of its own: the endpoint may have been started anew since the story began.
    async with federation.desk("cz-police") as desk:
        proof = await desk.call("receipt", Named(name=request.sha256), Proof)
    try:
        said = federation.accord("ledger", "verify", "--config", str(federation.gateway_file)).stdout.strip()
        narrator.line("auditor", "verifies the whole ledger", said.splitlines()[-1], True)
    except ConfigurationError as error:
        narrator.line("auditor", "verifies the whole ledger", str(error), False)
    checked = federation.verify_alone(proof.tlog_proof, proof.object)
    lines = (checked.stdout or checked.stderr).strip().splitlines()
    narrator.line(
        "cz-police",
        "verifies its first receipt with the stand-alone verifier",
        lines[-1] if lines else "no output",
        checked.returncode == 0,
    )
