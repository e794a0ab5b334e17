"""`accord policy`: what the law says of a header, offline and with every article; tests of it; what covers it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from gateway.cli.failures import DATA_INVALID, REFUSED, CommandError
from gateway.cli.files import must_exist
from gateway.cli.languages import LANGUAGE
from gateway.cli.moments import Moment, spelled
from gateway.cli.policy_coverage import coverage
from gateway.cli.policy_test import test
from gateway.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from gateway.domain.message import Header
    from gateway.policy.decide import Judge
    from gateway.policy.explain import Explained, Explanation

FILE = click.Path(dir_okay=False, path_type=Path)
HEADER_BYTES_MAX = 256 * 1024
HOUR_MS = 3_600_000


@click.group()
def policy() -> None:
    """Explain what the law says of a header, test it, and show what covers it."""


policy.add_command(test)
policy.add_command(coverage)


@policy.command()
@click.argument("header", type=FILE)
@click.option("--directory", "edition", type=FILE, required=True, help="The edition to judge by.")
@click.option("--at", "at_ms", type=Moment(), help="When the gateway would judge [default: now].")
@click.option("--agreements", type=click.Path(file_okay=False, path_type=Path), help="The folder of agreements.")
@click.option("--grants-key", help="The central node's public grants key (base64url); without it no grant counts.")
@click.option("--facts", type=FILE, help="What is known of cited messages and consents (JSON).")
@click.option("--role", "roles", multiple=True, help="Role of a key that signs [default: those listed, or message].")
@LANGUAGE
@click.option("--json", "as_json", is_flag=True, help="Everything, every clause that was asked included.")
def explain(
    header: Path,
    edition: Path,
    at_ms: int | None,
    agreements: Path | None,
    grants_key: str | None,
    facts: Path | None,
    roles: tuple[str, ...],
    language: str,
    as_json: bool,
) -> None:
    """Judge the HEADER in a JSON file; what says nothing of law (ids, digests, times) may be left out.

    Exit codes: 0 permitted, 77 refused, 65 bad input, 66 a file is missing.
    """
    from gateway.app.clock import wall_ms
    from gateway.policy.explain import explain as explain_header

    must_exist(*filter(None, (header, edition, agreements, facts)))
    now_ms = wall_ms() if at_ms is None else at_ms
    judge = _judge(edition, agreements, grants_key)
    asked = read_header(header, judge.directory.edition.network, now_ms)
    found = explain_header(judge, asked, _facts(facts), now_ms, roles or _roles(asked, judge), language)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
    else:
        _say(found)
    raise SystemExit(0 if found.permitted else REFUSED)


def read_header(path: Path, network: str, at_ms: int) -> "Header":
    """Return the header in a JSON file, completed where it says nothing that law looks at.

    Raises:
        CommandError: the file is no header; the text names the field.
    """
    from gateway.domain.message import Header
    from gateway.settings.source import read_bytes, refuse_unknown

    try:
        raw = read_bytes(path, "header", HEADER_BYTES_MAX)
        given = json.loads(raw)
        if not isinstance(given, dict):
            raise CommandError(f"`{path}` is no JSON object", "write the fields of a header", DATA_INVALID)
        completed = _completed(given, network, at_ms)
        refuse_unknown(str(path), completed, Header)
        return msgspec.convert(completed, Header)
    except ConfigurationError as error:
        raise CommandError(error.what, error.remedy, DATA_INVALID) from None
    except (ValueError, RecursionError) as error:
        if isinstance(error, msgspec.ValidationError):
            raise CommandError(f"`{path}`: {_path(error)}", "see wire.md, Header fields", DATA_INVALID) from None
        raise CommandError(f"`{path}` is no JSON: {error}", "mend that line", DATA_INVALID) from None


def _completed(given: dict[str, Any], network: str, at_ms: int) -> dict[str, Any]:
    """Fill in what an originator's software adds; recipients may be mere names."""
    from gateway.crypto.digests import encode_base64url

    digest, kid = encode_base64url(bytes(32)), encode_base64url(bytes(16))
    label = {
        "level": "restricted",
        "handling": [],
        "third_party": "consent-required",
        "personal_data": False,
        "special_categories": [],
        "necessity": None,
        "confidential_fact": False,
    }
    defaults: dict[str, Any] = {
        "v": 1,
        "network": network,
        "suite": 2,
        "id": "00000000-0000-7000-8000-000000000000",
        "signers": [kid],
        "subjects": [],
        "urgency": "routine",
        "sent_at_ms": at_ms,
        "expires_at_ms": at_ms + HOUR_MS,
        **dict.fromkeys(("destroy_by_ms", "case", "in_reply_to", "database", "language")),
        **{name: [] for name in ("sources", "consents", "conditions")},
        "form": {},
        "key_commitment": digest,
        "body": {"sha256": digest, "length": 1, "media_type": "application/json", "schema": None},
    }
    completed = {**defaults, **given}
    if isinstance(given.get("label", {}), dict):
        completed["label"] = {**label, **given.get("label", {})}
    recipients = given.get("recipients")
    if isinstance(recipients, list):
        completed["recipients"] = [
            {"authority": entry, "key": kid, "wrap_sha256": digest} if isinstance(entry, str) else entry
            for entry in recipients
        ]
    return completed


def _judge(edition: Path, agreements: Path | None, grants_key: str | None) -> "Judge":
    from gateway.app.directory import read_law_folder, self_consistent
    from gateway.cli.init import AGREEMENTS
    from gateway.policy.decide import Judge

    beside = edition.resolve().parent.parent.parent / "agreements"
    folder = agreements or (beside if beside.is_dir() else AGREEMENTS)
    try:
        return Judge(self_consistent(edition, grants_key), read_law_folder(folder))
    except ConfigurationError as error:
        raise CommandError(error.what, error.remedy, DATA_INVALID) from None


def _facts(path: Path | None) -> Any:
    from gateway.domain.facts import NO_FACTS, Facts
    from gateway.settings.source import read_bytes

    if path is None:
        return NO_FACTS
    try:
        return msgspec.json.decode(read_bytes(path, "facts"), type=Facts)
    except ConfigurationError as error:
        raise CommandError(error.what, error.remedy, DATA_INVALID) from None
    except (ValueError, RecursionError) as error:
        raise CommandError(f"`{path}`: {error}", "see gateway/domain/facts.py for the fields", DATA_INVALID) from None


def _roles(header: "Header", judge: "Judge") -> tuple[str, ...]:
    from gateway.crypto.digests import decode_base64url

    listed = (judge.directory.keys.get(decode_base64url(kid)) for kid in header.signers)
    return tuple(found.entry.role for found in listed if found is not None) or ("message",)


def _path(error: msgspec.ValidationError) -> str:
    text, _, place = str(error).partition(" - at `$")
    return f"{place.rstrip('`').lstrip('.') or 'header'}: {text[0].lower()}{text[1:]}"


def _say(found: "Explanation") -> None:
    verdict = "permitted" if found.permitted else "refused"
    click.echo(f"{verdict} on {spelled(found.at_ms)} under {found.title or found.agreement} ({found.agreement})")
    click.echo(f"edition {found.edition.number}, law {found.law_sha256}")
    for heading, entries in (("refused because", found.reasons), ("flagged", found.flags)):
        for entry in entries:
            _say_reason(heading, entry)
    for governing in found.governing:
        click.echo(f"between {' and '.join(governing.parties)}: {', '.join(governing.agreements) or 'no agreement'}")
        for line in governing.disputable:
            click.echo(f"    {line}")
    click.echo("what was asked, and what became of it (rule, article, basis, effect of a breach):")
    for applied in found.applied:
        about = f" for source {applied.source}" if applied.source else ""
        about += f": {applied.detail}" if applied.detail else ""
        click.echo(
            f"    {applied.outcome:<8} {applied.rule:<7} {applied.article} ({applied.basis}, {applied.effect}){about}"
        )
    click.echo("--json shows the words of each clause, and our reading of them")


def _say_reason(heading: str, entry: "Explained") -> None:
    detail = f" [{entry.detail}]" if entry.detail else ""
    click.echo(f"{heading} {entry.code}{detail}: {entry.sentence}")
    click.echo(f"    {entry.article} (rule {entry.rule}, {entry.basis})")
