"""The demo from the first line to the last: `accord demo`."""

import asyncio
import shutil
import signal
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

from gateway.demo.attacks import attacks
from gateway.demo.brokered import brokered, find_mosquitto
from gateway.demo.closing import revocation, verification
from gateway.demo.crash import crash
from gateway.demo.federation import Federation
from gateway.demo.narration import Narrator
from gateway.demo.story import Story
from gateway.demo.treaties import armenia_moldova, central_node, czech_kazakh, third_party


def play(folder: Path | None, keep: bool) -> int:
    """Play the whole story; return 0 only if every line was as expected.

    `folder` holds the federation (None: a temporary one); `keep` leaves it running until Ctrl-C.
    """
    root = folder or Path(tempfile.mkdtemp(prefix="accord-demo-"))
    federation = Federation(root)
    narrator = Narrator()
    try:
        narrator.note(f"a federation in {root}: keys, certificates, a signed directory, six authorities")
        federation.make()
        mosquitto = find_mosquitto()
        if mosquitto is not None:
            federation.use_broker(mosquitto)
        federation.start()
        asyncio.run(_tell(Story(federation, narrator)))
        code = narrator.close()
        if keep:
            _leave_open(federation)
        return code
    finally:
        federation.stop()
        if folder is None and not keep:
            shutil.rmtree(root, ignore_errors=True)


async def _tell(story: Story) -> None:
    async with AsyncExitStack() as stack:
        await story.sit_down(stack)
        request = await czech_kazakh(story)
        await third_party(story)
        await central_node(story)
        await crash(story)
        await armenia_moldova(story)
        await attacks(story)
        await revocation(story)
        await brokered(story)
        # Last of all: whatever any chapter had recorded is verified.
        await verification(story, request)


def _leave_open(federation: Federation) -> None:
    czech = federation.endpoint_file("cz-police")
    inspection = federation.settings().inspection
    print(
        "\nEverything keeps running; Ctrl-C ends it. In another shell:\n"
        f"  export ACCORD_ENDPOINT={czech}\n"
        "  accord send --to kz-mvd --agreement cz-kz --purpose detection --subject motor-vehicles --text 'Any news?'\n"
        "  accord inbox\n"
        f"  accord inbox --config {federation.endpoint_file('kz-mvd')}\n"
        f"  accord check --config {federation.gateway_file}\n"
        f"  accord ledger checkpoint --config {federation.gateway_file}\n"
        f"  curl http://{inspection.host}:{inspection.port}/metrics",
        flush=True,
    )
    try:
        signal.pause()
    except KeyboardInterrupt:
        print()
