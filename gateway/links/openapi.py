"""The OpenAPI 3.1 document of the HTTPS link, printed from the structs that the link itself uses.

A test compares its paths with the routes that are served: the document cannot promise what is not there.
"""

from typing import Any

import msgspec
from msgspec import Struct

from gateway.links.forms import (
    AcknowledgementsForm,
    ConsistencyForm,
    EnvelopeForm,
    Inbox,
    Receipted,
    StatementForm,
    StatusForm,
)
from gateway.links.https import ACKNOWLEDGEMENTS, DIRECTORY, ENVELOPE, JSON, STATEMENT, TEXT
from gateway.wire.frames import LINK_PATH, SUBPROTOCOL
from gateway.wire.problems import MEDIA_TYPE, PROBLEMS, ProblemBody

REFERENCE = "#/components/schemas/{name}"
BYTES: dict[str, Any] = {"type": "string", "format": "binary"}
WORDS: dict[str, Any] = {"type": "string"}

# Whoever is not listed, or asks too much, hears these on every path.
COMMON = ("endpoint-unknown", "endpoint-revoked", "too-many-connections", "request-malformed", "fault")
BODY = (
    "format-invalid", "signature-invalid", "busy", "outcome-unknown", "refused", "body-timeout", "length-required",
    "body-too-large", "media-type", "encoding-refused", "expectation-refused",
)  # fmt: skip


class Operation(Struct, frozen=True):
    """One method on one path: what goes in, what comes out, which problems."""

    method: str
    path: str
    name: str
    summary: str
    takes: tuple[tuple[str, dict[str, Any]], ...] = ()
    gives: tuple[tuple[int, str, str, dict[str, Any] | None], ...] = ()
    problems: tuple[str, ...] = ()
    query: tuple[tuple[str, str, bool], ...] = ()


def _of(struct: type[Struct]) -> dict[str, Any]:
    return {"$ref": REFERENCE.format(name=struct.__name__)}


def _submission(path: str, name: str, summary: str, form: type[Struct], packed: str, *problems: str) -> Operation:
    return Operation(
        "post", path, name, summary,
        takes=((JSON, _of(form)), (packed, BYTES)),
        gives=((202, "recorded and permitted", JSON, _of(Receipted)), (200, "was here before", JSON, _of(Receipted))),
        problems=(*BODY, *problems),
    )  # fmt: skip


OPERATIONS = (
    _submission("/v1/messages", "submitMessage", "Submit one sealed message.", EnvelopeForm, ENVELOPE),
    _submission("/v1/statements", "submitStatement", "Submit a consent or its revocation.", StatementForm, STATEMENT),
    _submission(
        "/v1/inbox/ack", "acknowledge", "Acknowledge what you have.", AcknowledgementsForm, ACKNOWLEDGEMENTS,
        "nothing-new",
    ),
    Operation(
        "get", "/v1/messages/{id}", "messageStatus", "Where a message of yours stands.",
        gives=((200, "its timeline", JSON, _of(StatusForm)),), problems=("not-found",),
    ),
    Operation(
        "get", "/v1/messages/{id}/proof", "messageProof", "The receipt of a message of yours (C2SP tlog-proof).",
        gives=((200, "the receipt", TEXT, WORDS),), problems=("not-found",),
    ),
    Operation(
        "get", "/v1/inbox", "inbox", "What waits for you; it comes again until it is acknowledged.",
        gives=((200, "messages", JSON, _of(Inbox)), (204, "nothing waits", "", None)), problems=("query-invalid",),
        query=(("wait", "seconds to wait for a message, 0 to 30", False), ("max", "messages at most", False)),
    ),
    Operation(
        "get", "/v1/directory", "directory", "The signed edition in force; verify it yourself.",
        gives=((200, "the edition as its signers made it", DIRECTORY, BYTES),),
    ),
    Operation(
        "get", "/v1/checkpoint", "checkpoint", "The newest signed tree head (C2SP tlog-checkpoint).",
        gives=((200, "the checkpoint", TEXT, WORDS),),
    ),
    Operation(
        "get", "/v1/consistency", "consistency", "The RFC 9162 path between two sizes of the ledger.",
        gives=((200, "the path", JSON, _of(ConsistencyForm)),), problems=("query-invalid",),
        query=(("from", "the older size", True), ("to", "the newer size", True)),
    ),
    Operation(
        "get", LINK_PATH, "link", f"The WebSocket link, subprotocol {SUBPROTOCOL}; see the AsyncAPI document.",
        gives=((101, "frames from now on", "", None),), problems=("upgrade-required", "not-ready"),
    ),
)  # fmt: skip


def document(version: str) -> dict[str, Any]:
    """Return the OpenAPI 3.1 document of a gateway of `version`."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in OPERATIONS:
        paths.setdefault(operation.path, {})[operation.method] = _describe(operation)
    structs = (
        EnvelopeForm, StatementForm, AcknowledgementsForm, Receipted, Inbox, StatusForm, ConsistencyForm, ProblemBody,
    )  # fmt: skip
    _, components = msgspec.json.schema_components(structs, ref_template=REFERENCE)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Accord: the HTTPS link",
            "version": version,
            "description": "Mutual TLS 1.3; who asks is what the client certificate and the directory say.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "https://gateway.example"}],
        "security": [{"mutualTLS": []}],
        "paths": paths,
        "components": {
            "schemas": _portable(components),
            "securitySchemes": {"mutualTLS": {"type": "mutualTLS"}},
        },
    }


def _describe(operation: Operation) -> dict[str, Any]:
    described: dict[str, Any] = {"operationId": operation.name, "summary": operation.summary}
    parameters = [
        {"name": name, "in": "query", "required": required, "description": text, "schema": {"type": "integer"}}
        for name, text, required in operation.query
    ]
    if "{id}" in operation.path:
        parameters.append({
            "name": "id", "in": "path", "required": True, "description": "the message id of its header",
            "schema": {"type": "string", "format": "uuid"},
        })  # fmt: skip
    if parameters:
        described["parameters"] = parameters
    if operation.takes:
        content = {media_type: {"schema": schema} for media_type, schema in operation.takes}
        described["requestBody"] = {"required": True, "content": content}
    described["responses"] = _responses(operation)
    return described


def _responses(operation: Operation) -> dict[str, Any]:
    responses: dict[str, Any] = {}
    for status, text, media_type, schema in operation.gives:
        responses[str(status)] = {"description": text}
        if schema is not None:
            responses[str(status)]["content"] = {media_type: {"schema": schema}}
    for code in (*operation.problems, *COMMON):
        problem = PROBLEMS[code]
        response = responses.setdefault(
            str(problem.status), {"description": "", "content": {MEDIA_TYPE: {"schema": _of(ProblemBody)}}}
        )
        line = f"`{code}`: {problem.title}; {problem.remedy}."
        response["description"] = f"{response['description']} {line}".strip()
    return dict(sorted(responses.items()))


def _portable(schema: Any) -> Any:
    """Return a schema whose patterns every reader of JSON Schema understands: `$` for Python's end of text."""
    if isinstance(schema, dict):
        return {
            key: value.replace(r"\Z", "$") if key == "pattern" and isinstance(value, str) else _portable(value)
            for key, value in schema.items()
        }
    return [_portable(item) for item in schema] if isinstance(schema, list) else schema
