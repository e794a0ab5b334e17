"""The federation of the demo: made by `accord init --demo`, run as processes, reached like anybody would.

The story speaks to endpoints over their local interface, as `accord send` does, and to operators' tools
as commands. Nothing here reaches into a process.
"""

import asyncio
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from gateway.crypto.digests import encode_base64url
from gateway.crypto.keys import from_pem
from gateway.demo.processes import Program
from gateway.domain.errors import ConfigurationError, PeerError
from gateway.endpoint.local_api import Desk, other_desk
from gateway.endpoint.words import Health, Nothing
from gateway.settings.gateway import GatewaySettings
from gateway.settings.source import load

ENDPOINTS = ("cz-police", "kz-mvd", "am-police", "md-police", "caricc")
CENTRAL = "interpol-gs"
# Unconnected after this long, an endpoint is not going to connect.
CONNECT_WITHIN_S = 20.0
LOOK_EVERY_S = 0.05
VERIFIER = Path(__file__).resolve().parents[2] / "schemas" / "verify_receipt.py"


class Federation:
    """A gateway, a central node and five endpoints in one folder."""

    def __init__(self, root: Path) -> None:
        """Live in `root`, which is empty or not there yet."""
        self.root = root
        self.gateway_file = root / "gateway" / "gateway.toml"
        logs = root / "logs"
        # A Mosquitto, where the machine has one.
        self.broker: Program | None = None
        self.gateway = Program("gateway", ["gateway", "run", "--config", str(self.gateway_file)], logs / "gateway.log")
        central_file = str(root / "central" / "central.toml")
        self.central = Program("central node", ["central", "run", "--config", central_file], logs / "central.log")
        self.endpoints = {
            name: Program(name, ["endpoint", "run", "--config", str(self.endpoint_file(name))], logs / f"{name}.log")
            for name in ENDPOINTS
        }

    def make(self) -> None:
        """Make every file of the federation: keys, certificates, directory, settings."""
        self.accord("init", "--demo", str(self.root))
        (self.root / "logs").mkdir()

    def use_broker(self, mosquitto: Path) -> None:
        """Have the gateway connect to a broker of this program, too; call it after `make` and before `start`."""
        folder = self.root / "broker"
        if folder.exists():
            arguments = ["-c", str(folder / "accord.conf")]
            self.broker = Program("broker", arguments, self.root / "logs" / "broker.log", program=mosquitto)
            overlay = self.root / "gateway" / "conf.d"
            overlay.mkdir(exist_ok=True)
            shutil.copy(self.root / "gateway" / "broker" / "mqtt.toml", overlay / "mqtt.toml")

    def start(self) -> None:
        """Start the gateway, then everybody who connects to it."""
        if self.broker is not None:
            self.broker.start()
        self.start_gateway()
        self.central.start()
        for endpoint in self.endpoints.values():
            endpoint.start()

    def start_gateway(self) -> None:
        """Start the gateway and wait until it says that it is ready."""
        self.gateway.start()
        self.gateway.wait_until(self.gateway_ready)

    def stop(self) -> None:
        """End every process that was started here."""
        for program in (*self.endpoints.values(), self.central, self.gateway, *filter(None, (self.broker,))):
            program.stop()

    def settings(self) -> GatewaySettings:
        """Return the gateway's settings."""
        return load(self.gateway_file, GatewaySettings, {}).values

    def gateway_ready(self) -> bool:
        """Tell whether the gateway says that it is ready."""
        inspection = self.settings().inspection
        try:
            with urlopen(f"http://{inspection.host}:{inspection.port}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except (URLError, OSError):
            return False

    def metrics(self) -> dict[str, int]:
        """Return what the gateway has counted since its start, by metric and labels."""
        inspection = self.settings().inspection
        with urlopen(f"http://{inspection.host}:{inspection.port}/metrics", timeout=5) as answer:
            samples = [line for line in answer.read().decode().splitlines() if not line.startswith("#")]
        return {name: int(float(value)) for name, value in (line.rsplit(" ", 1) for line in samples)}

    def endpoint_file(self, authority: str) -> Path:
        """Return where the settings of an endpoint lie."""
        return self.root / "endpoints" / authority / "endpoint.toml"

    def accord(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run one command of an operator.

        Raises:
            ConfigurationError: it failed; its own words say why.
        """
        done = subprocess.run(
            [sys.executable, "-m", "gateway", *arguments], capture_output=True, text=True, timeout=60, check=False
        )
        if done.returncode != 0:
            raise ConfigurationError(
                f"`accord {' '.join(arguments)}` failed: {done.stderr.strip()}", f"see {self.root}"
            )
        return done

    def verify_alone(self, receipt: bytes, object_: bytes) -> subprocess.CompletedProcess[str]:
        """Run the stand-alone verifier, which shares no code with us, on a receipt and its header."""
        settings = self.settings()
        key = from_pem("checkpoint", Path(settings.checkpoint.key_file).read_bytes())
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "receipt.tlog-proof").write_bytes(receipt)
            (folder / "header.json").write_bytes(object_)
            arguments = [str(folder / "receipt.tlog-proof"), "--origin", settings.gateway.origin]
            arguments += ["--network", settings.gateway.network]
            arguments += ["--key", encode_base64url(key.public), "--object", str(folder / "header.json")]
            return subprocess.run(
                [sys.executable, str(VERIFIER), *arguments], capture_output=True, text=True, timeout=30, check=False
            )

    @asynccontextmanager
    async def desk(self, authority: str) -> AsyncIterator[Desk]:
        """Give the local interface of an endpoint, once it is there and connected."""
        folder = self.root / "endpoints" / authority / "data"
        for _ in range(int(CONNECT_WITHIN_S / LOOK_EVERY_S)):
            if await _connected(folder):
                break
            await asyncio.sleep(LOOK_EVERY_S)
        async with other_desk(folder) as desk:
            if desk is None:
                raise PeerError(f"the endpoint of `{authority}` has ended")
            yield desk


async def _connected(folder: Path) -> bool:
    async with other_desk(folder) as desk:
        if desk is None:
            return False
        try:
            return (await desk.call("health", Nothing(), Health)).connected
        except PeerError:
            return False
