"""What a person does with an endpoint: send, read, look, settle. The command line and the local interface end here."""

import asyncio
from collections.abc import Callable

from msgspec.structs import replace

from gateway.crypto.canonical import decode
from gateway.crypto.digests import encode_base64url
from gateway.crypto.sealing import Draft, message_id
from gateway.domain.errors import ConfigurationError, FormatError, TrustError
from gateway.domain.label import Label
from gateway.domain.message import Header
from gateway.domain.statement import Consent, ConsentRevocation
from gateway.endpoint import evidence, inbox, outbox, proofs
from gateway.endpoint.client import Endpoint, Post, SentMessage
from gateway.endpoint.contents import unchecked
from gateway.endpoint.inbox import Stored
from gateway.endpoint.naming import digest_of
from gateway.endpoint.timeline import timeline
from gateway.endpoint.words import (
    AlarmLine,
    AlarmsReport,
    Done,
    FailedReceipt,
    GiveConsent,
    Health,
    InboxLine,
    InboxReport,
    Named,
    Nothing,
    OpenedReport,
    OpenRequest,
    Page,
    Proof,
    QueryReport,
    QueryRequest,
    ReceiptLine,
    ReceiptsReport,
    RevokeConsent,
    SeenHead,
    SeenReport,
    SendRequest,
    SentReport,
    SettleRequest,
    Timeline,
    VerifiedReport,
)

# After its greeting an honest gateway tells at once what it owes; this long without a word, and it has.
QUIET_S = 0.3
QUIET_LOOK_S = 0.05
CONSENT_LIFETIME_MS = 30 * 24 * 3_600_000


class Office:
    """Every operation on one endpoint; `central` is whom a query asks that names nobody."""

    def __init__(self, endpoint: Endpoint, central: str | None, clock: Callable[[], int]) -> None:
        """Work for `endpoint`, at the time that `clock` tells."""
        self._endpoint = endpoint
        self._central = central
        self._clock = clock

    # Sending.

    async def send(self, request: SendRequest) -> SentReport:
        """Send a message; return once it is durable, or once it is answered if that comes in time.

        Raises:
            GatewayError: as `Endpoint.send`.
        """
        await self._directory(request.wait_s)
        sent = await self._endpoint.send(self._post(request))
        return await self._report(sent, request.wait_s)

    async def consent(self, request: GiveConsent) -> SentReport:
        """Sign a consent and send it."""
        at_ms = self._clock()
        begins = at_ms if request.not_before_ms is None else request.not_before_ms
        value = Consent(
            v=1,
            network=self._endpoint.network,
            id=message_id(at_ms),
            provider=self._endpoint.authority,
            grantee=request.grantee,
            agreement=request.agreement,
            sources=_sorted(tuple(self._cited(name) for name in request.sources)),
            recipients=_sorted(request.recipients),
            purposes=_sorted(request.purposes),
            conditions=_sorted(request.conditions),
            not_before_ms=begins,
            not_after_ms=begins + CONSENT_LIFETIME_MS if request.not_after_ms is None else request.not_after_ms,
            uses_max=request.uses_max,
            issued_at_ms=at_ms,
        )
        return await self._report(await self._endpoint.state("consent", value), request.wait_s)

    async def revoke(self, request: RevokeConsent) -> SentReport:
        """Sign the revocation of a consent and send it."""
        if digest_of(request.consent_sha256) is None:
            raise FormatError("a consent is named by the digest that `accord consent give` printed")
        value = ConsentRevocation(
            v=1,
            network=self._endpoint.network,
            provider=self._endpoint.authority,
            consent_sha256=request.consent_sha256,
            at_ms=self._clock(),
        )
        return await self._report(await self._endpoint.state("consent-revocation", value), request.wait_s)

    async def query(self, request: QueryRequest) -> QueryReport:
        """Ask a database; return the answer, or how far the query has come."""
        asked = request.send.recipients or ((self._central,) if self._central else ())
        if len(asked) != 1:
            raise ConfigurationError("nobody is named to ask", "set `central` in endpoint.toml, or give --to")
        began = asyncio.get_running_loop().time()
        sent = await self.send(replace(request.send, recipients=asked, kind="query", wait_s=request.wait_s))
        digest = digest_of(sent.timeline.sha256)
        answer = None
        if sent.timeline.state not in ("refused", "declined") and digest is not None:
            left_s = max(0.0, request.wait_s - (asyncio.get_running_loop().time() - began))
            answer = await self._endpoint.reply_to(digest, asked[0], left_s)
        opened = None if answer is None else await self.open(OpenRequest(encode_base64url(answer.header_sha256)))
        return QueryReport(replace(sent, timeline=self._timeline(sent.timeline.sha256)), opened)

    # Looking.

    async def status(self, request: Named) -> Timeline:
        """Return the timeline of something we sent.

        Raises:
            FormatError: we sent nothing of this name.
        """
        digest = self._sent(request.name).object_sha256
        await self._quiet(request.wait_s)
        return self._timeline(encode_base64url(digest))

    async def inbox(self, page: Page) -> InboxReport:
        """List messages for us."""
        await self._quiet(page.wait_s)
        rows = inbox.newest(self._endpoint.keeping.journal, page.limit, not page.everything)
        return InboxReport(tuple(_line(row) for row in rows), self._health())

    async def open(self, request: OpenRequest) -> OpenedReport:
        """Open a message for us.

        Raises:
            FormatError: there is none of this name, or its body is not here any more.
        """
        row = self._received(request.name)
        message = self._endpoint.keeping.reopen(row)
        if request.handed_over:
            await self._endpoint.handed_over([message])
            row = self._received(request.name)
        return OpenedReport(_line(row), row.header.decode(), message.plaintext, unchecked(message.header))

    async def destroy(self, request: Named) -> Done:
        """Destroy the body of a message for us, and sign that for its originator."""
        row = self._received(request.name)
        at_ms = self._clock()
        keeping = self._endpoint.keeping
        done = await keeping.journal.write(lambda one: inbox.destroy(one, row.header_sha256, at_ms))
        keeping.acknowledging.wake.set()
        await self._quiet(request.wait_s)
        return Done(done)

    async def receipts(self, page: Page) -> ReceiptsReport:
        """List receipts of what we sent."""
        await self._quiet(page.wait_s)
        rows = outbox.newest(self._endpoint.keeping.journal, page.limit)
        lines = [
            ReceiptLine(
                id=row.id,
                sha256=encode_base64url(row.object_sha256),
                kind=row.kind,
                permitted=bool(row.permitted),
                ledger=row.origin or "",
                ledger_index=row.ledger_index or 0,
                receipted_at_ms=row.receipted_at_ms or 0,
            )
            for row in rows
            if row.receipt is not None
        ]
        return ReceiptsReport(tuple(lines), self._health())

    async def verify(self, page: Page) -> VerifiedReport:
        """Verify the receipts that we hold once more, under the directory in force."""
        keeping = self._endpoint.keeping
        verified, failed = 0, []
        for row in outbox.newest(keeping.journal, page.limit):
            if row.receipt is None:
                continue
            try:
                proofs.answer(
                    row.receipt,
                    row.object_sha256,
                    row.kind == "message",
                    bool(row.permitted),
                    keeping.editions,
                    self._endpoint.network,
                )
                verified += 1
            except TrustError as error:
                failed.append(FailedReceipt(row.id, str(error)))
        return VerifiedReport(verified, tuple(failed), self._health())

    async def receipt(self, request: Named) -> Proof:
        """Return the receipt of something that we sent or were sent, for whoever must be convinced.

        Raises:
            FormatError: there is none.
        """
        journal, digest = self._endpoint.keeping.journal, digest_of(request.name)
        sent = outbox.find(journal, request.name, digest)
        if sent is not None and sent.receipt is not None:
            return Proof(sent.id, sent.receipt, sent.object)
        received = inbox.find(journal, request.name, digest)
        if received is not None:
            return Proof(received.id, received.receipt, received.header)
        raise FormatError(f"there is no receipt for `{request.name}` here")

    async def health(self, _: Nothing) -> Health:
        """Return how the endpoint is."""
        return self._health()

    # Alarms.

    async def alarms(self, page: Page) -> AlarmsReport:
        """List what was found false."""
        rows = self._endpoint.keeping.alarms.rows(page.limit, only_open=not page.everything)
        return AlarmsReport(
            tuple(
                AlarmLine(
                    number=row.number,
                    kind=row.kind,
                    gateway=row.origin,
                    detail=row.detail,
                    latching=row.latching,
                    at_ms=row.at_ms,
                    settled_at_ms=row.settled_at_ms,
                    settled_because=row.settled_because,
                )
                for row in rows
            )
        )

    async def seen(self, _: Nothing) -> SeenReport:
        """Say how far every gateway's ledger had come when it last showed us."""
        heads = evidence.newest_heads(self._endpoint.keeping.journal)
        lines = tuple(SeenHead(head.origin, head.size, head.note.decode()) for head in heads)
        return SeenReport(self._endpoint.authority, lines)

    async def settle(self, request: SettleRequest) -> Done:
        """End an alarm: the operator has looked, compared, and takes it upon the authority."""
        keeping = self._endpoint.keeping
        done = await keeping.alarms.settle(request.number, request.because, self._clock())
        keeping.forget_chains()
        return Done(done)

    # Inside.

    def _post(self, request: SendRequest) -> Post:
        at_ms = self._clock()
        name = request.id or message_id(at_ms)
        # The millisecond in an id is that of sending (wire.md, "Header fields").
        sent_at_ms = at_ms if request.id is None else int(name[:8] + name[9:13], 16)
        draft = Draft(
            network=self._endpoint.network,
            suite=request.suite,
            id=name,
            originator=self._endpoint.authority,
            kind=request.kind,
            agreement=request.agreement,
            purposes=request.purposes,
            subjects=request.subjects,
            label=Label(
                level=request.level,
                handling=request.handling,
                third_party=request.third_party,
                personal_data=request.personal_data,
                special_categories=request.special_categories,
                necessity=request.necessity,
                confidential_fact=request.confidential_fact,
            ),
            urgency=request.urgency,
            sent_at_ms=sent_at_ms,
            expires_at_ms=sent_at_ms + request.lifetime_s * 1_000,
            destroy_by_ms=request.destroy_by_ms,
            case=request.case,
            in_reply_to=None if request.in_reply_to is None else self._cited(request.in_reply_to),
            sources=tuple(self._cited(name) for name in request.sources),
            consents=request.consents,
            conditions=request.conditions,
            database=request.database,
            language=request.language,
            form=request.form,
            media_type=request.media_type,
            schema=request.schema,
        )
        return Post(draft, request.body, request.recipients, sign_as=request.sign_as)

    async def _directory(self, wait_s: float) -> None:
        """The very first message needs the recipients' keys: then a connection has to be there first."""
        if self._endpoint.keeping.editions.current is None:
            await self._endpoint.link.until_connected(wait_s)

    async def _report(self, sent: SentMessage, wait_s: float) -> SentReport:
        if wait_s:
            await self._endpoint.answered(sent.sha256, wait_s)
        return SentReport(self._timeline(encode_base64url(sent.sha256)), self._health())

    def _timeline(self, name: str) -> Timeline:
        row = self._sent(name)
        outcomes = evidence.outcomes(self._endpoint.keeping.journal, row.object_sha256)
        return timeline(row, outcomes, self._clock(), self._grace_ms())

    def _grace_ms(self) -> int:
        return int(self._endpoint.keeping.limits.outcome_grace_s * 1_000)

    def _cited(self, name: str) -> str:
        """Return the digest of a message that is here under `name`; a digest stands for itself."""
        if digest_of(name) is not None:
            return name
        journal = self._endpoint.keeping.journal
        received, sent = inbox.find(journal, name, None), outbox.find(journal, name, None)
        if received is None and sent is None:
            raise FormatError(f"there is no message `{name}` here to cite; give its digest")
        found = received.header_sha256 if received is not None else sent.object_sha256 if sent is not None else b""
        return encode_base64url(found)

    def _sent(self, name: str) -> outbox.Sent:
        row = outbox.find(self._endpoint.keeping.journal, name, digest_of(name))
        if row is None:
            raise FormatError(f"nothing was sent here under the name `{name}`")
        return row

    def _received(self, name: str) -> Stored:
        row = inbox.find(self._endpoint.keeping.journal, name, digest_of(name))
        if row is None:
            raise FormatError(f"there is no message `{name}` here")
        return row

    async def _quiet(self, wait_s: float) -> None:
        """Give the gateway time to tell what it owes, at most `wait_s`."""
        link, loop = self._endpoint.link, asyncio.get_running_loop()
        end_s = loop.time() + wait_s
        if not wait_s or not await link.until_connected(wait_s):
            return
        while loop.time() < end_s:
            session = link.session
            quiet = session is None or (session.idle and loop.time() - session.heard_ms / 1_000 > QUIET_S)
            if quiet and not inbox.count_owed(self._endpoint.keeping.journal):
                return
            await asyncio.sleep(QUIET_LOOK_S)

    def _health(self) -> Health:
        link, keeping = self._endpoint.link, self._endpoint.keeping
        # One gateway under an alarm is told even while another one serves.
        alarm = self._endpoint.alarm or next(
            (found for address in self._endpoint.gateways if (found := keeping.alarms.blocking(address.origin))), None
        )
        return Health(
            authority=self._endpoint.authority,
            network=self._endpoint.network,
            connected=link.connected,
            gateway=link.gateway.origin if link.gateway else None,
            failure=str(link.failure) if link.failure else None,
            alarm=f"{alarm.kind}: {alarm.detail}" if alarm else None,
            edition=keeping.editions.number,
            unanswered=outbox.waiting(keeping.journal),
            unread=inbox.unread(keeping.journal),
            acknowledgements_owed=inbox.count_owed(keeping.journal),
            withheld=keeping.withheld,
            outcomes_owed=outbox.outcomes_owed(keeping.journal, self._clock() - self._grace_ms()),
        )


def _sorted(values: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(values)))


def _line(row: Stored) -> InboxLine:
    header = decode(row.header, Header)
    return InboxLine(
        id=row.id,
        sha256=encode_base64url(row.header_sha256),
        originator=row.originator,
        kind=row.kind,
        agreement=header.agreement,
        level=header.label.level,
        urgency=header.urgency,
        media_type=header.body.media_type,
        in_reply_to=header.in_reply_to,
        status=row.status,
        received_at_ms=row.received_at_ms,
        handed_over_at_ms=row.handed_over_at_ms,
        destroyed_at_ms=row.destroyed_at_ms,
    )
