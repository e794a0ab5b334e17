"""The chain of tree heads: whatever order they come in, one history passes and two do not."""

import secrets
from itertools import permutations

import pytest

from gateway.crypto.merkle import consistency_path, root, tile_reader
from gateway.domain.errors import PeerError
from gateway.domain.receipt import Checkpoint
from gateway.endpoint import checkpoints
from gateway.endpoint.checkpoints import Chain, Question, TwoHistoriesError

ORIGIN = "ledger.test"


class Log:
    """A bare tree of random leaves; heads are unsigned, the chain does not look at signatures."""

    def __init__(self, leaves: list[bytes]) -> None:
        self.leaves = leaves

    def head(self, size: int) -> Checkpoint:
        return Checkpoint(ORIGIN, size, root(self.leaves[:size]), b"note %d" % size)

    def path(self, question: Question) -> tuple[bytes, ...]:
        tile = b"".join(self.leaves)
        return tuple(consistency_path(question.old, question.new, tile_reader(lambda _, __: tile)))


def log(size: int) -> Log:
    """Return a log of `size` random leaves."""
    return Log([secrets.token_bytes(32) for _ in range(size)])


def fork(of: Log, keep: int) -> Log:
    """Return another log that shares the first `keep` leaves."""
    return Log(of.leaves[:keep] + [secrets.token_bytes(32) for _ in of.leaves[keep:]])


def answer_all(chain: Chain, questions: list[Question], by: Log) -> None:
    """Let a log answer every question."""
    for question in questions:
        chain.prove(question, by.path(question))


def test_first_head_is_taken_and_asks_nothing() -> None:
    """Trust begins somewhere: the first checkpoint is the beginning, and is what we have seen."""
    chain = Chain(None)

    assert chain.observe(log(5).head(5)) == []
    assert chain.proven is not None
    assert chain.proven.size == 5


@pytest.mark.parametrize("order", list(permutations((3, 7, 8, 12))))
def test_heads_of_one_history_are_all_proven_in_any_order(order: tuple[int, ...]) -> None:
    """Receipts overtake one another: an honest gateway is never accused, and every head ends proven."""
    one = log(12)
    chain = Chain(None)
    for size in order:
        answer_all(chain, chain.observe(one.head(size)), one)

    assert chain.owed == 0
    assert chain.proven == one.head(12)


def test_answers_in_another_order_prove_the_same() -> None:
    """A head counts as proven only when the whole way to a proven one is shown."""
    one = log(9)
    chain = Chain(one.head(2))
    first, second = chain.observe(one.head(5))[0], chain.observe(one.head(9))[0]

    assert chain.prove(second, one.path(second)) == []
    assert chain.proven == one.head(2)
    assert {head.size for head in chain.prove(first, one.path(first))} == {5, 9}
    assert chain.proven == one.head(9)


def test_threat_G3_fork_after_any_leaf_is_seen_at_the_next_head() -> None:
    """Exhaustive to 24 leaves: whatever k the second history shares, no proof can join it to the first."""
    for old in range(1, 25):
        honest = log(24)
        for shared in range(old):
            other = fork(honest, shared)
            for new in (old + 1, 24) if old < 24 else ():
                chain = Chain(honest.head(old))
                question = chain.observe(other.head(new))[0]
                with pytest.raises(TwoHistoriesError):
                    chain.prove(question, other.path(question))
                chain = Chain(honest.head(old))
                question = chain.observe(other.head(new))[0]
                with pytest.raises(TwoHistoriesError):
                    chain.prove(question, honest.path(question))


def test_threat_G3_two_roots_of_one_size_need_no_proof() -> None:
    """Two signed heads of one size are evidence enough; both notes are kept."""
    one = log(6)
    chain = Chain(one.head(6))

    with pytest.raises(TwoHistoriesError) as caught:
        chain.observe(fork(one, 3).head(6))
    assert caught.value.evidence == b"note 6\nnote 6"


def test_threat_G3_head_of_the_past_that_is_of_another_history_is_seen() -> None:
    """An old receipt out of a second history cannot be slipped in under a newer head."""
    one = log(16)
    chain = Chain(one.head(16))
    question = chain.observe(fork(one, 4).head(9))[0]

    assert question == Question(9, 16)
    with pytest.raises(TwoHistoriesError):
        chain.prove(question, one.path(question))


def test_proof_nobody_asked_for_breaks_the_protocol() -> None:
    """An answer without a question is no reason to believe anything."""
    with pytest.raises(PeerError):
        Chain(None).prove(Question(1, 2), ())


def test_questions_without_an_answer_are_asked_again_on_the_next_connection() -> None:
    """A gateway cannot get rid of a question by breaking off."""
    one = log(9)
    chain = Chain(one.head(2))
    asked = chain.observe(one.head(5)) + chain.observe(one.head(9))

    assert chain.resume() == asked
    answer_all(chain, asked, one)
    assert chain.proven == one.head(9)


def test_restart_asks_for_what_was_owed() -> None:
    """Heads that were noted and not proven before a crash are held against the rest after it."""
    one = log(9)
    chain = Chain(one.head(4), [one.head(9), one.head(6)])
    asked = chain.resume()

    assert asked == [Question(4, 6), Question(6, 9)]
    answer_all(chain, asked, one)
    assert chain.proven == one.head(9)


def test_what_was_signed_was_seen_proven_or_not() -> None:
    """A head counts as seen as soon as its signature was verified: only so is a gateway that shrank found out."""
    one = log(9)
    chain = Chain(one.head(4), [one.head(9)])

    assert (chain.newest, chain.proven) == (one.head(9), one.head(4))


def test_empty_ledger_contradicts_nothing() -> None:
    """Before its first entry a ledger has nothing to prove."""
    chain = Chain(None)

    assert chain.observe(log(0).head(0)) == []
    assert chain.proven is None


def test_gateway_that_owes_too_many_proofs_is_cut() -> None:
    """What waits for proofs is bounded."""
    one = log(8)
    chain = Chain(one.head(1))
    for number in range(checkpoints.UNPROVEN_MAX):
        chain.observe(Checkpoint(ORIGIN, 2 + number, secrets.token_bytes(32), b""))

    with pytest.raises(PeerError):
        chain.observe(Checkpoint(ORIGIN, 1 << 20, secrets.token_bytes(32), b""))


def test_proven_heads_are_remembered_and_cost_no_second_proof() -> None:
    """A receipt that is repeated asks nothing."""
    one = log(9)
    chain = Chain(None)
    for size in (4, 6, 9):
        answer_all(chain, chain.observe(one.head(size)), one)

    assert [chain.observe(one.head(size)) for size in (4, 6, 9)] == [[], [], []]
