"""`accord policy coverage`: every rule of the register, in force, recorded, supported or open, and what shows it.

Exit codes: 0 no rule to enforce on admission or routing is open, and nothing is claimed that cannot be found; else 65.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from gateway.cli.failures import DATA_INVALID, CommandError
from gateway.cli.init import AGREEMENTS
from gateway.cli.policy_test import POLICY_TESTS, run

if TYPE_CHECKING:
    from gateway.app.coverage import Row

REGISTER = AGREEMENTS.parent / "rules.toml"
HEADINGS = {
    "caricc-2012": "INTERPOL and CARICC, 2012 (S-20)",
    "cz-kz": "Czech Republic and Kazakhstan (S-21)",
    "list": "The list of INTERPOL's agreements (S-24)",
    "cis-2018": "CIS, 2018 (S-22)",
    "cis-2001": "CIS, 2001 (S-23)",
    "traps": "Traps in the texts",
}
# On docs/sources.md everything below the line that begins so is printed from the register.
MARKER = "<!-- From here on printed by `accord policy coverage"
STATUSES = ("in force", "recorded", "supported", "open")


@click.command()
@click.option("--agreements", type=click.Path(file_okay=False, path_type=Path), help="The folder of agreements.")
@click.option("--json", "as_json", is_flag=True, help="Every rule with everything that shows it.")
@click.option("--markdown", is_flag=True, help="The tables of docs/sources.md.")
@click.option("--into", "page", type=click.Path(dir_okay=False, path_type=Path), help="Print them into this page anew.")
def coverage(agreements: Path | None, as_json: bool, markdown: bool, page: Path | None) -> None:
    """Show what becomes of every rule of the five texts: its code and its policy tests.

    Exit codes: 0 no rule to enforce on admission or routing is open, 65 one is, or something claimed cannot be found.
    """
    rows, unknown = covered(agreements or AGREEMENTS)
    faults = [*unknown, *(f"{row.id}: {fault}" for row in rows for fault in row.faults)]
    faults += [f"{row.id}: is to be enforced on {row.concerns} and is {row.status}" for row in rows if row.is_gap]
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(rows), indent=2).decode())
    elif page is not None:
        page.write_text(printed(page.read_text(encoding="utf-8"), rows), encoding="utf-8")
    elif markdown:
        click.echo("\n".join(tables(rows)), nl=False)
    else:
        _say(rows)
    for fault in faults:
        click.echo(fault, err=True)
    raise SystemExit(DATA_INVALID if faults else 0)


def covered(agreements: Path) -> tuple[tuple["Row", ...], tuple[str, ...]]:
    """Return a row for every rule, and what is cited somewhere and stands in no register.

    Raises:
        CommandError: the register, an agreement or a policy test is malformed.
    """
    from gateway.app.coverage import coverage as coverage_of
    from gateway.app.coverage import unknown_ids
    from gateway.app.directory import read_law_folder
    from gateway.domain.errors import ConfigurationError
    from gateway.settings.rules_register import read_register

    try:
        register, law = read_register(REGISTER), read_law_folder(agreements)
    except ConfigurationError as error:
        raise CommandError(error.what, error.remedy, DATA_INVALID) from None
    reports = run((POLICY_TESTS,), agreements)
    outcomes = {f"config/policy-tests/{Path(report.file).name}": report.cases for report in reports}
    return coverage_of(register, law, outcomes), unknown_ids(register, law, outcomes)


def tables(rows: tuple["Row", ...]) -> Iterator[str]:
    """Yield the lines of one table an instrument, as docs/sources.md shows them; the last one ends with a newline."""
    for instrument, heading in HEADINGS.items():
        yield f"### {heading}\n"
        yield "| id | article | short title | kind | basis | status | where, or what is missing |"
        yield "|---|---|---|---|---|---|---|"
        for row in rows:
            if row.instrument == instrument:
                cells = (row.id, row.article, row.text, row.kind, row.basis, row.status, _where(row))
                yield f"| {' | '.join(cells)} |"
        yield ""


def printed(page: str, rows: tuple["Row", ...]) -> str:
    """Return a page with the tables printed anew below its marker.

    Raises:
        CommandError: there is no marker on it.
    """
    lines = page.splitlines()
    found = [number for number, line in enumerate(lines) if line.startswith(MARKER)]
    if len(found) != 1:
        raise CommandError("the page has no line that says what is printed", f"begin one with `{MARKER}`", DATA_INVALID)
    return "\n".join((*lines[: found[0] + 1], "", *tables(rows)))


def _where(row: "Row") -> str:
    tests = dict.fromkeys(test.file for test in row.tests)
    places = [f"`{place}`" for place in dict.fromkeys((*row.clauses, *row.functions, *tests))]
    reason = [row.reason] if row.reason else []
    return "; ".join(part for part in (" · ".join(places), *reason) if part)


def _say(rows: tuple["Row", ...]) -> None:
    for row in rows:
        click.echo(f"{row.id:<7} {row.status:<9}  {row.kind:<5} {row.basis:<7} {row.concerns:<9} {row.text}")
        places = [*row.clauses, *row.functions]
        if places:
            click.echo(f"          by     {', '.join(dict.fromkeys(places))}")
        for file in dict.fromkeys(test.file for test in row.tests):
            shown = [test for test in row.tests if test.file == file]
            kept = sum(test.passes for test in shown)
            click.echo(f"          tests  {file}: {kept} kept, {len(shown) - kept} broken")
        if row.reason:
            click.echo(f"          {'why   ' if row.status != 'in force' else 'note  '} {row.reason}")
    counts = ", ".join(f"{sum(row.status == status for row in rows)} {status}" for status in STATUSES)
    enforced = [row for row in rows if row.enforced]
    missing = sum(row.is_gap for row in enforced)
    click.echo(f"{len(rows)} rules: {counts}")
    click.echo(f"{len(enforced)} are to be enforced on admission or routing, {missing or 'none'} of them not in force")
