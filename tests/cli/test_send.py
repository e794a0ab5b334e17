"""`accord send`: whoever cannot be reached, or is not believed, is told by name and with what to do."""

from pathlib import Path

from tests.app.processes import running
from tests.cli.demo_folder import Desk, call, said

WORDS = ["--agreement", "cz-kz", "--purpose", "detection", "--subject", "motor-vehicles", "--text", "Any news?"]


def test_recipient_whom_nobody_lists_is_named(desk: Desk) -> None:
    """A slip in a name is told with the name, and how to see who is listed; nothing is sent."""
    config = desk.federation / "endpoints" / "cz-police" / "endpoint.toml"
    with running(desk.federation):
        result = call("send", "--config", config, "--to", "nobody", *WORDS)

    assert result.exit_code == 65, said(result)
    assert "recipient `nobody` is not in edition 1" in said(result)
    assert "remedy: name one that the newest edition lists" in said(result)
    assert "nothing" in said(call("receipts", "--config", config, "--wait", "0"))


def test_declined_message_is_told_with_its_remedy(desk: Desk) -> None:
    """What the gateway takes for nobody's word leaves no record; the sender learns code, cause and remedy."""
    config = desk.federation / "endpoints" / "cz-police" / "endpoint.toml"
    kid = said(call("keys", "show", "--role", "message", config.parent / "keys" / "message.pem")).split()[1]
    with running(desk.federation) as gateway:
        assert call("directory", "revoke", "--source", desk.source, "--key", kid).exit_code == 0
        assert desk.build().exit_code == 0
        assert call("directory", "install", desk.edition(2), "--config", desk.config).exit_code == 0
        gateway.wait_for(lambda: gateway.metric("accord_edition") == 2)
        result = call("send", "--config", config, "--to", "kz-mvd", *WORDS)

    assert result.exit_code == 65, said(result)
    assert "signature-invalid: " in said(result)
    assert "remedy: sign with a key in force" in said(result)


def test_gateway_that_is_away_is_told_with_what_to_do(desk: Desk) -> None:
    """The message is durable; whoever waits learns why nothing is answered, and how to find out more: 69."""
    config = desk.federation / "endpoints" / "cz-police" / "endpoint.toml"
    with running(desk.federation):
        assert call("send", "--config", config, "--to", "kz-mvd", *WORDS).exit_code == 0
    result = call("send", "--config", config, "--to", "kz-mvd", *WORDS, "--wait", "2")

    assert result.exit_code == 69, said(result)
    assert "not connected: " in said(result)
    assert "remedy: it is tried again by itself; `accord check --connect URL` says more" in said(result)


def test_missing_body_is_a_usage_error(tmp_path: Path) -> None:
    """A file that is not there costs nothing: the command says so before it asks anybody."""
    result = call("send", "--to", "kz-mvd", "--agreement", "cz-kz", "--file", tmp_path / "none")

    assert result.exit_code == 2
    assert "does not exist" in said(result)
