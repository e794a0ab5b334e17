"""How a command asks an endpoint: its options, the running endpoint or one of its own, and the end of it.

Exit codes: 0 done, 65 what a gateway says does not hold (or an alarm is open), 69 no gateway reachable, 75 durable but
not answered yet, 77 refused by policy, 78 configuration.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec
from msgspec import Struct

from gateway.cli.failures import DATA_INVALID, REFUSED, TRY_AGAIN, UNAVAILABLE
from gateway.cli.moments import Moment
from gateway.endpoint.words import Health, SendRequest, SentReport

Report = TypeVar("Report", bound=Struct)
Found = TypeVar("Found")
Command = TypeVar("Command", bound=Callable[..., Any])

LEVELS = click.Choice(["open", "restricted", "confidential", "secret", "top-secret"])
UNITS_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400}


class Duration(click.ParamType[int]):
    """`90s`, `30m`, `12h`, `3d`: seconds."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Return seconds, or explain the spelling."""
        if isinstance(value, int):
            return value
        text = str(value)
        if not text[:-1].isdigit() or text[-1] not in UNITS_S:
            self.fail(f"`{text}` is no duration; write 30m, 12h or 3d", param, ctx)
        return int(text[:-1]) * UNITS_S[text[-1]]


def takes_config(command: Command) -> Command:
    """Let a command be told which endpoint it is for."""
    return click.option(
        "--config",
        type=click.Path(dir_okay=False, path_type=Path),
        envvar="ACCORD_ENDPOINT",
        default=Path("endpoint.toml"),
        show_default=True,
        help="The endpoint's settings; also ACCORD_ENDPOINT.",
    )(command)


def takes_config_too(command: Command) -> Command:
    """Let a command of a group be told its own endpoint; by default it is the group's."""
    return click.option(
        "--config",
        type=click.Path(dir_okay=False, path_type=Path),
        callback=lambda ctx, _, value: value or ctx.obj,
        help="The endpoint's settings.",
    )(command)


def takes_json(command: Command) -> Command:
    """Let a command print what it found as JSON."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON.")(command)


def takes_wait(command: Command) -> Command:
    """Let a command be told how long to wait for the gateway."""
    return click.option(
        "--wait",
        "wait_s",
        type=click.FloatRange(0, 3_600),
        default=10.0,
        show_default=True,
        help="Seconds to wait for the gateway; 0 shows what is here.",
    )(command)


# Name of the option, field of `SendRequest`, help. Each may be given several times.
_LISTS = (
    ("--purpose", "purposes", "What it may be used for."),
    ("--subject", "subjects", "An offence it concerns."),
    ("--handling", "handling", "A handling code."),
    ("--special-category", "special_categories", "A special category of personal data in it."),
    ("--source", "sources", "A message whose information it passes on: id or digest."),
    ("--consent", "consents", "The digest of a consent it rests on."),
    ("--condition", "conditions", "A condition on its use."),
)


def describes_message(command: Command) -> Command:
    """Give a command the options that describe a message; they arrive as fields of `SendRequest`."""
    options: list[Callable[[Any], Any]] = [
        click.option("--to", "recipients", multiple=True, help="A recipient; may be given several times."),
        click.option("--agreement", required=True, help="The instrument it is sent under, such as cz-kz."),
        *(click.option(name, field, multiple=True, help=text) for name, field, text in _LISTS),
        click.option("--level", type=LEVELS, default="restricted", show_default=True, help="How confidential it is."),
        click.option(
            "--third-party",
            type=click.Choice(["permitted", "consent-required", "prohibited"]),
            default="consent-required",
            show_default=True,
            help="May the recipient pass it on?",
        ),
        click.option("--personal-data", is_flag=True, help="It holds personal data."),
        click.option("--necessity", help="Why special categories are needed (code)."),
        click.option("--confidential-fact", is_flag=True, help="Even that it was sent is confidential."),
        click.option(
            "--urgency",
            type=click.Choice(["flash", "urgent", "routine"]),
            default="routine",
            show_default=True,
            help="What is more urgent goes first.",
        ),
        click.option("--expires-in", "lifetime_s", type=Duration(), default="3d", show_default=True, help="Its life."),
        click.option("--destroy-by", "destroy_by_ms", type=Moment(), help="When it must be destroyed."),
        click.option("--case", help="The digest of the case it belongs to."),
        click.option("--in-reply-to", help="The message it answers: id or digest."),
        click.option("--language", default="en", show_default=True, help="The language of the body."),
        click.option("--form", "form_items", multiple=True, help="A key of the form: KEY, KEY=false or KEY=CODE."),
        click.option("--suite", type=click.Choice(["1", "2"]), default="2", show_default=True, help="2 is hybrid."),
        click.option(
            "--sign-as",
            "sign_as",
            multiple=True,
            type=click.Choice(["seal", "signatory"]),
            help="A further signature, where a rule of form asks for it.",
        ),
        click.option("--id", "id", help="A UUIDv7 of your own: sent once, however often you ask."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def request_of(body: bytes, kind: str, fields: dict[str, Any]) -> SendRequest:
    """Return the request that the options describe.

    Raises:
        click.UsageError: a value is not what its field takes.
    """
    items = [item.partition("=") for item in fields.pop("form_items")]
    truths = {"": True, "true": True, "false": False}
    form = {key: truths.get(code, code) for key, _, code in items}
    suite = int(fields.pop("suite"))
    try:
        return msgspec.convert(
            {**fields, "kind": kind, "suite": suite, "form": form, "body": body}, SendRequest, builtin_types=(bytes,)
        )
    except msgspec.ValidationError as error:
        raise click.UsageError(str(error).lower()) from None


def takes_via(command: Command) -> Command:
    """Let a command be told by which of its gateways it goes, or through which broker."""
    return click.option(
        "--via", metavar="URL", help="Only this address of [[gateways]]: https://host:port, or a broker: mqtts://…"
    )(command)


def ask(
    config: Path,
    operation: str,
    request: Struct,
    gives: type[Report],
    *,
    connect: bool = True,
    via: str | None = None,
) -> Report:
    """Have one operation carried out and return its report.

    Raises:
        GatewayError: what stands in the way.
    """
    from gateway.app.endpoint import open_desk

    async def one() -> Report:
        async with open_desk(config, connect=connect, via=via) as desk:
            return await desk.call(operation, request, gives)

    return run(one())


def run(work: Awaitable[Found]) -> Found:
    """Run `work` to its end on a loop of its own."""

    async def whole() -> Found:
        return await work

    return asyncio.run(whole())


def warn(health: Health) -> None:
    """Say on standard error what keeps a report from being the whole truth."""
    if health.alarm is not None:
        click.echo(f"accord: alarm, nothing from there is trusted any more: {health.alarm}", err=True)
        click.echo("  remedy: keep the data directory, compare with others, then accord endpoint settle", err=True)
    elif health.withheld:
        click.echo(f"accord: {health.withheld} stay here: their marking may not travel through a broker", err=True)
        click.echo("  remedy: connect to the gateway itself: an https:// address in [[gateways]]", err=True)
    elif not health.connected and health.failure is not None:
        click.echo(f"accord: not connected: {health.failure}", err=True)
        click.echo("  remedy: it is tried again by itself; `accord check --connect URL` says more", err=True)


def end(health: Health, code: int = 0) -> None:
    """End a command that showed what is here: an open alarm is more than what it showed.

    Raises:
        click.exceptions.Exit: with 65 under an alarm, else with `code` unless that is 0.
    """
    warn(health)
    chosen = DATA_INVALID if health.alarm is not None else code
    if chosen:
        raise click.exceptions.Exit(chosen)


def code_of(report: SentReport) -> int:
    """Return how a command ends that sent something and waited for its answer."""
    state = report.timeline.state
    if state == "refused":
        return REFUSED
    if state == "declined":
        return DATA_INVALID
    if report.timeline.ledger is not None:
        return 0
    return TRY_AGAIN if report.health.connected or report.health.failure is None else UNAVAILABLE
