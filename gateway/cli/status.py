"""`accord status`: the timeline of one message."""

from pathlib import Path

import click

from gateway.cli.asking import end, run, takes_config, takes_json, takes_wait
from gateway.cli.telling import tell_json, tell_timeline
from gateway.endpoint.words import Health, Named, Nothing, Timeline


@click.command()
@click.argument("name")
@takes_config
@takes_wait
@takes_json
def status(name: str, config: Path, wait_s: float, as_json: bool) -> None:
    """Show what is proved of something we sent, by id or digest: queued, sent, receipted, acknowledged, failed."""
    from gateway.app.endpoint import open_desk

    async def look() -> tuple[Timeline, Health]:
        async with open_desk(config, connect=wait_s > 0) as desk:
            timeline = await desk.call("status", Named(name, wait_s), Timeline)
            return timeline, await desk.call("health", Nothing(), Health)

    timeline, health = run(look())
    if as_json:
        tell_json(timeline)
    else:
        tell_timeline(timeline)
    end(health)
