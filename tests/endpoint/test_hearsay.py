"""What an endpoint believes of frames that anybody could have said, and what it sends where anybody could read it."""

import msgspec
import pytest
from msgspec.structs import replace

from gateway.crypto.sealing import Draft
from gateway.domain.directory import Directory, EndpointEntry
from gateway.domain.errors import PeerError
from gateway.domain.label import RANK, Level
from gateway.domain.session import Answer, AnswerKind
from gateway.endpoint.conversation import Conversation
from gateway.endpoint.hearsay import PAUSE_S_MAX, clearance, may_travel, tempered
from gateway.endpoint.identity import GatewayAddress
from gateway.endpoint.limits import EndpointLimits
from gateway.endpoint.outbox import Due
from gateway.wire import frames
from tests.endpoint.world import CZ, KZ, World
from tests.federation import PLAIN

LISTED = EndpointEntry(spki_sha256="B" * 42 + "A", link="broker", clearance="restricted", revoked=False)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> World:
    """A federation whose gateway does not run."""
    return World(tmp_path_factory.mktemp("hearsay"))


def directory(made: World, *entries: EndpointEntry, level: Level = "secret", revoked: bool = False) -> Directory:
    """Return a directory that lists cz-police with these endpoints."""
    edition = made.federation.edition()
    authorities = tuple(
        replace(one, endpoints=entries, clearance=level, revoked=revoked) if one.id == CZ else one
        for one in edition.authorities
    )
    return made.federation.directory(replace(edition, authorities=authorities))


def due(made: World, **changes: object) -> Due:
    """Return a message in the outbox."""
    draft: Draft = made.federation.draft(CZ, **changes)
    raw = made.federation.seal(draft, [KZ], b"body", made.federation.directory())
    return Due(1, "message", bytes(32), raw, 1)


def test_only_what_can_be_taken_back_counts_without_a_signature() -> None:
    """A receipt proves itself, a pause is short, and nobody declines in the name of a gateway."""
    receipt = Answer(1, "receipt", permitted=True, body=b"proof")
    assert tempered(receipt) == receipt
    paused = tempered(Answer(1, "busy", code="busy", retry_after_s=10**9))
    assert paused is not None
    assert paused.retry_after_s == PAUSE_S_MAX
    declined: tuple[AnswerKind, ...] = ("invalid", "unauthenticated", "forbidden")
    assert [tempered(Answer(1, kind, code="format-invalid")) for kind in declined] == [None] * 3


@pytest.mark.parametrize(
    ("entries", "level", "revoked", "rank"),
    [
        ((LISTED,), "secret", False, RANK["restricted"]),
        ((replace(LISTED, clearance="secret"),), "open", False, RANK["open"]),
        ((LISTED, replace(LISTED, spki_sha256="C" * 42 + "A", clearance="open")), "secret", False, RANK["open"]),
        ((), "secret", False, -1),
        ((replace(LISTED, link="endpoint"),), "secret", False, -1),
        ((replace(LISTED, revoked=True),), "secret", False, -1),
        ((LISTED,), "secret", True, -1),
    ],
    ids=["its entry", "the authority", "the strictest", "none", "another kind", "revoked", "authority revoked"],
)
def test_clearance_of_the_broker_is_what_the_directory_says(
    made: World, entries: tuple[EndpointEntry, ...], level: Level, revoked: bool, rank: int
) -> None:
    """Without an entry of kind `broker` in force, nothing goes that way."""
    assert clearance(directory(made, *entries, level=level, revoked=revoked), CZ) == rank


def test_no_directory_is_no_clearance() -> None:
    """Before the first edition nothing is sent through a broker."""
    assert clearance(None, CZ) == -1


def test_message_above_the_clearance_or_confidential_in_itself_stays(made: World) -> None:
    """The label that was signed decides, not who asks."""
    plain, high = due(made), due(made, label=replace(PLAIN, level="confidential"))
    hidden = due(made, label=replace(PLAIN, level="open", confidential_fact=True))

    assert [may_travel(one, RANK["restricted"]) for one in (plain, high, hidden)] == [True, False, False]
    assert may_travel(high, RANK["secret"])
    assert not may_travel(hidden, RANK["top-secret"])
    assert not may_travel(plain, -1)
    assert may_travel(replace(plain, kind="statement"), 0)


def test_frame_out_of_turn_breaks_a_direct_link_and_is_nothing_on_a_broker() -> None:
    """Who speaks on a direct link is the gateway, and must keep its protocol; through a broker it may be anybody."""
    goodbye_first = frames.Answers([Answer(3, "receipt", permitted=True)])
    for vouched in (True, False):
        conversation = Conversation("accord-test", "gateway.example", EndpointLimits(), 5, vouched=vouched)
        conversation._state = "open"
        if vouched:
            with pytest.raises(PeerError, match="waits for none"):
                conversation.receive(goodbye_first)
        else:
            assert conversation.receive(goodbye_first) == []
            assert conversation.receive(frames.Hello("n", "gateway.example", 1, "A" * 43, b"note", 1)) == []
            assert conversation.receive(frames.Consistency(1, 2, (), b"note")) == []


def test_numbers_begin_where_the_session_does() -> None:
    """What was meant for an earlier session finds nobody."""
    conversation = Conversation("accord-test", "gateway.example", EndpointLimits(), 2**40, vouched=False)
    conversation._state, conversation._window = "open", 10
    (said,) = conversation.submit([("token", frames.Submission("message", b"raw"))], 0)

    assert getattr(said, "frame", None) == frames.Submit(2**40, [frames.Submission("message", b"raw")])
    assert conversation.receive(frames.Answers([Answer(0, "receipt", permitted=True)])) == []
    assert len(conversation.receive(frames.Answers([Answer(2**40, "receipt", permitted=True)]))) == 1


def test_endpoint_address_may_be_a_broker() -> None:
    """`mqtts://` is an address like another; anything else is refused when the file is read."""
    row = {"url": "mqtts://broker.example:8883", "origin": "gateway.example", "spki_sha256": "A" * 43}
    assert msgspec.convert(row, GatewayAddress).url.startswith("mqtts:")
    for url in ("mqtt://broker.example", "mqtts://", "mqtts://user@broker", "http://broker.example"):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({**row, "url": url}, GatewayAddress)
