"""The simple link: one HTTPS request a message, an inbox that is fetched.

A submission is answered when it is recorded: 202 with the receipt, 200 if these bytes were here before,
403 with the receipt and its reasons in words if policy refused. Everything else is a problem (S-09, RFC 9457). Who
asks is what TLS and the directory say; nothing of a request is believed about its sender, and nothing of it is
reflected but which of our languages it prefers.
"""

import asyncio
from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from gateway.crypto.digests import encode_base64url
from gateway.crypto.envelope import decode_envelope, encode_envelope
from gateway.crypto.envelope_json import envelope_from_json, envelope_to_json
from gateway.crypto.receipt import recorded_reasons
from gateway.domain.errors import FormatError
from gateway.domain.names import MessageId
from gateway.domain.session import Answer, Delivery
from gateway.domain.statement import STATEMENT_BYTES_MAX
from gateway.links import bodies
from gateway.links.budget import Budget
from gateway.links.exchange import Exchange
from gateway.links.forms import (
    ConsistencyForm,
    Inbox,
    InboxItem,
    Receipted,
    acknowledgements_from_json,
    statement_from_json,
    status_form,
)
from gateway.links.polling import PollingSession
from gateway.links.replies import ProblemError, nothing, reply
from gateway.links.routes import Routes
from gateway.store.interface import MessageStatus
from gateway.telemetry.metrics import Metrics
from gateway.wire.limits import Limits

JSON = "application/json"
ENVELOPE = "application/vnd.accord.envelope+msgpack"
STATEMENT = "application/vnd.accord.statement+msgpack"
ACKNOWLEDGEMENTS = "application/vnd.accord.acknowledgements+msgpack"
DIRECTORY = "application/vnd.accord.directory+msgpack"
TEXT = "text/plain; charset=utf-8"

# A batch of 256 items with salts and names, in base64.
ACKNOWLEDGEMENTS_BYTES_MAX = 1024 * 1024

Serve = Callable[[web.BaseRequest, PollingSession, tuple[str, ...]], Awaitable[web.StreamResponse]]

_message_ids = msgspec.json.Decoder(MessageId)
_encode = msgspec.json.Encoder().encode


class _Identified(msgspec.Struct):
    """Of a header that was judged: its id alone."""

    id: MessageId


_headers = msgspec.json.Decoder(_Identified)


class HttpsApi:
    """The paths of one listener under `/v1`."""

    def __init__(self, exchange: Exchange, limits: Limits, metrics: Metrics, unjudged: Budget) -> None:
        """`unjudged` bounds the bytes that all links have handed to the switch."""
        self._exchange = exchange
        self._limits = limits
        self._metrics = metrics
        self._unjudged = unjudged
        self.routes: Routes[Serve] = Routes()
        for method, template, serve in (
            ("POST", "/v1/messages", self._submit_message),
            ("GET", "/v1/messages/{id}", self._status),
            ("GET", "/v1/messages/{id}/proof", self._proof),
            ("POST", "/v1/statements", self._submit_statement),
            ("GET", "/v1/inbox", self._inbox),
            ("POST", "/v1/inbox/ack", self._acknowledge),
            ("GET", "/v1/directory", self._directory),
            ("GET", "/v1/checkpoint", self._checkpoint),
            ("GET", "/v1/consistency", self._consistency),
        ):
            self.routes.add(method, template, serve)

    # Submissions.

    async def _submit_message(
        self, request: web.BaseRequest, session: PollingSession, _: tuple[str, ...]
    ) -> web.StreamResponse:
        media_types = (JSON, ENVELOPE)

        def convert(body: bytes) -> bytes:
            return encode_envelope(envelope_from_json(body)) if request.content_type == JSON else body

        raw, answer = await self._submit(request, session, "message", media_types, self._limits.body_bytes_max, convert)
        # Its signature holds, so its id may be read: the status of the message is found there.
        location = f"/v1/messages/{_headers.decode(decode_envelope(raw).h).id}"
        return _receipted(answer, {"Location": location})

    async def _submit_statement(
        self, request: web.BaseRequest, session: PollingSession, _: tuple[str, ...]
    ) -> web.StreamResponse:
        def convert(body: bytes) -> bytes:
            return statement_from_json(body) if request.content_type == JSON else body

        # In base64, with names, a statement of 64 KiB takes less than twice as much.
        bound = 2 * STATEMENT_BYTES_MAX
        __, answer = await self._submit(request, session, "statement", (JSON, STATEMENT), bound, convert)
        return _receipted(answer, {})

    async def _acknowledge(
        self, request: web.BaseRequest, session: PollingSession, _: tuple[str, ...]
    ) -> web.StreamResponse:
        def convert(body: bytes) -> bytes:
            return acknowledgements_from_json(body) if request.content_type == JSON else body

        bound = ACKNOWLEDGEMENTS_BYTES_MAX
        __, answer = await self._submit(request, session, "", (JSON, ACKNOWLEDGEMENTS), bound, convert)
        return _receipted(answer, {})

    async def _submit(
        self,
        request: web.BaseRequest,
        session: PollingSession,
        kind: str,
        media_types: tuple[str, ...],
        bytes_max: int,
        convert: Callable[[bytes], bytes],
    ) -> tuple[bytes, Answer]:
        """Read, convert and submit one body; return its bytes and the receipt that came of it.

        `kind` empty: an acknowledgement.

        Raises:
            ProblemError: everything but a receipt for something permitted.
        """
        length = bodies.declared_length(request, media_types, bytes_max)
        if not self._unjudged.take(length):
            raise ProblemError("busy", retry_after_s=self._limits.busy_retry_after_s, final=True)
        try:
            raw = convert(await bodies.read(request, length, self._limits))
            number, answered = session.expect()
            if kind:
                self._metrics.messages_received["https"].inc()
                self._exchange.submit(session, number, kind, raw)
            else:
                self._metrics.acknowledgements_received.inc()
                self._exchange.acknowledge(session, number, raw)
            async with asyncio.timeout(self._limits.answer_timeout_s):
                answer = await answered
        except FormatError as error:
            raise ProblemError("format-invalid", str(error)) from None
        except TimeoutError:
            raise ProblemError("outcome-unknown", retry_after_s=self._limits.busy_retry_after_s) from None
        finally:
            self._unjudged.give(length)
        self._metrics.answers[answer.kind].inc()
        _refuse_unless_permitted(answer)
        return raw, answer

    # What an authority may ask.

    async def _status(
        self, request: web.BaseRequest, session: PollingSession, segments: tuple[str, ...]
    ) -> web.StreamResponse:
        return reply(_encode(status_form(self._find(request, session, segments[0]))), JSON)

    async def _proof(
        self, request: web.BaseRequest, session: PollingSession, segments: tuple[str, ...]
    ) -> web.StreamResponse:
        return reply(self._find(request, session, segments[0]).receipt, TEXT)

    def _find(self, request: web.BaseRequest, session: PollingSession, message_id: str) -> MessageStatus:
        bodies.refuse_body(request)
        try:
            known = msgspec.convert(message_id, MessageId)
        except msgspec.ValidationError:
            raise ProblemError("not-found") from None
        status = self._exchange.status(session.peer.authority, known)
        if status is None:
            # Unknown and not yours are one answer (threat E27).
            raise ProblemError("not-found")
        return status

    async def _inbox(self, request: web.BaseRequest, session: PollingSession, _: tuple[str, ...]) -> web.StreamResponse:
        bodies.refuse_body(request)
        limits = self._limits
        wait_s = _number(request, "wait", 0, 0, limits.inbox_wait_s_max)
        count = _number(request, "max", limits.inbox_items_max, 1, limits.inbox_items_max)
        loop = asyncio.get_running_loop()
        until_s = loop.time() + wait_s
        while not (deliveries := self._exchange.pending(session.peer, count)):
            if loop.time() >= until_s or session.ended:
                return nothing()
            await asyncio.sleep(min(limits.inbox_poll_s, max(until_s - loop.time(), 0)))
        messages = [_inbox_item(delivery) for delivery in _within(deliveries, limits.inbox_bytes_max)]
        self._metrics.messages_delivered["https"].inc(len(messages))
        return reply(_encode(Inbox(messages)), JSON)

    async def _directory(
        self, request: web.BaseRequest, session: PollingSession, _: tuple[str, ...]
    ) -> web.StreamResponse:
        bodies.refuse_body(request)
        return reply(self._exchange.directory_raw(), DIRECTORY)

    async def _checkpoint(
        self, request: web.BaseRequest, session: PollingSession, _: tuple[str, ...]
    ) -> web.StreamResponse:
        bodies.refuse_body(request)
        return reply(self._exchange.checkpoint_note(), TEXT)

    async def _consistency(
        self, request: web.BaseRequest, session: PollingSession, _: tuple[str, ...]
    ) -> web.StreamResponse:
        bodies.refuse_body(request)
        old = _number(request, "from", None, 1, 2**53 - 1)
        new = _number(request, "to", None, 1, 2**53 - 1)
        try:
            path = self._exchange.consistency(old, new)
        except FormatError as error:
            raise ProblemError("query-invalid", str(error)) from None
        return reply(_encode(ConsistencyForm(old, new, tuple(map(encode_base64url, path)))), JSON)


def _receipted(answer: Answer, headers: dict[str, str]) -> web.Response:
    status = 200 if answer.duplicate else 202
    return reply(_encode(Receipted(answer.body.decode())), JSON, status=status, headers=headers)


def _refuse_unless_permitted(answer: Answer) -> None:
    if answer.kind == "receipt":
        if not answer.permitted:
            raise ProblemError("refused", receipt=answer.body, reasons=recorded_reasons(answer.body))
        return
    raise ProblemError(answer.code, answer.detail, retry_after_s=answer.retry_after_s)


def _inbox_item(delivery: Delivery) -> InboxItem:
    return InboxItem(
        header_sha256=encode_base64url(delivery.header_sha256),
        attempt=delivery.attempt,
        receipt=delivery.receipt.decode(),
        envelope=msgspec.Raw(envelope_to_json(decode_envelope(delivery.envelope))),
    )


def _within(deliveries: list[Delivery], bytes_max: int) -> list[Delivery]:
    """Return the first deliveries that together keep to a bound, at least one."""
    size_bytes = 0
    for position, delivery in enumerate(deliveries):
        size_bytes += delivery.size_bytes
        if position and size_bytes > bytes_max:
            return deliveries[:position]
    return deliveries


def _number(request: web.BaseRequest, name: str, default: int | None, least: int, most: int) -> int:
    """Return a whole number from the query.

    Raises:
        ProblemError: it is missing, doubled, no decimal number, or out of range.
    """
    given = request.query.getall(name, [])
    if not given and default is not None:
        return default
    if len(given) != 1 or len(given[0]) > 16 or not (given[0].isascii() and given[0].isdigit()):
        raise ProblemError("query-invalid", f"`{name}` must be given once, as a whole number")
    number = int(given[0])
    if not least <= number <= most:
        raise ProblemError("query-invalid", f"`{name}` must be from {least} to {most}")
    return number
