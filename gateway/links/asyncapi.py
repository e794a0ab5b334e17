"""The AsyncAPI 3.0 document of the two message links, printed from the structs and topics that they use themselves.

A channel of MQTT is one of four topics; the channel of the WebSocket carries the same frames in both directions.
"""

from typing import Any

import msgspec
from msgspec import Struct

from gateway.wire.broker_frames import (
    PACKET_BYTES_MAX,
    PRESENCE_S,
    SILENCE_S,
    Addressed,
    AskDirectory,
    DirectoryPart,
)
from gateway.wire.frames import (
    FRAME_BYTES_MAX,
    LINK_PATH,
    SUBPROTOCOL,
    Acknowledge,
    Answers,
    AskConsistency,
    Consistency,
    Deliveries,
    EditionNotice,
    EndpointHello,
    Goodbye,
    Hello,
    Informed,
    Submit,
)
from gateway.wire.topics import ACKNOWLEDGE, DELIVER, PREFIX, RECEIPT, SUBMIT, TOPIC_ID_LENGTH, gateway_filters

CONTENT = "application/vnd.msgpack"
FROM_ENDPOINT: tuple[type[Struct], ...] = (EndpointHello, Submit, Acknowledge, AskConsistency)
FROM_GATEWAY: tuple[type[Struct], ...] = (Hello, Answers, Deliveries, Informed, Consistency, EditionNotice, Goodbye)
# Topic: who writes it, what it carries, what it is for.
TOPICS: dict[str, tuple[str, tuple[type[Struct], ...], str]] = {
    SUBMIT: ("endpoint", (Submit,), "Submissions, several in a publish; any gateway of the group takes them."),
    ACKNOWLEDGE: (
        "endpoint",
        (Addressed,),
        "One frame for the gateway that serves the session: EndpointHello, Acknowledge, AskConsistency or AskDirectory;"
        " an empty one asks for its hello.",
    ),
    RECEIPT: (
        "gateway",
        (Hello, Answers, Informed, Consistency, EditionNotice, Goodbye, DirectoryPart),
        "What the endpoint is answered and told.",
    ),
    DELIVER: ("gateway", (Deliveries,), "Messages for the authority, repeated until it has signed for them."),
}
STRUCTS: tuple[type[Struct], ...] = (*FROM_ENDPOINT, *FROM_GATEWAY, Addressed, AskDirectory, DirectoryPart)


def document(version: str) -> dict[str, Any]:
    """Return the AsyncAPI 3.0 document of a gateway of `version`."""
    _, schemas = msgspec.json.schema_components(STRUCTS, ref_template="#/components/schemas/{name}")
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Accord: frames over WebSocket and MQTT",
            "version": version,
            "description": (
                "Frames are MessagePack arrays whose first element names their kind; schemas show them as JSON arrays. "
                f"A frame has at most {FRAME_BYTES_MAX} bytes, an MQTT packet {PACKET_BYTES_MAX}. Mutual TLS 1.3."
            ),
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": CONTENT,
        "servers": {
            "gateway": {"host": "gateway.example", "protocol": "wss"},
            "broker": {"host": "broker.example:8883", "protocol": "secure-mqtt", "protocolVersion": "5"},
        },
        "channels": {"link": _websocket(), **{word: _topic(word) for word in TOPICS}},
        "operations": {
            "serveLink": {
                "action": "send",
                "channel": {"$ref": "#/channels/link"},
                "messages": _of("link", FROM_GATEWAY),
            },
            "hearLink": {
                "action": "receive",
                "channel": {"$ref": "#/channels/link"},
                "messages": _of("link", FROM_ENDPOINT),
            },
            **{_operation(word): _use(word) for word in TOPICS},
        },
        "components": {
            "messages": {
                struct.__name__: {
                    "name": struct.__name__,
                    "summary": (struct.__doc__ or "").split("\n")[0],
                    "contentType": CONTENT,
                    "payload": {"$ref": f"#/components/schemas/{struct.__name__}"},
                }
                for struct in STRUCTS
            },
            "schemas": _portable(schemas),
        },
    }


def _websocket() -> dict[str, Any]:
    return {
        "address": LINK_PATH,
        "description": f"Subprotocol {SUBPROTOCOL}; the gateway speaks first.",
        "servers": [{"$ref": "#/servers/gateway"}],
        "messages": _messages((*FROM_ENDPOINT, *FROM_GATEWAY)),
    }


def _topic(word: str) -> dict[str, Any]:
    writer, structs, about = TOPICS[word]
    return {
        "address": f"{PREFIX}/{{authority}}/{word}",
        "description": f"{about} Written by the {writer}. QoS 1, never retained.",
        "servers": [{"$ref": "#/servers/broker"}],
        "parameters": {
            "authority": {
                "description": f"The opaque id of an authority, {TOPIC_ID_LENGTH} hexadecimal digits (ADR 0009)."
            }
        },
        "messages": _messages(structs),
    }


def _use(word: str) -> dict[str, Any]:
    writer, structs, _ = TOPICS[word]
    shared, alone = gateway_filters()
    subscribed = {SUBMIT: f"Gateways subscribe to `{shared}`.", ACKNOWLEDGE: f"Gateways subscribe to `{alone}`."}
    presence = (
        f" Repeated every {PRESENCE_S:g} s; {SILENCE_S:g} s of silence end a session." if word == ACKNOWLEDGE else ""
    )
    used: dict[str, Any] = {
        "action": "receive" if writer == "endpoint" else "send",
        "channel": {"$ref": f"#/channels/{word}"},
        "messages": _of(word, structs),
    }
    if word in subscribed:
        used["description"] = subscribed[word] + presence
    return used


def _operation(word: str) -> str:
    return ("hear" if TOPICS[word][0] == "endpoint" else "publish") + word.capitalize()


def _messages(structs: tuple[type[Struct], ...]) -> dict[str, Any]:
    return {struct.__name__: {"$ref": f"#/components/messages/{struct.__name__}"} for struct in structs}


def _of(channel: str, structs: tuple[type[Struct], ...]) -> list[dict[str, str]]:
    return [{"$ref": f"#/channels/{channel}/messages/{struct.__name__}"} for struct in structs]


def _portable(schema: Any) -> Any:
    """Return a schema whose patterns every reader of JSON Schema understands: `$` for Python's end of text."""
    if isinstance(schema, dict):
        return {
            key: value.replace(r"\Z", "$") if key == "pattern" and isinstance(value, str) else _portable(value)
            for key, value in schema.items()
        }
    return [_portable(item) for item in schema] if isinstance(schema, list) else schema
