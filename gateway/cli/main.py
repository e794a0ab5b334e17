"""`accord`: the table of commands; a command's module is imported when it is called, so that start stays fast."""

import importlib
import sys

import click

from gateway.cli import failures

# name: (module, what `accord --help` says). The module holds a click command of the name.
COMMANDS: dict[str, tuple[str, str]] = {
    "init": ("gateway.cli.init", "Make the files of a deployment, or a whole federation for a demo."),
    "keys": ("gateway.cli.keys", "Make an authority's keys and the request to have them listed."),
    "directory": ("gateway.cli.directory", "Build, sign, verify and compare editions of the directory."),
    "check": ("gateway.cli.check", "Would this start or connect, and why not."),
    "gateway": ("gateway.cli.gateway", "Run the gateway."),
    "drain": ("gateway.cli.drain", "Move every connection of a running gateway to the others."),
    "backup": ("gateway.cli.backup", "Copy a gateway's ledger while it runs, prove the copy, put it back."),
    "store": ("gateway.cli.store", "Move a gateway's store from the embedded engine to PostgreSQL."),
    "ledger": ("gateway.cli.ledger", "Show, prove and verify the ledger, on a copy too."),
    "policy": ("gateway.cli.policy", "Explain what the law says of a header."),
    "agreements": ("gateway.cli.agreements", "Show who is bound by what on a day, and what governs a pair."),
    "schemas": ("gateway.cli.schemas", "Print schemas, interface descriptions and test vectors."),
    "errors": ("gateway.cli.errors", "Explain a problem or a reason by its code."),
    "endpoint": ("gateway.cli.endpoint", "Run the endpoint of an authority."),
    "send": ("gateway.cli.send", "Send a message."),
    "inbox": ("gateway.cli.inbox", "Read what has arrived."),
    "receipts": ("gateway.cli.receipts", "Show and verify receipts."),
    "status": ("gateway.cli.status", "Show the timeline of a message."),
    "consent": ("gateway.cli.consent", "Permit another authority to pass our information on, or take it back."),
    "query": ("gateway.cli.query", "Search a database of the central node."),
    "central": ("gateway.cli.central", "Run the central node and keep its records."),
    "demo": ("gateway.cli.demo", "Play the story of a federation, with real processes."),
}


class Commands(click.Group):
    """Commands by name, imported on use; every error of ours ends in a line, a remedy and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command; None if there is none of this name."""
        if cmd_name not in COMMANDS:
            return None
        command = getattr(importlib.import_module(COMMANDS[cmd_name][0]), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing any."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; an operator's error gets no traceback."""
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort):
            raise
        except Exception as error:
            code = failures.report(error)
            if code is None:
                raise
            raise click.exceptions.Exit(code) from None


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="accord", prog_name="accord")
def accord() -> None:
    """Accord: a secure message-switching gateway for police cooperation."""


def main() -> None:
    """Run the command line of this process."""
    accord(prog_name="accord", windows_expand_args=False)
    sys.exit(0)
