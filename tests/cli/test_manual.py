"""The page of commands is what the commands say."""

from pathlib import Path

from gateway.cli.main import COMMANDS, accord
from gateway.cli.manual import manual

PAGE = Path(__file__).resolve().parents[2] / "docs" / "cli.md"


def test_page_of_commands_is_printed_from_the_commands() -> None:
    """`make schemas` would change nothing: whoever changes a command prints the page anew."""
    assert PAGE.read_text(encoding="utf-8") == manual(accord)


def test_every_command_of_the_table_is_on_the_page() -> None:
    """No command is without help."""
    text = manual(accord)

    assert all(f"## `accord {name}`" in text for name in COMMANDS)
