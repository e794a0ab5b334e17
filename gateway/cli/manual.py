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
    sections = [f"## `{name}`\n\n```\n{text}\n```\n" for name, text in _pages(root, click.Context(root), "accord")]
    return _HEAD + "\n".join(sections)


def _pages(command: click.Command, context: click.Context, name: str) -> Iterator[tuple[str, str]]:
    context.info_name = name
    context.terminal_width = context.max_content_width = WIDTH
    lines = command.get_help(context).splitlines()
    yield name, "\n".join(line.rstrip() for line in lines)
    if isinstance(command, click.Group):
        for child_name in command.list_commands(context):
            child = command.get_command(context, child_name)
            if child is not None and not child.hidden:
                yield from _pages(child, click.Context(child), f"{name} {child_name}")
