"""`Endpoint`: the client of an authority, for programs.

`send` returns when the sealed message is on disk; from then on it reaches its gateway, whatever process dies.
Messages come out of `messages()` after every check, and again after a restart until `handed_over`.
"""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from msgspec import Struct

from gateway.crypto.digests import encode_base64url, sha256
from gateway.crypto.sealing import Draft, Letter, recipient_key, seal, seal_batch
from gateway.crypto.signed import decode_signed
from gateway.crypto.statements import StatementKind, sign_statement
from gateway.domain.directory import Directory
from gateway.domain.errors import CapacityError, ConfigurationError, FormatError, LedgerError
from gateway.domain.message import BATCH_MESSAGES_MAX
from gateway.domain.statement import Consent, ConsentRevocation
from gateway.endpoint import inbox, outbox
from gateway.endpoint.alarms import Alarm, AlarmedError
from gateway.endpoint.broker_transport import SCHEME, connect_broker
from gateway.endpoint.editions import remember_own_keys
from gateway.endpoint.handing import Message
from gateway.endpoint.identity import GatewayAddress, Identity, SealRole
from gateway.endpoint.journal import Journal, bind
from gateway.endpoint.keeping import Keeping, Notice
from gateway.endpoint.limits import EndpointLimits
from gateway.endpoint.naming import parcel_of
from gateway.endpoint.reconnecting import Connect, Reconnecting
from gateway.endpoint.transport import Wire, connect
from gateway.wire import tls

OUTBOX_RETRY_AFTER_S = 30
CANCEL_AGAIN_S = 0.5
# A statement goes before messages that may rest on it.
STATEMENT_URGENCY = 0


class Post(Struct, frozen=True):
    """One message to send: what the originator says of it, its body, and to whom.

    `padded_min_bytes` makes short answers as long as others. `sign_as`: roles that sign beside `message`, where
    rules of form ask for a seal or a signatory.
    """

    draft: Draft
    plaintext: bytes
    recipients: tuple[str, ...]
    padded_min_bytes: int = 0
    sign_as: tuple[SealRole, ...] = ()


class SentMessage(Struct, frozen=True):
    """What is durable in the outbox: its id, and the digest of what was signed, by which others cite it."""

    id: str
    sha256: bytes


class Endpoint:
    """One authority's connection to its federation. Use it as an async context manager."""

    def __init__(
        self,
        identity: Identity,
        gateways: Sequence[GatewayAddress],
        data_folder: Path,
        *,
        tls_identity: tls.Identity,
        broker_identity: tls.Identity | None = None,
        clock: Callable[[], int],
        limits: EndpointLimits | None = None,
        notify: Callable[[Notice], None] = lambda _: None,
        connect_by: Connect | None = None,
    ) -> None:
        """Describe an endpoint; nothing is opened yet.

        `clock` tells milliseconds since the epoch; `broker_identity` is who we are to a broker, by default the
        same as to a gateway; `connect_by` replaces the connection, for tests.
        """
        self._identity = identity
        self._gateways = tuple(gateways)
        self._folder = data_folder
        self._tls = tls_identity
        self._broker_tls = broker_identity or tls_identity
        self._clock = clock
        self._limits = limits or EndpointLimits()
        self._notify = notify
        self._connect_by = connect_by or self._connect
        self._keeping: Keeping | None = None
        self._link: Reconnecting | None = None
        self._task: asyncio.Task[None] | None = None
        self._broken: asyncio.Future[LedgerError] | None = None

    async def __aenter__(self) -> Self:
        """Open the data directory and begin to connect.

        Raises:
            ConfigurationError: the directory is in use, or of somebody else.
            AlarmedError: the directory edition on disk lists a foreign key under our name.
        """
        await self.open()
        self.connect()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop; what is durable stays so."""
        await self.close()

    async def open(self) -> None:
        """Open the data directory without connecting."""
        self._broken = asyncio.get_running_loop().create_future()
        journal = Journal.open(self._folder, self._failed)
        try:
            await journal.write(partial(bind, authority=self._identity.authority, network=self._identity.network))
            at_ms = self._clock()
            await journal.write(partial(remember_own_keys, kids=self._identity.ring.kids, at_ms=at_ms))
            self._keeping = Keeping(self._identity, journal, self._limits, self._clock, self._notify)
            for alarm in self._keeping.editions.foreign_keys():
                await self._keeping.sound(alarm)
        except BaseException:
            await journal.close()
            raise
        self._link = Reconnecting(self._keeping, self._gateways, self._connect_by)

    def connect(self) -> None:
        """Begin to connect, and stay connected."""
        if self._task is None:
            self._task = asyncio.create_task(self.link.run(), name="endpoint-link")

    async def close(self) -> None:
        """End the connection and give the data directory back."""
        task, self._task = self._task, None
        while task is not None and not task.done():
            # A TaskGroup of Python 3.11 that fails in the same moment loses a cancellation.
            task.cancel()
            await asyncio.wait({task}, timeout=CANCEL_AGAIN_S)
        keeping, self._keeping = self._keeping, None
        if keeping is not None:
            await keeping.settled()
            await keeping.journal.close()

    async def failed(self) -> None:
        """Wait until this endpoint cannot go on.

        Raises:
            LedgerError: the disk has failed.
            ConfigurationError: a file of ours became unusable.
        """
        waits = {each for each in (self._task, self._broken) if each is not None}
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        if self._broken is not None and self._broken.done():
            raise self._broken.result()
        if self._task is not None:
            self._task.result()

    @property
    def keeping(self) -> Keeping:
        """Everything that is kept: journal, editions, alarms."""
        if self._keeping is None:
            raise ConfigurationError("the endpoint is not open", "use it as an async context manager")
        return self._keeping

    @property
    def link(self) -> Reconnecting:
        """The connection: made or not, and why not."""
        if self._link is None:
            raise ConfigurationError("the endpoint is not open", "use it as an async context manager")
        return self._link

    @property
    def gateways(self) -> tuple[GatewayAddress, ...]:
        """The gateways that are called in turn."""
        return self._gateways

    @property
    def authority(self) -> str:
        """Our name."""
        return self._identity.authority

    @property
    def network(self) -> str:
        """The federation."""
        return self._identity.network

    @property
    def directory(self) -> Directory:
        """The directory edition in force here.

        Raises:
            CapacityError: there is none yet.
            TrustError: it has expired.
        """
        return self.keeping.editions.require(self._clock())

    @property
    def alarm(self) -> Alarm | None:
        """The alarm that ended trust in everything, or in every gateway there is."""
        blocking = self.keeping.alarms.blocking
        found = [blocking(address.origin) for address in self._gateways]
        return blocking(None) or (found[0] if all(found) else None)

    # Sending.

    async def send(self, post: Post) -> SentMessage:
        """Seal a message, make it durable, and have it sent until a receipt is there.

        A message whose id is in the outbox already is not sealed again: what stands there is returned.

        Raises:
            FormatError: the draft breaks a rule of the header, or a recipient has no key in force.
            CapacityError: no directory yet, outbox full, or disk low.
            TrustError: the directory has expired, or an alarm has ended all trust.
        """
        return (await self.send_all((post,)))[0]

    async def send_all(self, posts: Sequence[Post]) -> list[SentMessage]:
        """Seal up to 1,024 messages under one signature, in one transaction; else as `send`."""
        keeping = self.keeping
        self._check_trust()
        known = [outbox.find(keeping.journal, post.draft.id, None) for post in posts]
        fresh = [post for post, row in zip(posts, known, strict=True) if row is None]
        placed = iter(await self._queue([parcel_of(raw) for raw in self._seal(fresh)]))
        return [
            SentMessage(post.draft.id, next(placed) if row is None else row.object_sha256)
            for post, row in zip(posts, known, strict=True)
        ]

    async def state(self, kind: StatementKind, value: Consent | ConsentRevocation) -> SentMessage:
        """Sign a statement with our consent key and have it sent like a message; `sha256` is what cites it.

        Raises:
            ConfigurationError: there is no key of role `consent`.
            FormatError: the statement breaks a rule.
        """
        key = self._identity.ring.consent
        if key is None:
            raise ConfigurationError("there is no key of role `consent`", "run: accord keys generate")
        self._check_trust()
        raw = sign_statement(kind, value, key)
        h = decode_signed(raw).h
        digest = sha256(h)
        name = encode_base64url(digest)
        parcel = outbox.Parcel(
            kind="statement",
            id=name,
            object_sha256=digest,
            object=h,
            raw=raw,
            urgency=STATEMENT_URGENCY,
            recipients=0,
            expires_at_ms=None,
        )
        await self._queue([parcel])
        return SentMessage(name, digest)

    async def answered(self, sha256_: bytes, timeout_s: float) -> outbox.Sent | None:
        """Wait until the gateway's word on something we sent is durable; None if it was not in time, or is none."""

        def found() -> outbox.Sent | None:
            row = outbox.find(self.keeping.journal, "", sha256_)
            return row if row is not None and row.answered else None

        await self.keeping.watch.until(sha256_, lambda: self.alarm is not None or found() is not None, timeout_s)
        return found()

    # Receiving.

    async def messages(self) -> AsyncIterator[Message]:
        """Give every message that nobody was handed yet, in the order of arrival, as it comes.

        Each is given once a run; call `handed_over` when its work is done, else it comes again after a restart.
        """
        while True:
            yield await self.keeping.handing.next()

    async def handed_over(self, messages: Sequence[Message], tell: bool = True) -> None:
        """Note that a person or program has the messages; `tell`: sign that for their originators."""
        at_ms = self._clock()

        def change(connection: sqlite3.Connection) -> None:
            for message in messages:
                inbox.hand_over(connection, message.header_sha256, at_ms, tell)

        await self.keeping.journal.write(change)
        if tell:
            self.keeping.acknowledging.wake.set()

    async def reply_to(self, header_sha256: bytes, originator: str, timeout_s: float) -> Message | None:
        """Wait for what `originator` answers to one of our messages; None if nothing came in time."""
        keeping = self.keeping

        def found() -> inbox.Stored | None:
            rows = inbox.replies(keeping.journal, header_sha256)
            return next((row for row in rows if row.originator == originator), None)

        await keeping.watch.until(header_sha256, lambda: self.alarm is not None or found() is not None, timeout_s)
        row = found()
        return None if row is None else keeping.reopen(row)

    async def query(self, post: Post, timeout_s: float) -> Message | None:
        """Send a question to one recipient and return what that answers, None if nothing came in time.

        Raises:
            GatewayError: as `send`.
        """
        sent = await self.send(post)
        return await self.reply_to(sent.sha256, post.recipients[0], timeout_s)

    # Inside.

    def _check_trust(self) -> None:
        alarm = self.alarm
        if alarm is not None:
            raise AlarmedError(alarm)

    def _seal(self, posts: Sequence[Post]) -> list[bytes]:
        """Seal posts, one batch for each set of roles that sign."""
        if len(posts) > BATCH_MESSAGES_MAX:
            raise FormatError(f"more than {BATCH_MESSAGES_MAX} messages at once")
        sealed: dict[str, bytes] = {}
        for roles in {post.sign_as for post in posts}:
            alike = [post for post in posts if post.sign_as == roles]
            sealed.update(zip([post.draft.id for post in alike], self._seal_alike(alike, roles), strict=True))
        return [sealed[post.draft.id] for post in posts]

    def _seal_alike(self, posts: Sequence[Post], roles: tuple[SealRole, ...]) -> list[bytes]:
        directory, at_ms = self.directory, self._clock()
        signers = self._identity.ring.signers(roles)
        letters = [
            Letter(
                post.draft,
                post.plaintext,
                [recipient_key(directory, name, post.draft.suite, at_ms) for name in post.recipients],
                post.padded_min_bytes,
            )
            for post in posts
        ]
        if len(letters) == 1:
            one = letters[0]
            return [seal(one.draft, one.plaintext, one.recipients, signers, one.padded_min_bytes)]
        return seal_batch(letters, signers)

    async def _queue(self, parcels: Sequence[outbox.Parcel]) -> list[bytes]:
        if not parcels:
            return []
        keeping = self.keeping
        if keeping.dispatch.waiting + len(parcels) > self._limits.outbox_items_max:
            raise CapacityError("outbox", OUTBOX_RETRY_AFTER_S)
        size_bytes = sum(len(parcel.raw) + len(parcel.object) for parcel in parcels)
        placed = await keeping.journal.write(
            partial(outbox.put, parcels=parcels, at_ms=self._clock()), size_bytes, essential=False
        )
        keeping.dispatch.add(
            outbox.Due(place.sequence, parcel.kind, place.object_sha256, parcel.raw, parcel.urgency)
            for place, parcel in zip(placed, parcels, strict=True)
            if place.fresh
        )
        return [place.object_sha256 for place in placed]

    async def _connect(self, address: GatewayAddress) -> Wire:
        if urlsplit(address.url).scheme == SCHEME:
            return await connect_broker(
                address, self._broker_tls, self._identity.network, self._identity.authority, self._limits
            )
        return await connect(address, self._tls, self._limits)

    def _failed(self, error: LedgerError) -> None:
        if self._broken is not None and not self._broken.done():
            self._broken.set_result(error)
