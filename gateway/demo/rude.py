"""A client that does what no honest endpoint does: sends what it likes, as often as it likes, over any TLS it has.

It has the keys that the demo made and nothing else; what the gateway does about it is the point.
"""

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path

import aiohttp

from gateway.app.directory import verify_file
from gateway.app.endpoint import read_identity
from gateway.crypto.sealing import Draft, message_id, recipient_key, seal
from gateway.domain.errors import PeerError
from gateway.domain.label import Label
from gateway.domain.session import Answer
from gateway.settings.endpoint import EndpointSettings
from gateway.settings.source import load
from gateway.wire import frames, tls

ANSWER_WITHIN_S = 10.0
HOUR_MS = 3_600_000


class RudeClient:
    """Somebody with the files of one authority."""

    def __init__(self, endpoint_file: Path, edition_file: Path) -> None:
        """Read the files of an authority and the edition in force."""
        self._settings = load(endpoint_file, EndpointSettings, {}).values
        self._identity = read_identity(self._settings)
        self._edition_file = edition_file

    def envelope(self, recipient: str, agreement: str = "cz-kz") -> bytes:
        """Return an honest envelope, as the endpoint of this authority would seal it."""
        at_ms = time.time_ns() // 1_000_000
        network = self._settings.network
        key_set = Path(self._settings.trust.key_set_file)
        directory = verify_file(
            self._edition_file, network=network, key_set=key_set, previous=None, grants_key=None, at_ms=at_ms
        )
        draft = Draft(
            network=network,
            suite=2,
            id=message_id(at_ms),
            originator=self._settings.authority,
            kind="request",
            agreement=agreement,
            purposes=("detection",),
            subjects=("motor-vehicles",),
            label=Label(
                level="restricted",
                handling=(),
                third_party="consent-required",
                personal_data=False,
                special_categories=(),
                necessity=None,
                confidential_fact=False,
            ),
            urgency="routine",
            sent_at_ms=at_ms,
            expires_at_ms=at_ms + HOUR_MS,
            language="en",
        )
        return seal(
            draft,
            b'{"text":"synthetic"}',
            [recipient_key(directory, recipient, 2, at_ms)],
            [self._identity.ring.message],
        )

    async def submit(self, raws: Sequence[bytes]) -> list[Answer]:
        """Send envelopes over this authority's own TLS and return the answers, in order.

        Raises:
            PeerError: the gateway closed the link instead of answering.
        """
        files = self._settings.tls
        identity = tls.Identity(Path(files.certificate_file), Path(files.key_file), Path(files.authority_file))
        address = self._settings.gateways[0]
        context = tls.client_context(identity, address.spki_sha256)
        answers: list[Answer] = []
        async with (
            aiohttp.ClientSession() as session,
            asyncio.timeout(ANSWER_WITHIN_S),
            session.ws_connect(
                address.url + frames.LINK_PATH, ssl=context, protocols=(frames.SUBPROTOCOL,), compress=0
            ) as socket,
        ):
            frames.decode_from_gateway(await socket.receive_bytes())
            await socket.send_bytes(frames.encode(frames.EndpointHello(seen=None, evidence_after=None)))
            items = [frames.Submission(kind="message", raw=raw) for raw in raws]
            await socket.send_bytes(frames.encode(frames.Submit(first=0, items=items)))
            async for message in socket:
                frame = frames.decode_from_gateway(message.data)
                if isinstance(frame, frames.Answers):
                    answers.extend(frame.items)
                if len(answers) == len(raws):
                    return sorted(answers, key=lambda answer: answer.number)
        raise PeerError("the gateway closed the link without an answer")


def tampered(raw: bytes) -> bytes:
    """Return `raw` with one bit of the ciphertext changed."""
    position = len(raw) - 40
    return raw[:position] + bytes([raw[position] ^ 1]) + raw[position + 1 :]
