"""The MQTT topics of a federation: opaque ids, four topics an authority, and who writes which.

A topic names no authority, no State and no case, because topics stand in the logs of brokers (threat B9).
Pure: names in, names out. Source: design section 7; ADR 0009.
"""

from gateway.crypto.digests import prefixed, sha256, tag

PREFIX = "accord/v1"
# Written by an endpoint below its own id, read by every gateway.
SUBMIT, ACKNOWLEDGE = "submit", "ack"
# Written by gateways, read by the endpoint whose id it is.
RECEIPT, DELIVER = "receipt", "deliver"
FROM_ENDPOINTS = (SUBMIT, ACKNOWLEDGE)
FROM_GATEWAYS = (RECEIPT, DELIVER)
# Gateways of one group share what comes on `submit`; what comes on `ack` is addressed, so every gateway hears it.
GROUP = "accord"
TOPIC_ID_LENGTH = 32


def topic_id(network: str, authority: str) -> str:
    """Return the opaque id of an authority: 32 hexadecimal digits.

    The first 16 bytes of SHA-256 over T("topic") ‖ L(network) ‖ L(authority), in wire.md's notation. It hides a
    name from a log, not from somebody who knows the names and computes all ids.
    """
    return sha256(tag("topic") + prefixed(network.encode()) + prefixed(authority.encode()))[:16].hex()


def topic(id_: str, word: str) -> str:
    """Return the topic `word` of an authority by its opaque id."""
    return f"{PREFIX}/{id_}/{word}"


def gateway_filters(group: str = GROUP) -> tuple[str, ...]:
    """Return what a gateway subscribes to: submissions shared within its group, and all acknowledgements."""
    return f"$share/{group}/{PREFIX}/+/{SUBMIT}", f"{PREFIX}/+/{ACKNOWLEDGE}"


def endpoint_filters(id_: str) -> tuple[str, ...]:
    """Return what an endpoint subscribes to."""
    return tuple(topic(id_, word) for word in FROM_GATEWAYS)


def parse(name: str) -> tuple[str, str] | None:
    """Return opaque id and word of a topic that an endpoint may write; None for any other topic."""
    prefix, _, rest = name.partition(PREFIX + "/")
    id_, _, word = rest.partition("/")
    if prefix or word not in FROM_ENDPOINTS or len(id_) != TOPIC_ID_LENGTH or id_.strip("0123456789abcdef"):
        return None
    return id_, word
