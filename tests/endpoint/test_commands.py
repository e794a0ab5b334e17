"""`accord send`, `inbox`, `receipts`, `status`, `query`, `consent`, `endpoint`: alone and through a daemon."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gateway.app.clock import wall_ms
from gateway.cli.consent import consent
from gateway.cli.main import accord
from gateway.crypto.canonical import decode
from gateway.crypto.digests import decode_base64url, encode_base64url, sha256
from gateway.crypto.receipt import verify_receipt
from gateway.domain.errors import FormatError
from gateway.domain.statement import Consent
from gateway.endpoint.local_api import SOCKET, other_desk, serve
from gateway.endpoint.office import Office
from gateway.endpoint.words import Health, Named, Nothing, SendRequest, SentReport, Timeline
from tests.endpoint.test_exchange import ARTICLE, take
from tests.endpoint.world import CZ, KZ, World, eventually, world, write_config
from tests.federation import NETWORK, ORIGIN

MESSAGE = ("--to", KZ, "--agreement", "cz-kz", "--purpose", "detection", "--subject", "motor-vehicles")


async def run(command: Any, *arguments: str) -> Result:
    """Run a command beside the gateway's loop and return how it ended."""
    return await asyncio.to_thread(CliRunner().invoke, command, list(arguments))


async def accord_(*arguments: str) -> Result:
    """Run `accord`."""
    return await run(accord, *arguments)


@asynccontextmanager
async def daemon(made: World, config: Path) -> AsyncIterator[None]:
    """Serve the endpoint of a settings file as `accord endpoint run` does."""
    async with made.endpoint(CZ, folder=config.parent / "data") as endpoint:
        assert await endpoint.link.until_connected(5)
        async with serve(Office(endpoint, KZ, wall_ms), config.parent / "data"):
            yield


async def test_command_sends_alone_where_no_daemon_runs(tmp_path: Path) -> None:
    """Without a daemon a command opens the data directory itself, waits for the receipt and ends with 0."""
    async with world(tmp_path) as made:
        config = str(write_config(made, CZ))
        done = await accord_("send", "--config", config, *MESSAGE, "--text", "a stolen car", "--json")
        assert done.exit_code == 0, done.output
        report = json.loads(done.stdout)
        assert report["timeline"]["state"] == "accepted"
        status = await accord_("status", "--config", config, report["timeline"]["id"], "--wait", "0")
        assert "accepted by the gateway" in status.output
        listed = await accord_("receipts", "--config", config, "--wait", "0")
        assert f"{ORIGIN} index 0" in listed.output
        assert "1 of 1 receipts hold" in (await accord_("receipts", "--config", config, "verify")).output


async def test_queue_only_returns_once_it_is_durable(tmp_path: Path) -> None:
    """`--queue-only` needs no gateway; a later command brings the message on its way."""
    async with world(tmp_path) as made:
        config = str(write_config(made, CZ))
        first = await accord_("send", "--config", config, *MESSAGE, "--text", "x", "--queue-only")
        assert first.exit_code == 75, first.output
        assert (await accord_("inbox", "--config", config, "--wait", "2")).exit_code == 0
        done = await accord_("send", "--config", config, *MESSAGE, "--text", "x", "--queue-only", "--json")
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout)["timeline"]["state"] == "queued"
        assert made.gateway.effects == []
        sent = await accord_("status", "--config", config, json.loads(done.stdout)["timeline"]["id"], "--wait", "5")
        assert "accepted by the gateway" in sent.output


async def test_refusal_is_printed_with_every_reason(tmp_path: Path) -> None:
    """Refused by policy: exit 77, and code, rule, article and basis of each reason."""
    async with world(tmp_path) as made:
        config = str(write_config(made, CZ))
        made.gateway.manners.refuses = (ARTICLE,)
        done = await accord_("send", "--config", config, *MESSAGE, "--text", "x")

        assert done.exit_code == 77
        for part in (ARTICLE.code, ARTICLE.rule, ARTICLE.article, ARTICLE.basis, "gambling"):
            assert part in done.output


async def test_unreachable_gateway_leaves_the_message_durable(tmp_path: Path) -> None:
    """No gateway: exit 69, the error names it, and the message goes out once there is one again."""
    async with world(tmp_path) as made:
        config = str(write_config(made, CZ))
        await accord_("inbox", "--config", config, "--wait", "2")
        await made.gateway.stop()
        done = await accord_("send", "--config", config, *MESSAGE, "--text", "x", "--wait", "0.5")
        assert done.exit_code == 69, done.output
        assert "cannot be reached" in done.output
        assert "queued here" in done.output
        await made.gateway.start()
        await accord_("receipts", "--config", config, "--wait", "5")
        assert len(made.gateway.effects) == 1


async def test_two_histories_end_commands_with_65(tmp_path: Path) -> None:
    """An open alarm is louder than whatever a command shows: exit 65 and what to do; settled, work goes on."""
    async with world(tmp_path) as made:
        config = str(write_config(made, CZ))
        for _ in range(2):
            await accord_("send", "--config", config, *MESSAGE, "--text", "x")
        # A restored backup: neither the leaf nor the record of the second message is there.
        made.gateway.ledger.leaves.pop()
        made.gateway.recorded.popitem()
        shrunk = await accord_("receipts", "--config", config, "--wait", "3")
        assert shrunk.exit_code == 65, shrunk.output
        assert "history-shrunk" in shrunk.output
        assert (await accord_("send", "--config", config, *MESSAGE, "--text", "x")).exit_code == 65
        listed = await accord_("endpoint", "alarms", "--config", config, "--json")
        number = str(json.loads(listed.stdout)["alarms"][0]["number"])
        settled = await accord_("endpoint", "settle", "--config", config, number, "--because", "restored from backup")
        assert settled.exit_code == 0, settled.output
        assert (await accord_("send", "--config", config, *MESSAGE, "--text", "x")).exit_code == 0


async def test_commands_use_the_daemon_that_holds_the_directory(tmp_path: Path) -> None:
    """Where a daemon runs, a command asks it over the socket, which nobody else may open."""
    async with world(tmp_path) as made:
        config = write_config(made, CZ)
        async with daemon(made, config):
            assert (config.parent / "data" / SOCKET).stat().st_mode & 0o777 == 0o600
            connections = made.gateway.connections
            done = await accord_("send", "--config", str(config), *MESSAGE, "--text", "x")
            assert done.exit_code == 0, done.output
            assert (await accord_("endpoint", "health", "--config", str(config))).exit_code == 0
            assert made.gateway.connections == connections
        assert not (config.parent / "data" / SOCKET).exists()


async def test_local_interface_carries_errors_as_they_are(tmp_path: Path) -> None:
    """An error is raised on this side as what it was on the other; a long path is no obstacle."""
    async with world(tmp_path) as made:
        config = write_config(made, CZ, tmp_path / ("long" * 30))
        async with daemon(made, config), other_desk(config.parent / "data") as desk:
            assert desk is not None
            with pytest.raises(FormatError, match="nothing was sent here"):
                await desk.call("status", Named("nobody"), Timeline)
            request = SendRequest((KZ,), b"", "request", "cz-kz", ("detection",), suite=1)
            with pytest.raises(FormatError, match="no key of suite 1"):
                await desk.call("send", request, SentReport)
            with pytest.raises(FormatError):
                await desk.call("unknown", Nothing(), Health)
        async with other_desk(config.parent / "data") as desk:
            assert desk is None


async def test_inbox_shows_exports_and_destroys(tmp_path: Path) -> None:
    """Reading hands over and tells the originator; peeking does not; what is destroyed is gone."""
    async with world(tmp_path) as made, made.endpoint(CZ) as cz:
        config = str(write_config(made, KZ))
        assert await cz.link.until_connected(5)
        sent = await cz.send(made.post(body=b"\x1b[2Jwords", media_type="text/plain"))
        await cz.answered(sent.sha256, 5)
        assert sent.id in (await accord_("inbox", "--config", config, "--wait", "5")).output
        peeked = await accord_("inbox", "show", "--config", config, sent.id, "--peek")
        assert "words" in peeked.output
        assert "\x1b" not in peeked.output
        path = tmp_path / "body"
        assert (await accord_("inbox", "export", "--config", config, sent.id, str(path))).exit_code == 0
        assert path.read_bytes() == b"\x1b[2Jwords"
        assert path.stat().st_mode & 0o777 == 0o600
        assert "nothing" in (await accord_("inbox", "--config", config, "--wait", "0")).output
        gone = await accord_("inbox", "destroy", "--config", config, sent.id, "--yes", "--wait", "5")
        assert gone.output == "destroyed\n"
        assert (await accord_("inbox", "show", "--config", config, sent.id)).exit_code == 65
        statuses = [status for _, _, status in made.gateway.acknowledged]
        assert statuses == ["consigned", "handed-over", "destroyed"]


async def test_receipt_is_exported_for_others(tmp_path: Path) -> None:
    """The exported receipt and object verify with the ledger's public key alone."""
    async with world(tmp_path) as made:
        config = str(write_config(made, CZ))
        done = await accord_("send", "--config", config, *MESSAGE, "--text", "x", "--json")
        name = json.loads(done.stdout)["timeline"]["id"]
        path = tmp_path / "message.tlog-proof"
        assert (await accord_("receipts", "export", "--config", config, name, str(path))).exit_code == 0

        receipt = verify_receipt(
            path.read_bytes(),
            object_sha256=sha256((tmp_path / "message.tlog-proof.object").read_bytes()),
            gateways={ORIGIN: made.gateway.ledger.key.public},
            network=NETWORK,
        )
        assert receipt.index == 0


async def test_query_waits_for_its_answer(tmp_path: Path) -> None:
    """A query goes to the central node of the settings and prints what that answers, without the padding."""
    async with world(tmp_path) as made, made.endpoint(KZ) as central:
        config = str(write_config(made, CZ))
        asking = asyncio.create_task(
            accord_("query", "--config", config, "--agreement", "cz-kz", "--purpose", "detection", "--number", "AB1")
        )
        asked = (await take(central, 1))[0]
        assert json.loads(asked.plaintext) == {"number": "AB1", "type": None, "issuing_state": None}
        assert (asked.header.kind, asked.header.database) == ("query", "travel-documents")
        answer = made.post(KZ, (CZ,), b'{"outcome":"no-hit","padding":"   "}', kind="answer", in_reply_to=digest(asked))
        await central.send(answer)
        done = await asking

        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout) == {"outcome": "no-hit"}


def digest(message: Any) -> str:
    """Return the digest by which a reply names a message."""
    return encode_base64url(message.header_sha256)


async def test_consent_is_given_and_revoked(tmp_path: Path) -> None:
    """Statements are durable, sent and receipted like messages; a source may be named by its id."""
    async with world(tmp_path) as made:
        config = str(write_config(made, CZ))
        sent = await accord_("send", "--config", config, *MESSAGE, "--text", "x", "--json")
        source = json.loads(sent.stdout)["timeline"]
        given = await run(
            consent, "give", "--config", config, "--source", source["id"], "--grantee", KZ, "--recipient", "caricc",
            "--agreement", "cz-kz", "--purpose", "detection", "--until", "2035-01-01", "--json",
        )  # fmt: skip
        assert given.exit_code == 0, given.output
        name = json.loads(given.stdout)["timeline"]["sha256"]
        assert decode_base64url(name) in made.gateway.effects
        exported = tmp_path / "consent.tlog-proof"
        await accord_("receipts", "export", "--config", config, name, str(exported))
        value = decode((tmp_path / "consent.tlog-proof.object").read_bytes(), Consent)
        assert (value.provider, value.grantee, value.sources) == (CZ, KZ, (source["sha256"],))
        revoked = await run(consent, "revoke", "--config", config, name)
        assert revoked.exit_code == 0, revoked.output
        assert len(made.gateway.effects) == 3


async def test_directory_held_by_somebody_who_serves_nothing_is_waited_for(tmp_path: Path) -> None:
    """Two commands at once take turns."""
    async with world(tmp_path) as made:
        config = write_config(made, CZ)
        cz = made.endpoint(CZ, folder=config.parent / "data")
        await cz.open()
        asking = asyncio.create_task(accord_("endpoint", "alarms", "--config", str(config)))
        await asyncio.sleep(0.3)
        assert not asking.done()
        await cz.close()
        assert (await asking).output == "nothing\n"
        await eventually(asking.done)


async def test_wrong_settings_end_with_78(tmp_path: Path) -> None:
    """An unknown key, a missing key file and a key that others can read are told with file and remedy."""
    async with world(tmp_path) as made:
        config = write_config(made, CZ)
        good = config.read_text()
        config.write_text("authorty = 1\n" + good)
        wrong = await accord_("inbox", "--config", str(config))
        assert (wrong.exit_code, "authority" in wrong.output) == (78, True)
        config.write_text(good)
        (config.parent / "keys" / "message.pem").chmod(0o644)
        open_key = await accord_("inbox", "--config", str(config))
        assert (open_key.exit_code, "chmod 600" in open_key.output) == (78, True)
