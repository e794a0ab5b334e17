"""`accord demo`: the story of a federation, with real processes."""

import signal
import sys
from pathlib import Path

import click

TERMINATED = 128 + signal.SIGTERM


@click.command()
@click.option("--keep", is_flag=True, help="Leave everything running and say what to try.")
@click.option("--dir", "folder", type=click.Path(path_type=Path), help="Where to put the federation (empty or new).")
@click.option("--postgres", "dsn", help="Play the part with three gateways on this database, and nothing else.")
def demo(keep: bool, folder: Path | None, dsn: str | None) -> None:
    """Play the story of a federation: gateway, central node and endpoints on loopback.

    Exit codes: 0 every line was as expected, 1 not.
    """
    # Whoever ends the demo ends what it started: by default SIGTERM would leave the processes behind.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(TERMINATED))
    if dsn is not None:
        from gateway.demo.scale import play_scale

        raise SystemExit(play_scale(dsn, folder))
    # Imported here: `accord --help` must stay fast.
    from gateway.demo.play import play

    raise SystemExit(play(folder, keep))
