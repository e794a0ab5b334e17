"""Topics: opaque, stable, and only those that endpoints may write are read."""

import hashlib

import pytest

from gateway.wire.topics import endpoint_filters, gateway_filters, parse, topic, topic_id

ID = topic_id("accord-test", "cz-police")


def test_id_is_what_another_implementation_computes() -> None:
    """32 hexadecimal digits: SHA-256 over T("topic") ‖ L(network) ‖ L(authority), cut to 16 bytes (ADR 0009)."""
    text = b"accord/v1/topic\x00" + b"\x00\x00\x00\x0baccord-test" + b"\x00\x00\x00\x09cz-police"

    assert hashlib.sha256(text).hexdigest()[:32] == ID


def test_id_of_one_network_or_authority_is_nobody_elses() -> None:
    """Lengths are part of what is hashed, so that no two pairs of names meet."""
    pairs = [("a", "bc"), ("ab", "c"), ("abc", ""), ("accord-test", "cz-police"), ("accord-test", "cz-polic")]

    assert len({topic_id(*pair) for pair in pairs}) == len(pairs)


@pytest.mark.parametrize("word", ["submit", "ack"])
def test_topic_of_an_endpoint_is_read(word: str) -> None:
    """What an endpoint may write is taken apart as it was put together."""
    assert parse(topic(ID, word)) == (ID, word)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "accord/v1",
        f"accord/v1/{ID}",
        f"accord/v1/{ID}/receipt",
        f"accord/v1/{ID}/deliver",
        f"accord/v1/{ID}/submit/more",
        f"accord/v1/{ID.upper()}/submit",
        f"accord/v1/{ID[:-1]}/submit",
        f"accord/v1/{ID}0/submit",
        "accord/v1/+/submit",
        f"x/accord/v1/{ID}/submit",
        f"accord/v2/{ID}/submit",
        f"$SYS/accord/v1/{ID}/submit",
    ],
)
def test_other_topic_is_not_read(name: str) -> None:
    """Whatever a broker delivers, only two topics of an opaque id mean anything."""
    assert parse(name) is None


def test_filters_name_no_authority() -> None:
    """Gateways share submissions and all hear acknowledgements; endpoints hear their own topics alone (threat B9)."""
    assert gateway_filters() == ("$share/accord/accord/v1/+/submit", "accord/v1/+/ack")
    assert endpoint_filters(ID) == (f"accord/v1/{ID}/receipt", f"accord/v1/{ID}/deliver")
