"""Only the owner changes or withdraws its record, for documents of its own State, and late messages change nothing."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from gateway.central.bodies import Change, Put, Withdraw
from gateway.central.ownership import Message, Owner, Standing, Verdict, judge_change
from tests.central.material import NOW

HASH = bytes(16)
OWNER = Owner("cz-police", "CZ")
NEIGHBOUR = Owner("cz-border", "CZ")
FOREIGNER = Owner("kz-mvd", "KZ")
PUT = Put(number="AB123456", type="passport", status="STOLEN")
WITHDRAW = Withdraw(number="AB123456", type="passport")


def judge(change: Change, owner: Owner = OWNER, standing: Standing | None = None, sent_at_ms: int = NOW) -> Verdict:
    """Judge a change sent at `sent_at_ms`, at once."""
    message = Message("sha", "interpol-membership", ("border-control",), (), sent_at_ms)
    return judge_change(change, HASH, owner, message, standing, NOW)


def standing(owner: Owner = OWNER, sent_at_ms: int = NOW) -> Standing:
    """Return what stands after `owner` put the document."""
    found = judge(PUT, owner, None, sent_at_ms).standing
    assert found is not None
    return found


def test_owner_puts_changes_and_withdraws_its_record() -> None:
    """The recording authority owns its record through all its life."""
    first = judge(PUT)
    changed = judge(Put(number="AB123456", type="passport", status="REVOKED"), OWNER, first.standing, NOW + 1)
    gone = judge(WITHDRAW, OWNER, changed.standing, NOW + 2)

    assert [verdict.result for verdict in (first, changed, gone)] == ["stored", "stored", "withdrawn"]
    assert changed.standing is not None
    assert changed.standing.record is not None
    assert changed.standing.record.status == "REVOKED"
    assert gone.standing == Standing("cz-police", NOW + 2, None)


def test_record_of_another_authority_of_the_same_state_is_not_touched() -> None:
    """Owner is the authority, not its State."""
    for change in (PUT, WITHDRAW):
        assert judge(change, NEIGHBOUR, standing()) == Verdict("refused", "owned-by-another", None)


def test_writing_does_not_tell_whether_a_foreign_document_is_on_record() -> None:
    """Who may not search does not learn by writing: the refusal is the same with and without a record."""
    for change in (
        Put(number="AB123456", type="passport", status="LOST", issuing_state="CZ"),
        Withdraw(number="AB123456", type="passport", issuing_state="CZ"),
    ):
        refusals = {judge(change, FOREIGNER, found).refusal for found in (None, standing())}
        assert refusals == {"not-the-issuing-state"}


def test_withdrawal_of_what_is_not_there_is_refused() -> None:
    """The owner hears that nothing was taken off the record."""
    withdrawn = Standing("cz-police", NOW, None)

    assert judge(WITHDRAW) == Verdict("refused", "unknown-record", withdrawn)
    assert judge(WITHDRAW, OWNER, withdrawn, NOW + 1).refusal == "unknown-record"


def test_put_past_its_review_date_is_refused() -> None:
    """Nothing is recorded that may not be shown any more (CA-09)."""
    late = Put(number="AB123456", type="passport", status="LOST", review_by_ms=NOW)

    assert judge(late).refusal == "review-date-passed"


def test_unlisted_authority_owns_nothing() -> None:
    """Whoever left the directory changes no record, its own neither."""
    assert judge(PUT, Owner("cz-police", ""), standing()).refusal == "not-the-issuing-state"


changes = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.one_of(
            st.just(WITHDRAW),
            st.sampled_from([PUT, structs.replace(PUT, status="LOST"), structs.replace(PUT, status="REVOKED")]),
        ),
    ),
    max_size=6,
    unique_by=lambda item: item[0],
)


@given(changes, st.randoms(use_true_random=False))
def test_messages_that_overtake_one_another_end_in_the_same_record(
    sent: list[tuple[int, Change]], random: Random
) -> None:
    """What stands at the end is what was sent last, in whatever order the messages came."""
    arrival = list(sent)
    random.shuffle(arrival)

    ends = []
    for order in (sorted(sent), arrival):
        stands: Standing | None = None
        for at, change in order:
            stands = judge(change, OWNER, stands, NOW + at).standing or stands
        ends.append(stands.record.status if stands and stands.record else None)

    assert ends[0] == ends[1]


def test_repeated_change_says_so_and_changes_nothing() -> None:
    """The same record put again is no new record; its date of recording stays."""
    stands = standing()
    again = judge(PUT, OWNER, stands, NOW + 1)

    assert again.result == "unchanged"
    assert again.standing is not None
    assert again.standing.record == stands.record


@given(st.sampled_from([PUT, WITHDRAW]), st.sampled_from([OWNER, NEIGHBOUR, FOREIGNER]), st.integers(-5, 5))
def test_only_the_owner_changes_what_stands(change: Change, who: Owner, later: int) -> None:
    """Whatever anybody else sends, the record stays as it is."""
    verdict = judge(change, who, standing(), NOW + later)

    assert verdict.standing is None or who == OWNER
