"""What a query sees, and what an owner learns of whoever asked."""

from msgspec import structs

from gateway.central.bodies import Query
from gateway.central.documents import Record
from gateway.central.matching import conditions, names_asker, visible
from tests.central.material import LABEL, NOW, header

RECORD = Record(
    number_hash=bytes(16),
    type="passport",
    issuing_state="CZ",
    owner="cz-police",
    status="STOLEN",
    recorded_at_ms=NOW,
    review_by_ms=None,
    conditions=("no-arrest",),
    withheld_from=(),
    agreement="interpol-membership",
    purposes=("border-control",),
    subjects=(),
    put_sha256="put",
)
VISA = structs.replace(RECORD, type="visa", recorded_at_ms=NOW + 1)
KAZAKH = structs.replace(RECORD, issuing_state="KZ", owner="kz-mvd", recorded_at_ms=NOW - 1)
QUERY = Query(number="AB123456")


def see(query: Query, *records: Record, asker: str = "am-police", party: str = "AM") -> tuple[Record, ...]:
    """Return what an authority is shown now."""
    return visible(records, query, asker, party, NOW)


def test_query_by_number_alone_sees_every_document_of_it() -> None:
    """Newest first; type and issuing State only narrow."""
    assert see(QUERY, RECORD, VISA, KAZAKH) == (VISA, RECORD, KAZAKH)
    assert see(Query(number="AB123456", type="passport"), RECORD, VISA, KAZAKH) == (RECORD, KAZAKH)
    assert see(Query(number="AB123456", issuing_state="KZ"), RECORD, VISA, KAZAKH) == (KAZAKH,)


def test_withheld_record_is_not_there_for_those_it_is_withheld_from() -> None:
    """An owner restricts who sees its record, by authority or by party."""
    by_authority = structs.replace(RECORD, withheld_from=("am-police",))
    by_party = structs.replace(RECORD, withheld_from=("AM",))

    assert see(QUERY, by_authority, by_party) == ()
    assert see(QUERY, by_authority, asker="kz-mvd", party="KZ") == (by_authority,)


def test_record_past_its_review_date_is_not_shown() -> None:
    """Nobody acts on information whose owner has not said that it is still right (CA-09)."""
    assert see(QUERY, structs.replace(RECORD, review_by_ms=NOW)) == ()
    assert see(QUERY, structs.replace(RECORD, review_by_ms=NOW + 1)) != ()


def test_owner_learns_who_asked_only_as_the_asker_permits() -> None:
    """The asker's label, the confidentiality of the fact and the agreement it asked under decide (CA-07)."""
    open_query = header("am-police", "query")
    closed = [
        header("am-police", "query", label=structs.replace(LABEL, third_party="consent-required")),
        header("am-police", "query", label=structs.replace(LABEL, confidential_fact=True)),
        header("caricc", "query", agreement="caricc-2012"),
    ]

    assert names_asker(open_query, RECORD)
    assert not any(names_asker(query, RECORD) for query in closed)


def test_asker_is_told_what_the_owner_hears_and_to_check_first() -> None:
    """A hit carries the duty to check with its owner (CA-10), and says what the owner was told."""
    named = conditions(header("am-police", "query"), RECORD)
    unnamed = conditions(header("caricc", "query", agreement="caricc-2012"), RECORD)

    assert named == ("check-with-owner-before-use", "owner-is-told-who-asked")
    assert unnamed == ("check-with-owner-before-use", "owner-is-told-without-name")
    assert conditions(header("cz-police", "query"), RECORD) == ()
