"""`accord policy test`: cases that a lawyer wrote, judged by the law as it is loaded (docs/policy-tests.md).

Exit codes: 0 every case came out as it should, 65 one did not or a file is malformed, 66 there is no such file.
"""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec
from msgspec import Struct

from gateway.cli.failures import DATA_INVALID, INPUT_MISSING, CommandError
from gateway.cli.init import AGREEMENTS
from gateway.cli.languages import LANGUAGE
from gateway.cli.moments import spelled

if TYPE_CHECKING:
    from gateway.policy.trial import Outcome

# Beside the agreements, in a checkout and in an installation.
POLICY_TESTS = AGREEMENTS.parent / "policy-tests"


class FileReport(Struct, frozen=True):
    """What came of one file."""

    file: str
    title: str
    cases: tuple["Outcome", ...]


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path))
@click.option("--agreements", type=click.Path(file_okay=False, path_type=Path), help="The folder of agreements.")
@LANGUAGE
@click.option("--json", "as_json", is_flag=True, help="Everything, reasons and flags of every case included.")
def test(files: tuple[Path, ...], agreements: Path | None, language: str, as_json: bool) -> None:
    """Judge the cases in FILES (TOML; a folder means all files in it), or those that are shipped.

    Exit codes: 0 all as expected, 65 a case failed or a file is malformed, 66 no such file.
    """
    reports = run(files or (POLICY_TESTS,), agreements or AGREEMENTS, language)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(reports), indent=2).decode())
    else:
        for report in reports:
            _say(report)
        _sum_up(reports)
    failed = any(not case.passed for report in reports for case in report.cases)
    raise SystemExit(DATA_INVALID if failed else 0)


def run(files: tuple[Path, ...], agreements: Path, language: str = "en") -> tuple[FileReport, ...]:
    """Return what came of every case.

    Raises:
        CommandError: no such file, or one is malformed.
    """
    from gateway.app.directory import read_law_folder
    from gateway.app.policy_cases import run_file
    from gateway.app.policy_files import case_files
    from gateway.domain.errors import ConfigurationError

    try:
        paths = tuple(case_files(files))
        law = read_law_folder(agreements)
        return tuple(FileReport(str(path), *run_file(path, law, language)) for path in paths)
    except FileNotFoundError as error:
        raise CommandError(
            f"there is no `{error.filename}`", "give files of policy tests, or their folder", INPUT_MISSING
        ) from None
    except ConfigurationError as error:
        raise CommandError(error.what, error.remedy, DATA_INVALID) from None


def _say(report: FileReport) -> None:
    """Print a table to a person at a terminal, and one line a case to everything else."""
    if sys.stdout.isatty():
        _draw(report)
        return
    click.echo(f"{report.title} ({report.file})")
    for case in report.cases:
        click.echo(f"  {'ok  ' if case.passed else 'FAIL'}  {case.title}")
        for line in _remarks(case):
            click.echo(f"          {line}")


def _draw(report: FileReport) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table(title=escape(f"{report.title} ({report.file})"), title_justify="left", expand=True)
    table.add_column("", width=4)
    table.add_column("case", ratio=3)
    table.add_column("expected", ratio=1)
    table.add_column("came out", ratio=3)
    for case in report.cases:
        mark = "[green]ok[/]" if case.passed else "[bold red]FAIL[/]"
        remarks = _remarks(case) or [_came_out(case)]
        table.add_row(mark, escape(case.title), escape(_expected(case)), escape("\n".join(remarks)))
    Console().print(table)


def _expected(case: "Outcome") -> str:
    return "permit" if case.expected is None else f"refused by {', '.join(case.expected)}"


def _came_out(case: "Outcome") -> str:
    refused = ", ".join(dict.fromkeys(reason.rule for reason in case.reasons))
    flagged = ", ".join(dict.fromkeys(flag.rule for flag in case.flags))
    outcome = "permitted" if case.permitted else f"refused by {refused}"
    return f"{outcome}, flagged by {flagged}" if flagged else outcome


def _remarks(case: "Outcome") -> list[str]:
    """Say what is wrong, with every reason; of a case that came out well only flags that nobody asked about."""
    lines = [f"! {wrong}" for wrong in case.wrong]
    if not case.passed:
        lines.append(f"on {spelled(case.at_ms)} it is {_came_out(case)}")
        for reason in (*case.reasons, *case.flags):
            detail = f" [{reason.detail}]" if reason.detail else ""
            lines.append(f"{reason.rule} {reason.code}{detail}: {reason.sentence} {reason.article} ({reason.basis})")
    if case.unexpected:
        lines.append(f"also flagged: {', '.join(case.unexpected)}")
    return lines


def _sum_up(reports: tuple[FileReport, ...]) -> None:
    cases = [case for report in reports for case in report.cases]
    failed = sum(not case.passed for case in cases)
    click.echo(f"{len(cases)} cases in {len(reports)} files, {failed or 'none'} failed")
