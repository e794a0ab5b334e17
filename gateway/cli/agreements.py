"""`accord agreements`: who is bound by what on a day, which instrument governs a pair, and who else is a partner."""

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from gateway.cli.failures import DATA_INVALID, REFUSED, CommandError
from gateway.cli.files import must_exist
from gateway.cli.init import AGREEMENTS
from gateway.cli.languages import LANGUAGE
from gateway.cli.moments import Moment, spelled

if TYPE_CHECKING:
    from gateway.policy.governing import Answer
    from gateway.policy.ground import Ground
    from gateway.policy.status import InstrumentStatus, PartyStatus
    from gateway.settings.partners import Partner

FILE = click.Path(dir_okay=False, path_type=Path)
FOLDER = click.Path(file_okay=False, path_type=Path)
# Beside the agreements, in a checkout and in an installation.
PARTNERS = AGREEMENTS.parent / "partners.toml"
AT = click.option("--at", "at_ms", type=Moment(), help="The day or moment [default: now].")
CONFIG = click.option("--config", type=FILE, help="gateway.toml: its edition and its agreements.")
DIRECTORY = click.option("--directory", "edition", type=FILE, help="An edition, or the directory.toml it is built of.")
LAW = click.option("--agreements", type=FOLDER, help="The folder of agreements [default: of --config, or beside].")
JSON = click.option("--json", "as_json", is_flag=True, help="Everything, for a program.")


@click.group()
def agreements() -> None:
    """Show who is bound by what on a day, and which instrument governs a pair."""


@agreements.command()
@AT
@CONFIG
@DIRECTORY
@LAW
@JSON
def status(
    at_ms: int | None, config: Path | None, edition: Path | None, agreements: Path | None, as_json: bool
) -> None:
    """Show every party of every instrument: since when and by which arithmetic, until when, what restricts it.

    Exit codes: 0, 65 bad input, 66 a file is missing.
    """
    from gateway.policy.status import status_at

    at_ms = _moment(at_ms)
    found = status_at(_ground(config, edition, agreements, at_ms), at_ms)
    if as_json:
        _print_json({"at_ms": at_ms, "instruments": found})
        return
    click.echo(f"on {spelled(at_ms)}")
    for instrument in found:
        _say_instrument(instrument)


@agreements.command()
@click.argument("first")
@click.argument("second")
@AT
@click.option("--kind", default="request", show_default=True, help="The kind of message.")
@click.option("--subject", "subjects", multiple=True, help="What it is about; may be repeated.")
@CONFIG
@DIRECTORY
@LAW
@LANGUAGE
@JSON
def governing(
    first: str,
    second: str,
    at_ms: int | None,
    kind: str,
    subjects: tuple[str, ...],
    config: Path | None,
    edition: Path | None,
    agreements: Path | None,
    language: str,
    as_json: bool,
) -> None:
    """Say which instrument governs FIRST and SECOND (parties or authorities), and of every other one why not.

    Exit codes: 0 one governs, 77 none does, 65 bad input, 66 a file is missing.
    """
    from gateway.policy.governing import Question, governing

    at_ms = _moment(at_ms)
    ground = _ground(config, edition, agreements, at_ms)
    for subject in subjects:
        _known(subject, ground.law.subjects, "subject")
    question = Question(_party(ground, first), _party(ground, second), _known(kind, _kinds(ground), "kind"), subjects)
    answers = governing(ground, question, at_ms, language)
    if as_json:
        _print_json({"at_ms": at_ms, "question": question, "answers": answers})
    else:
        about = f" about {', '.join(subjects)}" if subjects else ""
        click.echo(f"{question.first} and {question.second}, {kind}{about}, on {spelled(at_ms)}")
        for answer in answers:
            _say_answer(answer)
    raise SystemExit(0 if any(answer.governs for answer in answers) else REFUSED)


@agreements.command()
@click.option("--file", "path", type=FILE, default=PARTNERS, help="The register [default: the one that is shipped].")
@click.option("--parties", is_flag=True, help="Tables for directory.toml, of those whose class an operator stated.")
@JSON
def partners(path: Path, parties: bool, as_json: bool) -> None:
    """List the partners with whom INTERPOL has agreements, as a secondary source prints them (LIST)."""
    from gateway.domain.errors import ConfigurationError
    from gateway.settings.partners import party_tables, read_partners

    must_exist(path)
    try:
        found = read_partners(path)
    except ConfigurationError as error:
        raise CommandError(error.what, error.remedy, DATA_INVALID) from None
    if parties:
        click.echo(party_tables(found), nl=False)
        return
    if as_json:
        _print_json(found)
        return
    click.echo(f"{len(found.partners)} partners; source: {found.source} ({found.page}); a class is an operator's word")
    for partner in found.partners:
        _say_partner(partner)


def _moment(at_ms: int | None) -> int:
    from gateway.app.clock import wall_ms

    return wall_ms() if at_ms is None else at_ms


def _ground(config: Path | None, edition: Path | None, agreements: Path | None, at_ms: int) -> "Ground":
    from gateway.app.legal_ground import read_ground
    from gateway.domain.errors import ConfigurationError

    if (config is None) == (edition is None):
        raise click.UsageError("give either --config or --directory")
    try:
        directory, folder = _files(config, edition)
        must_exist(directory, agreements or folder)
        return read_ground(directory, agreements or folder, at_ms)
    except ConfigurationError as error:
        raise CommandError(error.what, error.remedy, DATA_INVALID) from None


def _files(config: Path | None, edition: Path | None) -> tuple[Path, Path]:
    from gateway.settings.directory import DirectorySource
    from gateway.settings.gateway import GatewaySettings
    from gateway.settings.source import load

    if config is not None:
        must_exist(config)
        settings = load(config, GatewaySettings).values
        return Path(settings.directory.edition_file), Path(settings.law.agreements_folder)
    assert edition is not None
    must_exist(edition)
    if edition.suffix == ".toml":
        return edition, Path(load(edition, DirectorySource).values.law.agreements_folder)
    beside = edition.resolve().parent.parent.parent / "agreements"
    return edition, beside if beside.is_dir() else AGREEMENTS


def _party(ground: "Ground", name: str) -> str:
    directory = ground.directory
    if name in directory.authorities:
        return directory.authorities[name].party
    return _known(name, (*directory.parties, *directory.authorities), "party or authority", directory.parties)


def _kinds(ground: "Ground") -> set[str]:
    """Every kind that some clause of the law names."""
    clauses = [clause for agreement in ground.agreements.values() for clause in agreement.clauses]
    named = {kind for clause in clauses for kind in clause.kinds}
    return named | {kind for clause in clauses if clause.__struct_config__.tag == "kinds" for kind in _allowed(clause)}


def _allowed(clause: Any) -> tuple[str, ...]:
    return tuple(clause.allowed)


def _known(name: str, known: Iterable[str], what: str, listed: Iterable[str] | None = None) -> str:
    names = sorted(known)
    if name not in names:
        near = difflib.get_close_matches(name, names, 1, 0.6)
        remedy = f"did you mean `{near[0]}`?" if near else f"known: {', '.join(sorted(listed or names))}"
        raise CommandError(f"there is no {what} `{name}`", remedy, DATA_INVALID)
    return name


def _say_instrument(instrument: "InstrumentStatus") -> None:
    click.echo(f"\n{instrument.agreement}: {instrument.title}")
    for note in instrument.notes:
        click.echo(f"  {note}")
    for party in instrument.parties:
        _say_party(party)


def _say_party(party: "PartyStatus") -> None:
    click.echo(f"  {party.party:<10} {party.state:<13} {party.since or '-':<10}  {party.since_by}")
    lines = [f"until {party.until}: {party.until_by}"] if party.until else []
    for window in party.suspended:
        scope = ", ".join((*window.kinds, *window.subjects)) or "in full"
        verb = "suspended" if window.in_effect else "suspension, not in effect,"
        lines.append(f"{verb} from {window.since} to {window.until or 'its revocation'}, {scope}: {window.by}")
    lines += [f"reservation {code}" for code in party.reservations]
    lines += [f"accepted {', '.join(party.accepted)}"] if party.accepted else []
    for line in (*lines, *party.notes):
        click.echo(f"  {'':<10} {line}")


def _say_answer(answer: "Answer") -> None:
    click.echo(f"\n{'governs' if answer.governs else 'not'}: {answer.agreement} ({answer.title})")
    for reason in answer.why_not:
        detail = f" [{reason.detail}]" if reason.detail else ""
        click.echo(f"  {reason.code}{detail}: {reason.sentence}")
        click.echo(f"    {reason.article} (rule {reason.rule}, {reason.basis})")
    for note in answer.notes:
        click.echo(f"  note: {note}")


def _say_partner(partner: "Partner") -> None:
    stated = f"{partner.kind}, stated by {partner.stated_by}" if partner.kind else "no class stated"
    click.echo(f"\n{partner.id}: {stated}; page: {partner.category}")
    for entry in partner.entries:
        flags = ", ".join((*entry.capabilities, *entry.databases))
        click.echo(f"  {entry.place:>2}. {entry.printed}{f' [{flags}]' if flags else ''}")


def _print_json(found: Any) -> None:
    click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
