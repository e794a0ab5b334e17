"""Draw what a world changes in the files of the law: an amendment, a last period, a last day, a time zone."""

from functools import lru_cache
from random import Random
from typing import NamedTuple

from tests.reference import codes, ordinary
from tests.reference.bindings import LAST_DAY, WORKING
from tests.reference.world import law_files

# The article by which each treaty may be amended (CA-20, CZ-40, C8-33, C1-19).
AMENDED_BY = {
    "caricc-2012": ("CA-20", "Art. 9(1)"),
    "cz-kz": ("CZ-40", "Art. 16"),
    "cis-2018": ("C8-33", "Art. 15"),
    "cis-2001": ("C1-19", "Art. 14"),
}
# The text of the superseded agreement of 1998 is not at hand: for CZ-44, the words of its successor stand in for it.
OLD = (
    (r'\nid = "cz-kz"', '\nid = "cz-kz-1998"'),
    (r'\nshort = "CZKZ"', '\nshort = "CZKZ1998"'),
    (r'\[\[clause\]\]\ncheck = "supersession"\n([a-z].*\n)*', ""),
)
TEACHING = '["technical-assistance"]'
# What each instrument gives (LI-02): information in all of them, direct access in two.
EXCHANGE = frozenset({"information-exchange"})
CAPABILITIES = dict.fromkeys(ordinary.LANES, EXCHANGE) | {
    name: EXCHANGE | {"database-access"} for name in codes.DIRECT_ACCESS
}


COUNTED = {LAST_DAY: 'lapse = "last-day"', WORKING: "working_days = true"}


class LawChange(NamedTuple):
    """What a world changes in the files of the law: nothing, mostly."""

    amended: tuple[str, str] | None = None
    limit: str | None = None
    teaching: str | None = None
    kz_until: tuple[str, str] | None = None
    offset: tuple[str, int] | None = None
    counted: tuple[str, str] | None = None


def draw_law(rng: Random) -> LawChange:
    """Return the one change, if any, that a world makes in the law."""
    treaties = ("caricc-2012", "cz-kz", "cis-2018", "cis-2001")
    change = rng.random()
    if change < 0.2:
        return LawChange(amended=(rng.choice((*treaties, "caricc-2012")), rng.choice(("2021-04-01", "2022-11-15"))))
    if change < 0.3:
        return LawChange(limit=rng.choice(("2025-01-10", "2024-08-01")))
    if change < 0.36:
        return LawChange(teaching=rng.choice(("internal-kz", "caricc-2012", "cis-2018")))
    if change < 0.46:
        return LawChange(
            kz_until=(rng.choice(("internal-kz", "caricc-membership")), rng.choice(("2024-09-30", "2023-12-31")))
        )
    if change < 0.56:
        return LawChange(offset=(rng.choice(treaties), rng.choice((300, -720, 840))))
    if change < 0.7:
        return LawChange(
            counted=(rng.choice(("caricc-2012", "cz-kz", "cz-kz", "cis-2018")), rng.choice(tuple(COUNTED)))
        )
    return LawChange()


@lru_cache(maxsize=64)
def files_of(law: LawChange) -> dict[str, bytes]:
    """Return the files of the law with this change, and the superseded agreement of 1998."""
    changes: dict[str, tuple[tuple[str, str], ...]] = {}
    if law.teaching:
        stated = f"\nv = 1\ncapabilities = {TEACHING}\n"
        changes[f"{law.teaching}.toml"] = ((r"\ncapabilities = .*", ""), (r"\nv = 1\n", stated))
    if law.amended:
        agreement, day = law.amended
        rule, article = AMENDED_BY[agreement]
        record = f'\n[[amendment]]\nid = "protocol-1"\nagreed_on = "2019-01-01"\nin_force_on = "{day}"\n'
        record += f'record = "file 1"\nrule = "{rule}"\narticle = "{article}"\n'
        changes[f"{agreement}.toml"] = ((r"\Z", record),)
    if law.limit:
        lasting = f'check = "renewal"\nnot_extended_after = "{law.limit}"'
        changes["cis-2001.toml"] = (('check = "renewal"', lasting),)
    if law.kz_until:
        agreement, day = law.kz_until
        member = '(party = "KZ"\nfrom = "2020-01-01")'
        changes[f"{agreement}.toml"] = ((member, rf'\1\nuntil = "{day}"'),)
    if law.offset:
        agreement, minutes = law.offset
        changes[f"{agreement}.toml"] = ((r"\Z", f"\n[counting]\nutc_offset_minutes = {minutes}\n"),)
    if law.counted:
        agreement, how = law.counted
        changes[f"{agreement}.toml"] = ((r"\Z", f"\n[counting]\n{COUNTED[how]}\n"),)
    return law_files(changes, {"cz-kz-1998.toml": ("cz-kz.toml", OLD)})
