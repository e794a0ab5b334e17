"""The chapters in which somebody does what no honest endpoint does."""

from pathlib import Path

from gateway.crypto.receipt import recorded_reasons
from gateway.demo.effects import Effects, effects
from gateway.demo.rude import RudeClient, tampered
from gateway.demo.story import Story, refused_for
from gateway.domain.errors import PeerError
from gateway.domain.session import Answer


def _client(story: Story, authority: str) -> RudeClient:
    federation = story.federation
    edition = Path(federation.settings().directory.edition_file)
    return RudeClient(federation.endpoint_file(authority), edition)


async def attacks(story: Story) -> None:
    """A tampered envelope, a replay, a sender whose TLS identity is not the originator."""
    narrator = story.narrator
    narrator.chapter("Somebody with stolen files and bad intentions")
    czech, moldovan = _client(story, "cz-police"), _client(story, "md-police")
    honest = czech.envelope("kz-mvd")

    (answer,) = await czech.submit([tampered(honest)])
    narrator.line(
        "cz-police > kz-mvd", "sends an envelope with one bit changed", _said(answer), answer.kind == "invalid"
    )

    before = await effects(story.federation)
    first, second = await czech.submit([honest, honest])
    (third,) = await czech.submit([honest])
    after = await effects(story.federation)
    once = Effects(*(now - then for now, then in zip(after, before, strict=True)))
    same = first.body == second.body == third.body and third.kind == "receipt"
    narrator.line(
        "cz-police > kz-mvd",
        "replays an envelope twice",
        f"{'the same receipt, byte for byte' if same else 'other receipts'};"
        f" of three, {once.committed} committed, {once.delivered} delivered, {once.acknowledged} acknowledged",
        same and once == (1, 1, 1),
    )

    try:
        (stolen,) = await moldovan.submit([czech.envelope("kz-mvd")])
        reasons = recorded_reasons(stolen.body)
        narrator.line(
            "md-police > kz-mvd",
            "sends a Czech envelope over its own TLS",
            f"{refused_for(reasons)}; recorded against {reasons[-1].detail}" if reasons else _said(stolen),
            bool(reasons) and (reasons[0].code, reasons[-1].detail) == ("originator-mismatch", "md-police"),
        )
    except PeerError as error:
        narrator.line("md-police > kz-mvd", "sends a Czech envelope over its own TLS", str(error), False)


def _said(answer: Answer) -> str:
    return f"{answer.kind}: {answer.detail or answer.code}" if answer.kind != "receipt" else "a receipt"
