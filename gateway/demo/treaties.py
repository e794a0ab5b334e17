"""The chapters in which authorities act in good faith: what the treaties allow, and what they do not."""

from typing import Any

import msgspec

from gateway.demo.story import WAIT_S, Story
from gateway.endpoint.words import (
    GiveConsent,
    QueryReport,
    QueryRequest,
    RevokeConsent,
    SendRequest,
    SentReport,
    Timeline,
)

# Drug cases under the CARICC instruments: the declarations that their clauses ask for.
CARICC_FORM: dict[str, bool | str] = {"affected.kz": True, "attest.neutrality": True, "ordinary-law": True}


async def czech_kazakh(story: Story) -> Timeline:
    """A request and its reply under the Czech-Kazakh agreement; the same for a purpose outside it."""
    story.narrator.chapter("A stolen car: the Czech-Kazakh agreement")
    request = await story.send(
        "cz-police",
        "kz-mvd",
        "Skoda Octavia, stolen in Brno: seen in Almaty?",
        agreement="cz-kz",
        kind="request",
        purposes=("detection",),
        subjects=("motor-vehicles",),
    )
    story.passes("cz-police > kz-mvd", "asks for help with a stolen car", request)
    delivered = await story.outcome("cz-police", request, "delivered")
    read = await story.opened("kz-mvd", request.sha256)
    story.narrator.line("kz-mvd", "decrypts it and signs that it arrived", delivered.state, b"Skoda" in read.body)
    reply = await story.send(
        "kz-mvd",
        "cz-police",
        "Found on 12 November; the driver was heard.",
        agreement="cz-kz",
        kind="reply",
        purposes=("detection",),
        subjects=("motor-vehicles",),
        in_reply_to=request.sha256,
    )
    story.passes("kz-mvd > cz-police", "replies", reply)
    outside = await story.send(
        "cz-police",
        "kz-mvd",
        "Is the owner behind with his taxes?",
        agreement="cz-kz",
        kind="request",
        purposes=("administrative",),
        subjects=("motor-vehicles",),
    )
    story.refused("cz-police > kz-mvd", "asks the same for a tax office", outside, "CZ-45")
    return request


async def third_party(story: Story) -> None:
    """Czech information passed on to CARICC: without consent, with it, after it was revoked."""
    story.narrator.chapter("A consignment of drugs: passing on what another State provided")
    drugs: dict[str, Any] = {"purposes": ("detection",), "subjects": ("narcotic-drugs",)}
    given = await story.send(
        "cz-police", "kz-mvd", "Lorry 4A2 1234 carries 80 kg of heroin.", agreement="cz-kz", kind="request", **drugs
    )
    story.passes("cz-police > kz-mvd", "provides information on a lorry", given)
    await story.outcome("cz-police", given, "delivered")
    onward: dict[str, Any] = {
        "agreement": "caricc-membership",
        "kind": "spontaneous",
        "sources": (given.sha256,),
        **drugs,
    }
    bare = await story.send("kz-mvd", "caricc", "A lorry, from the Czech police.", **onward)
    story.refused("kz-mvd > caricc", "passes it on without consent", bare, "CZ-33")
    consent = await story.desks["cz-police"].call(
        "consent",
        GiveConsent(
            grantee="kz-mvd",
            agreement="cz-kz",
            sources=(given.sha256,),
            recipients=("caricc",),
            purposes=("detection",),
            wait_s=WAIT_S,
        ),
        SentReport,
    )
    story.passes("cz-police", "signs a consent: this message, to caricc, for detection", consent.timeline)
    digest = consent.timeline.sha256
    allowed = await story.send("kz-mvd", "caricc", "A lorry, with Czech consent.", consents=(digest,), **onward)
    story.passes("kz-mvd > caricc", "passes it on with the Czech consent", allowed)
    revoked = await story.desks["cz-police"].call(
        "revoke", RevokeConsent(consent_sha256=digest, wait_s=WAIT_S), SentReport
    )
    story.passes("cz-police", "revokes the consent", revoked.timeline)
    late = await story.send("kz-mvd", "caricc", "The lorry again.", consents=(digest,), **onward)
    story.refused("kz-mvd > caricc", "passes it on once more", late, "CZ-33")


async def central_node(story: Story) -> None:
    """A query within the grant (hit, no-hit) and outside it."""
    story.narrator.chapter("At the border: CARICC asks the central node")
    record = msgspec.json.encode(
        {
            "database": "travel-documents",
            "changes": [{"action": "put", "number": "CZ 123 456 78", "type": "passport", "status": "STOLEN"}],
        }
    )
    stored = await story.send(
        "cz-police",
        "interpol-gs",
        record.decode(),
        agreement="interpol-membership",
        kind="record",
        purposes=("prevention",),
        database="travel-documents",
        form={
            "document.number": True,
            "document.type": "passport",
            "document.status": "stolen",
            "attest.neutrality": True,
        },
    )
    story.passes("cz-police > interpol-gs", "records a stolen passport", stored)
    await story.outcome("cz-police", stored, "delivered")
    for number, wanted in (("CZ12345678", "hit"), ("CZ00000001", "no-hit")):
        found = await _query(story, number, "travel-documents")
        answer = msgspec.json.decode(found.answer.body) if found.answer else {}
        hits = answer.get("hits", [])
        detail = f": {hits[0]['status']}, owner {hits[0]['owner']}" if hits else ""
        size = f"{len(found.answer.body)} bytes" if found.answer else "no answer"
        outcome = f"{answer.get('outcome', found.sent.timeline.state)}{detail} ({size})"
        story.narrator.line(
            "caricc > interpol-gs", f"searches passport {number}", outcome, answer.get("outcome") == wanted
        )
    outside = await _query(story, "4A21234", "vehicles")
    story.refused("caricc > interpol-gs", "searches the vehicles, without a grant", outside.sent.timeline, "CA-12")


async def _query(story: Story, number: str, database: str) -> QueryReport:
    request = SendRequest(
        recipients=("interpol-gs",),
        body=msgspec.json.encode({"number": number}),
        media_type="application/json",
        kind="query",
        agreement="caricc-2012",
        purposes=("prevention",),
        subjects=("narcotic-drugs",),
        database=database,
        form=CARICC_FORM,
    )
    return await story.desks["caricc"].call("query", QueryRequest(send=request, wait_s=WAIT_S), QueryReport)


async def armenia_moldova(story: Story) -> None:
    """One of the two is a party of 2018: the agreement of 2001 governs; and a label above a clearance."""
    story.narrator.chapter("A computer intrusion: Armenia is a party of 2018, Moldova is not")
    fields: dict[str, Any] = {
        "kind": "spontaneous",
        "purposes": ("detection",),
        "subjects": ("unauthorized-access",),
        "language": "ru",
    }
    newer = await story.send("am-police", "md-police", "Intrusion into a bank.", agreement="cis-2018", **fields)
    story.refused("am-police > md-police", "cites the agreement of 2018", newer, "C8-35")
    older = await story.send("am-police", "md-police", "Intrusion into a bank.", agreement="cis-2001", **fields)
    story.passes("am-police > md-police", "cites the agreement of 2001, which governs", older)
    asked: dict[str, Any] = {
        **fields,
        "kind": "request",
        "form": {f"element.{letter}": True for letter in "abcdef"},
        "schema": "request.v1",
    }
    text = msgspec.json.encode({letter: f"element {letter}" for letter in "abcdef"}).decode()
    unsigned = await story.send("am-police", "md-police", text, agreement="cis-2001", **asked)
    story.refused("am-police > md-police", "asks for help, nobody in charge has signed", unsigned, "C1-09")
    signed = await story.send(
        "am-police", "md-police", text, agreement="cis-2001", sign_as=("seal", "signatory"), **asked
    )
    story.passes("am-police > md-police", "asks again, signed by its head and sealed", signed)
    high = await story.send(
        "am-police", "md-police", "The informant.", agreement="cis-2001", level="confidential", **fields
    )
    story.refused("am-police > md-police", "marks it above md-police's clearance", high, "ACC-07")
