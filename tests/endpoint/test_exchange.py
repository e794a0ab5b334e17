"""Two endpoints and a gateway: what is sent arrives, is acknowledged, and is proved to everybody."""

from pathlib import Path

from gateway.endpoint import outbox
from tests.endpoint.world import CZ, KZ, world


async def test_message_is_receipted_delivered_and_acknowledged(tmp_path: Path) -> None:
    """A sent message ends in a verified receipt here, a message there, and evidence back here."""
    async with world(tmp_path) as made, made.endpoint(CZ) as cz, made.endpoint(KZ) as kz:
        assert await cz.link.until_connected(5), (cz.link.failure, cz._task)
        sent = await cz.send(made.post(body=b"a stolen car"))
        row = await cz.answered(sent.sha256, 5)

        assert row is not None
        assert row.permitted == 1
        messages = kz.messages()
        message = await anext(messages)
        assert message.plaintext == b"a stolen car"
        await kz.handed_over([message])
        assert await cz.keeping.watch.until(
            sent.sha256, lambda: len(outcomes(cz, sent.sha256)) == 2, 5
        ), made.gateway.acknowledged
        assert outcomes(cz, sent.sha256) == ["consigned", "handed-over"]


def outcomes(endpoint, digest):
    from gateway.endpoint import evidence
    return [item.outcome for item in evidence.outcomes(endpoint.keeping.journal, digest)]
