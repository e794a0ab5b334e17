"""`accord schemas print`: everything that another implementation reads, printed from the code that obeys it.

A table of producers: each gives the content of files below `schemas/`. None of them is edited by hand; a test
prints anew and compares. What people wrote there (README.md, verifier/) is never touched.
"""

import importlib
import json
from collections.abc import Callable, Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import msgspec

from gateway.cli.failures import DATA_INVALID, CommandError
from gateway.cli.files import PUBLIC, write
from gateway.cli.manual import manual
from gateway.settings.source import read_bytes

TEMPLATE = "#/$defs/{name}"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
# JSON Schema file: what it describes, and the module and struct that obey it.
STRUCTS: dict[str, tuple[str, str, str]] = {
    "header.json": ("The signed header of a message.", "gateway.domain.message", "Header"),
    "consent.json": ("A provider's consent.", "gateway.domain.statement", "Consent"),
    "consent-revocation.json": ("A consent taken back.", "gateway.domain.statement", "ConsentRevocation"),
    "acknowledgement.json": (
        "One item of an acknowledgement batch.",
        "gateway.domain.statement",
        "AcknowledgementItem",
    ),
    "acknowledgement-batch.json": (
        "What a recipient signs for many.",
        "gateway.domain.statement",
        "AcknowledgementBatch",
    ),
    "key-registration.json": ("A request to have keys listed.", "gateway.domain.statement", "KeyRegistration"),
    "record.json": ("One record of a ledger.", "gateway.domain.receipt", "Record"),
    "directory.json": ("One edition of the directory.", "gateway.domain.directory", "Edition"),
    "grants.json": ("What the central node grants.", "gateway.domain.directory", "Grants"),
    "agreement.json": ("A file of config/agreements: one instrument.", "gateway.domain.agreement", "Agreement"),
    "bodies/request.v1.json": ("The body of a request.", "gateway.endpoint.contents", "RequestBody"),
    "bodies/travel-document.v1.json": ("The body of a travel document.", "gateway.endpoint.contents", "DocumentBody"),
    "problem.json": ("An error over HTTPS (RFC 9457).", "gateway.wire.problems", "ProblemBody"),
    "settings/gateway.json": ("gateway.toml.", "gateway.settings.gateway", "GatewaySettings"),
    "settings/endpoint.json": ("endpoint.toml.", "gateway.settings.endpoint", "EndpointSettings"),
    "settings/central.json": ("central.toml.", "gateway.settings.central", "CentralSettings"),
    "settings/directory.json": ("directory.toml.", "gateway.settings.directory", "DirectorySource"),
    "settings/grants.json": ("grants.toml.", "gateway.settings.directory", "GrantsFile"),
}


def json_schemas() -> Mapping[str, bytes]:
    """Return a JSON Schema for every struct that travels or that a person writes."""
    return {name: _schema(*row) for name, row in STRUCTS.items()}


def openapi() -> Mapping[str, bytes]:
    """Return the OpenAPI document of the HTTPS link."""
    from gateway.links.openapi import document

    return {"openapi.json": _encode(document(version("accord")))}


def asyncapi() -> Mapping[str, bytes]:
    """Return the AsyncAPI document of WebSocket and MQTT."""
    from gateway.links.asyncapi import document

    return {"asyncapi.json": _encode(document(version("accord")))}


def vectors() -> Mapping[str, bytes]:
    """Return the test vectors of the wire."""
    from gateway.cli.vectors import vectors as all_vectors

    return {f"vectors/{name}": content for name, content in all_vectors().items()}


PRODUCERS: tuple[Callable[[], Mapping[str, bytes]], ...] = (json_schemas, openapi, asyncapi, vectors)


def produced() -> Iterator[tuple[str, bytes]]:
    """Yield every printed file: its path below `schemas/`, and its content."""
    for producer in PRODUCERS:
        yield from producer().items()


@click.group()
def schemas() -> None:
    """Print schemas, interface descriptions and test vectors."""


@schemas.command("print")
@click.option("--out", required=True, type=click.Path(file_okay=False, path_type=Path), help="The folder.")
@click.option("--check", is_flag=True, help="Write nothing; exit 65 if a file would change.")
def print_(out: Path, check: bool) -> None:
    """Print everything that another implementation reads, always the same bytes for the same code."""
    stale = []
    count = 0
    for name, content in produced():
        path = out / name
        count += 1
        if path.exists() and path.read_bytes() == content:
            continue
        stale.append(name)
        if not check:
            path.parent.mkdir(parents=True, exist_ok=True)
            write(path, content, PUBLIC)
    if check and stale:
        raise CommandError(f"not printed anew: {', '.join(stale)}", "run `make schemas` and commit", DATA_INVALID)
    click.echo(f"{out}: {count} files, {len(stale)} changed")


@schemas.command("manual")
@click.option("--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The page.")
@click.pass_context
def manual_(context: click.Context, out: Path) -> None:
    """Print the help of every command on one page."""
    root = context.find_root().command
    assert isinstance(root, click.Group)
    write(out, manual(root).encode(), PUBLIC)


@schemas.command("agreements")
@click.option("--page", required=True, type=click.Path(dir_okay=False, path_type=Path), help="docs/agreements.md.")
def agreements_(page: Path) -> None:
    """Print anew what the page on agreements says of files, clauses and codes; the rest of it stays."""
    from gateway.app.directory import read_law_folder
    from gateway.cli.agreement_page import printed_page
    from gateway.cli.init import AGREEMENTS

    text = read_bytes(page, "page").decode()
    write(page, printed_page(text, read_law_folder(AGREEMENTS)).encode(), PUBLIC)


def _schema(about: str, module: str, name: str) -> bytes:
    struct = getattr(importlib.import_module(module), name)
    (root,), definitions = msgspec.json.schema_components((struct,), ref_template=TEMPLATE)
    return _encode({"$schema": DIALECT, "description": about, **root, "$defs": _portable(definitions)})


def _portable(schema: Any) -> Any:
    r"""Spell patterns as JSON Schema does: ECMA-262 knows no `\Z`, its `$` means the same."""
    if isinstance(schema, dict):
        return {
            key: value.replace(r"\Z", "$") if key == "pattern" and isinstance(value, str) else _portable(value)
            for key, value in schema.items()
        }
    return [_portable(entry) for entry in schema] if isinstance(schema, list) else schema


def _encode(document: Mapping[str, Any]) -> bytes:
    return (json.dumps(document, indent=2) + "\n").encode()
