"""Lists of owners: what is read, and that a wrong line stops everything without being repeated."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.central.bodies import CHANGES_MAX, Put, Withdraw, read_changes
from gateway.central.feed_file import Line, body, count, in_messages, read_feed
from gateway.domain.errors import FormatError

HEADING = "number,type,status,issuing_state,review_by,conditions,withheld_from,action\n"


def test_list_is_read_as_csv_and_as_json_lines() -> None:
    """Both spellings say the same; dates end with their day, lists are separated by spaces."""
    as_csv = read_feed(HEADING + "AB 1234,passport,LOST,CZ,1970-01-02,no-arrest inform-us,am-police UZ,\n")
    as_json = read_feed(
        '{"number":"AB 1234","type":"passport","status":"LOST","issuing_state":"CZ","review_by":"1970-01-02",'
        '"conditions":["no-arrest","inform-us"],"withheld_from":["am-police","UZ"]}\n'
    )

    change = Put("AB 1234", "passport", "LOST", "CZ", 2 * 86_400_000, ("no-arrest", "inform-us"), ("am-police", "UZ"))
    assert [line.change for line in as_csv] == [line.change for line in as_json] == [change]
    assert [line.line for line in as_csv] == [2]


def test_line_that_withdraws_needs_no_status() -> None:
    """`action` decides what a line is; without it, it puts."""
    lines = read_feed("number,type,action,status\nAB1234,passport,withdraw,\nCD1234,visa,,REVOKED\n")

    assert [line.change for line in lines] == [Withdraw("AB1234", "passport"), Put("CD1234", "visa", "REVOKED")]
    assert count(lines) == {"put": 1, "withdraw": 1}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "holds no change"),
        ("number,type,colour\n", "unknown columns"),
        ("number,type,status\nSECRET99,passport\n", "line 2: more or fewer fields"),
        ("number,type,status\nSECRET99,passport,LOST,1\n", "line 2: more or fewer fields"),
        ("number,type,status\nAB1234,passport,LOST\nSECRET99,passport,FORGED\n", "line 3: invalid enum value"),
        ("number,type,status\nSECRET99,,LOST\n", "line 2: object missing required field `type`"),
        ("number,type,status\n(SECRET99),passport,LOST\n", "line 2: the document number"),
        ("number,type,status,review_by\nSECRET99,passport,LOST,soon\n", "line 2: `review_by` is no day"),
        ('{"number":"SECRET99"\n', "line 1: no JSON"),
        ('{"number":"SECRET99","type":"passport","status":"LOST"}\n{"secret99":1}\n', "line 2: no object"),
        ('{"number":"SECRET99","type":"passport","status":"LOST","review_by":7}\n', "line 1: `review_by` is no day"),
    ],
)
def test_line_that_is_no_change_is_named_and_not_repeated(text: str, complaint: str) -> None:
    """The owner hears which line; a number on a screen or in a log would be personal data (threat O3)."""
    with pytest.raises(FormatError, match=complaint) as refused:
        read_feed(text)

    assert "SECRET99" not in str(refused.value).upper()


@given(st.text(max_size=300))
def test_any_text_is_a_list_or_refused(text: str) -> None:
    """No file ends in any other error (P-06)."""
    try:
        read_feed(text)
    except FormatError:
        return


@given(st.integers(1, 3 * CHANGES_MAX))
def test_messages_carry_every_line_once_and_in_order(lines_n: int) -> None:
    """However long a list is, its messages are within bounds and hold it all."""
    lines = [Line(number, Put(f"AB{number}", "passport", "LOST")) for number in range(1, lines_n + 1)]
    messages = in_messages(lines)

    assert [line for message in messages for line in message] == lines
    assert [len(read_changes(body(message)).changes) for message in messages] == [len(message) for message in messages]
