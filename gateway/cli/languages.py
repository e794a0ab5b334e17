"""The option by which a command is told the language of its sentences."""

import click

from gateway.policy.reasons import LANGUAGES

LANGUAGE = click.option(
    "--language",
    type=click.Choice(LANGUAGES),
    default="en",
    show_default=True,
    help="The language of the sentences.",
)
