"""A small gateway for the tests of its clients: real TLS, real WebSocket, real crypto, and rude on request.

It admits whatever is authentic unless told to refuse, delivers, records acknowledgements and passes evidence on.
`Manners` says in what it misbehaves; by default in nothing.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from aiohttp import WSMsgType, web

from gateway.crypto.acknowledgements import open_acknowledgements
from gateway.crypto.batch import VerifiedRoots
from gateway.crypto.envelope import open_envelope, prune
from gateway.crypto.statements import open_statement
from gateway.domain.decision import EditionRef, Reason
from gateway.domain.directory import Directory
from gateway.domain.errors import FormatError, SignatureError
from gateway.domain.message import AuthenticMessage
from gateway.domain.receipt import Event, ObjectType
from gateway.domain.session import Answer, CloseReason, Delivery, Evidence, EvidenceKind
from gateway.endpoint.identity import GatewayAddress
from gateway.wire.frames import (
    LINK_PATH,
    SUBPROTOCOL,
    Acknowledge,
    Answers,
    AskConsistency,
    Consistency,
    Deliveries,
    EditionNotice,
    EndpointHello,
    FromEndpoint,
    FromGateway,
    Goodbye,
    Hello,
    Informed,
    Submit,
    decode_from_endpoint,
    encode,
)
from gateway.wire.tls import peer_spki_sha256, server_context
from tests.endpoint.fake_ledger import FakeLedger
from tests.federation import NETWORK, ORIGIN, Federation, now_ms
from tests.wire.certificates import Issued


def _same(raw: bytes) -> bytes:
    return raw


def _once(delivery: Delivery) -> Sequence[Delivery]:
    return (delivery,)


@dataclass
class Manners:
    """How the gateway misbehaves. Each field is one rudeness; the defaults are honest."""

    answers: bool = True
    delivers: bool = True
    tells: bool = True
    proves: bool = True
    busy_first: int = 0
    declines: str = ""
    # What becomes of batches of acknowledgements, one after the other: a code of an answer, or `silence` for a record
    # of which nobody hears; then honest receipts.
    acknowledging: list[str] = field(default_factory=list)
    refuses: tuple[Reason, ...] = ()
    receipt: Callable[[bytes], bytes] = _same
    delivery: Callable[[Delivery], Sequence[Delivery]] = _once
    evidence: Callable[[Evidence], Evidence] = lambda item: item
    path: Callable[[tuple[bytes, ...]], tuple[bytes, ...]] = lambda path: path
    hello: Callable[[Hello], Hello] = lambda hello: hello
    certificates: frozenset[str] | None = None
    speaks: bool = True
    hangs_up: bool = False


@dataclass
class Line:
    """One connection, as the gateway sees it."""

    authority: str
    socket: web.WebSocketResponse
    hello: EndpointHello | None = None
    frames: list[FromEndpoint] = field(default_factory=list)

    async def say(self, frame: FromGateway) -> None:
        """Send one frame; a peer that has gone is no error."""
        if not self.socket.closed:
            try:
                await self.socket.send_bytes(encode(frame))
            except ConnectionError:
                return


class FakeGateway:
    """The gateway; state is in memory and survives `stop` and `start`."""

    def __init__(self, federation: Federation, directory: Directory, issued: Issued) -> None:
        """Serve the members of `federation` under `directory`, with the certificate `issued`."""
        self.federation = federation
        self.directory = directory
        self.issued = issued
        self.manners = Manners()
        reference = EditionRef(directory.edition.number, directory.sha256)
        self.ledger = FakeLedger(federation.checkpoint_key, reference)
        self.port = 0
        self.lines: list[Line] = []
        self.seen_lines: list[Line] = []
        self.connections = 0
        # (originator, id) to (digest, answer), statements under their digest: what was recorded, once.
        self.recorded: dict[tuple[str, str], tuple[bytes, Answer]] = {}
        self.effects: list[bytes] = []
        self.owed: dict[str, dict[bytes, Delivery]] = {}
        self.messages: dict[bytes, AuthenticMessage] = {}
        self.evidence: dict[str, list[Evidence]] = {}
        self.acknowledged: list[tuple[str, bytes, str]] = []
        self.batches: list[int] = []
        # Every batch of acknowledgements as it came, whatever became of it.
        self.heard: list[bytes] = []
        self.submitted: list[bytes] = []
        self._runner: web.AppRunner | None = None

    @property
    def address(self) -> GatewayAddress:
        """How an endpoint names this gateway."""
        return GatewayAddress(f"https://localhost:{self.port}", ORIGIN, self.issued.spki_sha256)

    async def start(self) -> None:
        """Listen, on the same port again after a stop."""
        app = web.Application()
        app.router.add_get(LINK_PATH, self._link)
        app.router.add_get("/v1/directory", self._directory)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        assert self._runner.server is not None
        server = await asyncio.get_running_loop().create_server(
            self._runner.server, "127.0.0.1", self.port, ssl=server_context(self.issued.identity), reuse_address=True
        )
        self._server = server
        self.port = server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Break every connection off and stop listening."""
        self._server.close()
        for line in self.lines:
            if line.socket._req is not None and line.socket._req.transport is not None:
                line.socket._req.transport.abort()
        if self._runner is not None:
            await self._runner.cleanup()
        self.lines.clear()

    async def publish(self, directory: Directory) -> None:
        """Put another edition in force and tell everybody."""
        self.directory = directory
        self.ledger.edition = EditionRef(directory.edition.number, directory.sha256)
        for line in self.lines:
            await line.say(EditionNotice(directory.edition.number, directory.sha256))

    async def bid_farewell(self, reason: CloseReason) -> None:
        """Say goodbye on every line and close it."""
        for line in list(self.lines):
            await line.say(Goodbye(reason))
            await line.socket.close()

    async def _directory(self, _: web.Request) -> web.Response:
        return web.Response(body=self.directory.raw)

    async def _link(self, request: web.Request) -> web.StreamResponse:
        transport = request.transport
        assert transport is not None
        spki = peer_spki_sha256(transport.get_extra_info("ssl_object"))
        entry = self.directory.endpoints.get(spki or "")
        if entry is None or (self.manners.certificates is not None and spki not in self.manners.certificates):
            return web.Response(status=401)
        socket = web.WebSocketResponse(protocols=(SUBPROTOCOL,), max_msg_size=4 * 1024 * 1024, compress=False)
        await socket.prepare(request)
        line = Line(entry[0].id, socket)
        self.seen_lines.append(line)
        self.connections += 1
        if self.manners.speaks:
            await line.say(self.manners.hello(self._hello()))
        if self.manners.hangs_up:
            await socket.close()
        try:
            async for message in socket:
                if message.type is WSMsgType.BINARY:
                    frame = decode_from_endpoint(message.data)
                    line.frames.append(frame)
                    await self._take(line, frame)
        finally:
            if line in self.lines:
                self.lines.remove(line)
        return socket

    def greeting(self, window: int = 16) -> bytes:
        """Return the hello as it travels."""
        return encode(self._hello(window))

    def _hello(self, window: int = 16) -> Hello:
        note = self.ledger.checkpoint().note
        return Hello(NETWORK, ORIGIN, self.directory.edition.number, self.directory.sha256, note, now_ms(), window)

    async def _take(self, line: Line, frame: FromEndpoint) -> None:
        match frame:
            case EndpointHello():
                line.hello = frame
                self.lines.append(line)
                await self._serve(line, frame.evidence_after or 0)
            case Submit(first, items):
                answers = [self._submitted(line, first + n, one.kind, one.raw) for n, one in enumerate(items)]
                if self.manners.answers:
                    await line.say(Answers(answers))
                await self._deliver()
            case Acknowledge(number, raw):
                await self._acknowledged(line, number, raw)
            case AskConsistency(old, new):
                if self.manners.proves:
                    path = self.manners.path(self.ledger.consistency(old, new))
                    await line.say(Consistency(old, new, path, self.ledger.checkpoint().note))

    async def _serve(self, line: Line, after: int) -> None:
        await self._deliver(only=line)
        old = [item for item in self.evidence.get(line.authority, []) if item.sequence > after]
        if old and self.manners.tells:
            await line.say(Informed([self.manners.evidence(item) for item in old]))

    def _submitted(self, line: Line, number: int, kind: str, raw: bytes) -> Answer:
        self.submitted.append(raw)
        if self.manners.busy_first > 0:
            self.manners.busy_first -= 1
            return Answer(number, "busy", code="busy", retry_after_s=1)
        if self.manners.declines:
            return Answer(number, "invalid", code="format-invalid", detail=self.manners.declines)
        try:
            answer = self.admit(raw) if kind == "message" else self._statement(raw)
        except FormatError as error:
            return Answer(number, "invalid", code="format-invalid", detail=str(error))
        except SignatureError as error:
            return Answer(number, "unauthenticated", code="signature-invalid", detail=str(error))
        body = self.manners.receipt(answer.body)
        return Answer(number, "receipt", answer.permitted, body, duplicate=answer.duplicate)

    def admit(self, raw: bytes) -> Answer:
        """Record an envelope once and spool it for its recipients."""
        message = open_envelope(raw, self.directory, NETWORK, now_ms(), VerifiedRoots(0))
        header = message.header
        known = self.recorded.get((header.originator, header.id))
        if known is not None:
            assert known[0] == message.header_sha256, "the same id came with other bytes"
            return Answer(0, "receipt", known[1].permitted, known[1].body, duplicate=True)
        permitted = not self.manners.refuses
        event: Event = "submission-acceptance" if permitted else "submission-rejection"
        receipt = self.ledger.append(
            event, "header", message.header_sha256, "accepted" if permitted else "refused", self.manners.refuses
        )
        answer = Answer(0, "receipt", permitted, receipt)
        self.recorded[(header.originator, header.id)] = (message.header_sha256, answer)
        self.effects.append(message.header_sha256)
        self.messages[message.header_sha256] = message
        for position, recipient in enumerate(header.recipients if permitted else ()):
            delivery = Delivery(message.header_sha256, prune(message.raw, position), receipt, 1)
            self.owed.setdefault(recipient.authority, {})[message.header_sha256] = delivery
        return answer

    def _statement(self, raw: bytes) -> Answer:
        statement = open_statement(raw, self.directory, NETWORK, now_ms())
        key = (statement.authority, statement.sha256.hex())
        if key not in self.recorded:
            kind: ObjectType = "consent" if statement.type == "consent" else "consent-revocation"
            receipt = self.ledger.append("submission-acceptance", kind, statement.sha256)
            self.recorded[key] = (statement.sha256, Answer(0, "receipt", True, receipt))
            self.effects.append(statement.sha256)
        return self.recorded[key][1]

    async def _deliver(self, only: Line | None = None) -> None:
        if not self.manners.delivers:
            return
        for line in [only] if only else list(self.lines):
            owed = self.owed.get(line.authority, {})
            items = [copy for delivery in owed.values() for copy in self.manners.delivery(delivery)]
            if items:
                await line.say(Deliveries(items))

    async def _acknowledged(self, line: Line, number: int, raw: bytes) -> None:
        self.heard.append(raw)
        rude = self.manners.acknowledging.pop(0) if self.manners.acknowledging else ""
        if rude == "busy":
            await line.say(Answers([Answer(number, "busy", code="busy", retry_after_s=1)]))
            return
        if rude and rude != "silence":
            await line.say(Answers([Answer(number, "invalid", code=rude)]))
            return
        opened = open_acknowledgements(raw, self.directory, NETWORK, now_ms())
        receipt = self.ledger.append("content-consignment", "acknowledgement-batch", opened.batch_sha256)
        self.batches.append(len(opened.items))
        for item, header_sha256, proof in opened.items:
            self.acknowledged.append((opened.recipient, header_sha256, item.status))
            self.owed.get(opened.recipient, {}).pop(header_sha256, None)
            await self._tell(item.originator, header_sha256, "acknowledged", opened.recipient, item.status, proof)
        if rude != "silence":
            await line.say(Answers([Answer(number, "receipt", True, receipt)]))

    async def fail(self, header_sha256: bytes, recipient: str, outcome: str) -> None:
        """End a delivery in failure and tell its originator."""
        self.owed.get(recipient, {}).pop(header_sha256, None)
        receipt = self.ledger.append("content-consignment-failure", "header", header_sha256, outcome)
        originator = self.messages[header_sha256].header.originator
        await self._tell(originator, header_sha256, "failed", recipient, outcome, receipt)

    async def _tell(
        self, originator: str, header_sha256: bytes, kind: EvidenceKind, recipient: str, outcome: str, body: bytes
    ) -> None:
        told = self.evidence.setdefault(originator, [])
        item = Evidence(len(told) + 1, header_sha256, kind, recipient, outcome, body)
        told.append(item)
        if self.manners.tells:
            for line in list(self.lines):
                if line.authority == originator:
                    await line.say(Informed([self.manners.evidence(item)]))
