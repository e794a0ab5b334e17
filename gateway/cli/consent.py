"""`accord consent`: permit that our information goes further, and take that back."""

from pathlib import Path

import click

from gateway.cli.asking import ask, takes_config, takes_json, takes_wait
from gateway.cli.moments import Moment
from gateway.cli.send import finish
from gateway.endpoint.words import GiveConsent, RevokeConsent, SentReport


@click.group()
def consent() -> None:
    """Give and revoke consent to the use of our information by others."""


@consent.command()
@takes_config
@click.option("--source", "sources", multiple=True, required=True, help="A message of ours: its id or digest.")
@click.option("--grantee", required=True, help="Who may pass it on.")
@click.option("--recipient", "recipients", multiple=True, required=True, help="To whom.")
@click.option("--agreement", required=True, help="The instrument it was given under.")
@click.option("--purpose", "purposes", multiple=True, help="For what; by default for what it was given.")
@click.option("--condition", "conditions", multiple=True, help="On what condition.")
@click.option("--from", "not_before_ms", type=Moment(), help="From when on; by default from now.")
@click.option("--until", "not_after_ms", type=Moment(), help="Until when; by default for 30 days.")
@click.option("--uses", "uses_max", type=click.IntRange(1, 1_000_000), help="How often; by default without limit.")
@click.option("--queue-only", is_flag=True, help="Return once it is durable.")
@takes_wait
@takes_json
def give(
    config: Path,
    sources: tuple[str, ...],
    grantee: str,
    recipients: tuple[str, ...],
    agreement: str,
    purposes: tuple[str, ...],
    conditions: tuple[str, ...],
    not_before_ms: int | None,
    not_after_ms: int | None,
    uses_max: int | None,
    queue_only: bool,
    wait_s: float,
    as_json: bool,
) -> None:
    """Sign a consent; its digest, which is printed, is what the grantee cites and what revokes it."""
    request = GiveConsent(
        grantee=grantee,
        agreement=agreement,
        sources=sources,
        recipients=recipients,
        purposes=purposes,
        conditions=conditions,
        not_before_ms=not_before_ms,
        not_after_ms=not_after_ms,
        uses_max=uses_max,
        wait_s=0 if queue_only else wait_s,
    )
    finish(ask(config, "consent", request, SentReport, connect=not queue_only), queue_only, as_json)


@consent.command()
@takes_config
@click.argument("digest")
@click.option("--queue-only", is_flag=True, help="Return once it is durable.")
@takes_wait
@takes_json
def revoke(config: Path, digest: str, queue_only: bool, wait_s: float, as_json: bool) -> None:
    """Take a consent back; it works from the moment the gateway records it."""
    request = RevokeConsent(digest, wait_s=0 if queue_only else wait_s)
    finish(ask(config, "revoke", request, SentReport, connect=not queue_only), queue_only, as_json)
