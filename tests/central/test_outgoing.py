"""What the node sends: answers that look alike from outside, replies, notices."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from gateway.central import outgoing
from gateway.central.bodies import Query, read_answer, read_notice
from gateway.central.documents import Record
from gateway.central.outgoing import Desk, Handling
from gateway.crypto.sealing import Draft
from gateway.endpoint.client import Post
from tests.central.material import CENTRAL, LABEL, NETWORK, NOW, header, next_id
from tests.central.test_matching import KAZAKH, RECORD, VISA

DESK = Desk(NETWORK, CENTRAL, Handling(), next_id)


def visible_to_the_gateway(message: Post) -> Draft:
    """Return a message without its body, its recipient and its id."""
    return structs.replace(message.draft, id="")


found = st.lists(st.sampled_from([RECORD, VISA, KAZAKH]), max_size=3, unique=True)


@given(found, st.sampled_from(["open", "restricted", "secret"]), st.booleans())
def test_threat_n13_answers_look_alike_to_the_gateway(records: list[Record], level: str, confidential: bool) -> None:
    """Nothing but the encrypted body depends on what a search found."""
    label = structs.replace(LABEL, level=level, confidential_fact=confidential)
    query = header("am-police", "query", label=label)
    hit = DESK.answer(query, "asked", records, NOW)
    miss = DESK.answer(query, "asked", (), NOW)
    refused = DESK.refuse_query(query, "asked", "body-malformed", NOW)

    assert visible_to_the_gateway(hit) == visible_to_the_gateway(miss) == visible_to_the_gateway(refused)
    assert len(hit.plaintext) == len(miss.plaintext) == len(refused.plaintext)


def test_answer_goes_back_under_the_agreement_and_purposes_of_its_query() -> None:
    """An answer is given for what the query asked for, and marked no lower than it (CA-11)."""
    query = header("caricc", "query", agreement="caricc-2012", purposes=("suppression",), subjects=("precursors",))
    message = DESK.answer(structs.replace(query, label=structs.replace(LABEL, level="secret")), "asked", [RECORD], NOW)
    draft = message.draft

    assert (message.recipients, draft.kind, draft.in_reply_to) == (("caricc",), "answer", "asked")
    assert (draft.agreement, draft.purposes, draft.subjects) == ("caricc-2012", ("suppression",), ("precursors",))
    assert (draft.database, draft.label.level) == ("travel-documents", "secret")
    assert draft.sent_at_ms == NOW < draft.expires_at_ms


def test_hit_shows_owner_status_and_conditions() -> None:
    """Whoever gets a hit knows whose it is, what is reported and what binds the asker."""
    answer = read_answer(DESK.answer(header("am-police", "query"), "asked", [RECORD], NOW).plaintext)

    assert answer.outcome == "hit"
    assert (answer.hits[0].owner, answer.hits[0].status) == ("cz-police", "STOLEN")
    assert "no-arrest" in answer.hits[0].conditions
    assert "check-with-owner-before-use" in answer.hits[0].conditions


def test_owner_is_told_of_a_hit_under_the_agreement_of_its_record() -> None:
    """A notice names the document, the time and, where the asker permits, who asked and why."""
    query = header("am-police", "query", conditions=("no-onward-use",))
    (message,) = DESK.notices(query, "asked", Query(number="ab 123-456"), [RECORD], NOW)
    notice = read_notice(message.plaintext)

    assert (message.recipients, message.draft.kind, message.draft.agreement) == (
        ("cz-police",),
        "notice",
        "interpol-membership",
    )
    assert (notice.number, notice.asked_by, notice.purposes) == ("AB123456", "am-police", ("border-control",))
    # What is passed on is cited, with its conditions, so that the gateway judges it as somebody's information.
    assert (message.draft.sources, message.draft.conditions) == (("asked",), ("no-onward-use",))


def test_owner_is_told_without_a_name_where_the_asker_does_not_permit_it() -> None:
    """Then nothing of the query is in the notice but the document, which is the owner's own."""
    query = header("caricc", "query", agreement="caricc-2012", purposes=("suppression",))
    (message,) = DESK.notices(query, "asked", Query(number="AB123456"), [RECORD], NOW)
    notice = read_notice(message.plaintext)

    assert (notice.asked_by, notice.purposes, message.draft.sources) == (None, (), ())
    assert message.draft.purposes == RECORD.purposes
    assert b"caricc" not in message.plaintext


def test_owner_that_finds_its_own_record_gets_no_notice() -> None:
    """It knows already."""
    assert DESK.notices(header("cz-police", "query"), "asked", Query(number="AB123456"), [RECORD], NOW) == []


def test_message_that_is_owed_survives_its_way_to_disk() -> None:
    """What is stashed is what is sent, to the last field."""
    message = DESK.answer(header("am-police", "query"), "asked", [RECORD], NOW)

    assert outgoing.decode(outgoing.encode(message)) == message
