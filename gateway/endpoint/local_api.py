"""The local interface: another process of the same user asks the endpoint that holds the data directory.

HTTP over a Unix socket in that directory, which nobody else may enter. One path an operation, JSON both ways; an
error travels by its class and is raised on the other side as what it was.
"""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Protocol, TypeVar

import aiohttp
import msgspec
from aiohttp import web
from msgspec import Struct

from gateway.domain import errors
from gateway.domain.errors import CapacityError, ConfigurationError, FormatError, GatewayError, PeerError
from gateway.endpoint.office import Office
from gateway.endpoint.words import (
    AlarmsReport,
    Done,
    GiveConsent,
    Health,
    InboxReport,
    Named,
    Nothing,
    OpenedReport,
    OpenRequest,
    Page,
    Proof,
    QueryReport,
    QueryRequest,
    ReceiptsReport,
    RevokeConsent,
    SeenReport,
    SendRequest,
    SentReport,
    SettleRequest,
    Timeline,
    VerifiedReport,
)

SOCKET = "endpoint.sock"
# A body of 1 MiB in base64, and what a request says beside it.
REQUEST_BYTES_MAX = 2 * 1024 * 1024
# The kernel's bound on the path of a Unix socket is 108 bytes.
SOCKET_PATH_MAX = 100
PATH = "/v1/"

Request = TypeVar("Request", bound=Struct)
Report = TypeVar("Report", bound=Struct)


class Operation(Struct, frozen=True):
    """One operation: what it takes, what it gives, and the method of `Office` that does it."""

    takes: type[Struct]
    gives: type[Struct]
    method: Callable[[Office, Any], Awaitable[Struct]]


OPERATIONS: dict[str, Operation] = {
    "send": Operation(SendRequest, SentReport, Office.send),
    "consent": Operation(GiveConsent, SentReport, Office.consent),
    "revoke": Operation(RevokeConsent, SentReport, Office.revoke),
    "query": Operation(QueryRequest, QueryReport, Office.query),
    "status": Operation(Named, Timeline, Office.status),
    "inbox": Operation(Page, InboxReport, Office.inbox),
    "open": Operation(OpenRequest, OpenedReport, Office.open),
    "destroy": Operation(Named, Done, Office.destroy),
    "receipts": Operation(Page, ReceiptsReport, Office.receipts),
    "receipt": Operation(Named, Proof, Office.receipt),
    "verify": Operation(Page, VerifiedReport, Office.verify),
    "health": Operation(Nothing, Health, Office.health),
    "alarms": Operation(Page, AlarmsReport, Office.alarms),
    "seen": Operation(Nothing, SeenReport, Office.seen),
    "settle": Operation(SettleRequest, Done, Office.settle),
}


class Trouble(Struct, frozen=True):
    """An error on its way: the name of its class, its text, and what it carries beside that."""

    error: str
    text: str
    remedy: str = ""
    retry_after_s: int = 0


class Desk(Protocol):
    """Whoever carries operations out: the endpoint in this process, or in another one."""

    async def call(self, operation: str, request: Struct, gives: type[Report]) -> Report:
        """Carry out an operation and return its report.

        Raises:
            GatewayError: as the method of `Office`.
        """
        ...


class OwnDesk:
    """Operations in this process."""

    def __init__(self, office: Office) -> None:
        """Work on `office`."""
        self._office = office

    async def call(self, operation: str, request: Struct, gives: type[Report]) -> Report:
        """Carry out an operation and return its report."""
        report = await OPERATIONS[operation].method(self._office, request)
        assert isinstance(report, gives)
        return report


class OtherDesk:
    """Operations in the process that holds the data directory; made by `other_desk`."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        """Ask over `session`, whose connector leads to the socket."""
        self._session = session

    async def call(self, operation: str, request: Struct, gives: type[Report]) -> Report:
        """Carry out an operation and return its report.

        Raises:
            GatewayError: as it was raised there; `PeerError`: the process ended meanwhile.
        """
        try:
            async with self._session.post(
                f"http://endpoint{PATH}{operation}", data=msgspec.json.encode(request)
            ) as answer:
                raw = await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise PeerError("the endpoint process does not answer; its log says why") from error
        if answer.status != 200:
            raise _raised(msgspec.json.decode(raw, type=Trouble))
        return msgspec.json.decode(raw, type=gives)


@asynccontextmanager
async def serve(office: Office, folder: Path) -> AsyncIterator[None]:
    """Serve `office` on the socket in `folder`, which this process holds, while the context lasts."""
    app = web.Application(client_max_size=REQUEST_BYTES_MAX)

    async def answer(request: web.Request) -> web.Response:
        return await _answer(office, request)

    app.router.add_post(PATH + "{operation}", answer)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
    await runner.setup()
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        path = _reachable(folder, descriptor)
        await web.UnixSite(runner, path).start()
        (folder / SOCKET).chmod(0o600)
        yield
    finally:
        await runner.cleanup()
        (folder / SOCKET).unlink(missing_ok=True)
        os.close(descriptor)


@asynccontextmanager
async def other_desk(folder: Path) -> AsyncIterator[OtherDesk | None]:
    """Give the desk of the process that serves `folder`; None if nobody does."""
    if not (folder / SOCKET).exists():
        yield None
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        path = _reachable(folder, descriptor)
        if not await _listens(path):
            yield None
            return
        connector = aiohttp.UnixConnector(path=path)
        # No bound of our own: the endpoint keeps the one that the request names.
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=5)
        async with aiohttp.ClientSession(connector=connector, timeout=timeout, trust_env=False) as session:
            yield OtherDesk(session)
    finally:
        os.close(descriptor)


async def _listens(path: str) -> bool:
    try:
        _, writer = await asyncio.open_unix_connection(path)
    except OSError:
        return False
    writer.close()
    return True


def _reachable(folder: Path, descriptor: int) -> str:
    """Return a path of the socket that is short enough for the kernel, whatever the folder is called."""
    path = str(folder / SOCKET)
    return path if len(path.encode()) <= SOCKET_PATH_MAX else f"/proc/self/fd/{descriptor}/{SOCKET}"


async def _answer(office: Office, request: web.Request) -> web.Response:
    operation = OPERATIONS.get(request.match_info["operation"])
    try:
        if operation is None:
            raise FormatError("there is no such operation; the endpoint may be of another version")
        asked = _read(await request.read(), operation.takes)
        report = await operation.method(office, asked)
    except GatewayError as error:
        return web.Response(status=409, body=msgspec.json.encode(_trouble(error)), content_type="application/json")
    return web.Response(body=msgspec.json.encode(report), content_type="application/json")


def _read(raw: bytes, type_: type[Request]) -> Request:
    try:
        return msgspec.json.decode(raw, type=type_)
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
        raise FormatError(f"the request is not one of this operation: {str(error).lower()}") from None


def _trouble(error: GatewayError) -> Trouble:
    kind = next((each for each in type(error).__mro__ if hasattr(errors, each.__name__)), GatewayError)
    if isinstance(error, ConfigurationError):
        return Trouble(kind.__name__, error.what, error.remedy)
    if isinstance(error, CapacityError):
        return Trouble(kind.__name__, error.bound, retry_after_s=error.retry_after_s)
    return Trouble(kind.__name__, str(error))


def _raised(trouble: Trouble) -> GatewayError:
    if trouble.error == "ConfigurationError":
        return ConfigurationError(trouble.text, trouble.remedy)
    if trouble.error == "CapacityError":
        return CapacityError(trouble.text, trouble.retry_after_s)
    kind = getattr(errors, trouble.error, GatewayError)
    found: GatewayError = kind(trouble.text)
    return found
