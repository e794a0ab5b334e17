"""`docs/cli.md`: the help of every command on one page, printed from the commands themselves."""

from collections.abc import Iterator

import click

WIDTH = 100
_HEAD = """\
<!-- Printed by `make schemas`; a test compares. Change the commands, not this page. -->
# The command line

"""


def manual(root: click.Group) -> str:
    """Return the help of `root` and of every command below it, as Markdown."""
    context = click.Context(root, info_name="accord", terminal_width=WIDTH, **root.context_settings)
    sections = [f"## `{name}`\n\n```\n{text}\n```\n" for name, text in _pages(root, context)]
    return _HEAD + "\n".join(sections)


def _pages(command: click.Command, context: click.Context) -> Iterator[tuple[str, str]]:
    yield context.command_path, "\n".join(line.rstrip() for line in command.get_help(context).splitlines())
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            child = command.get_command(context, name)
            if child is not None and not child.hidden:
                yield from _pages(child, click.Context(child, info_name=name, parent=context, **child.context_settings))
