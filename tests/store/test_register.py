"""CZ-31: provision, receipt and destruction, with purpose, scope, authorities and the reason."""

from pathlib import Path

from msgspec.structs import replace

from gateway.store.register import export
from tests.store.running import Running
from tests.store.samples import ALPHA, BRAVO, CHARLIE, LABEL, NOW_MS, ORIGIN, acknowledge, admit, fail, message


async def test_cz_31_register_tells_what_was_given_received_and_destroyed(running: Running, tmp_path: Path) -> None:
    """CZ-31 (Art. 10(6)): every act with its authorities, purposes and reason, after the body is long gone."""
    sent, pending = message(1, recipients=(BRAVO, CHARLIE)), message(2)
    await running.commit(admit(sent), admit(pending), admit(message(3), "purpose-outside"))
    await running.one(acknowledge(sent))
    await running.one(fail(0, CHARLIE))
    await running.one(acknowledge(sent, status="destroyed", at_ms=NOW_MS + 50))
    lines = list(export(tmp_path / "data"))

    assert [(line.act, line.recipient, line.holder, line.reason, line.leaf) for line in lines] == [
        ("provision", BRAVO, None, None, 0),
        ("receipt", BRAVO, None, None, 3),
        ("provision", CHARLIE, None, None, 0),
        ("destruction", CHARLIE, ORIGIN, "delivery ended: expired", 4),
        ("destruction", BRAVO, BRAVO, "stated by the recipient", 5),
        ("provision", BRAVO, None, None, 1),
    ]
    assert {(line.originator, line.agreement, line.purposes, line.subjects) for line in lines} == {
        (ALPHA, "cz-kz", ("detection", "prevention"), ("narcotics",))
    }
    assert all(line.personal_data for line in lines)
    assert [line.at_ms for line in lines] == [NOW_MS, NOW_MS + 5, NOW_MS, NOW_MS + 9, NOW_MS + 50, NOW_MS]


async def test_c8_26_confidential_fact_stands_in_no_listing_unless_asked_for(running: Running, tmp_path: Path) -> None:
    """C8-26 (CIS2018 Art. 8(1)): even that such a message exists is told only to whoever asks for it."""
    hidden = replace(LABEL, confidential_fact=True)
    await running.commit(admit(message(1)), admit(message(2, label=hidden)))

    assert [line.leaf for line in export(tmp_path / "data")] == [0]
    assert [line.leaf for line in export(tmp_path / "data", confidential=True)] == [0, 1]
