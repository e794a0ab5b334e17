"""The law as files: what is shipped loads, and what is wrong is refused with file, key and remedy."""

import re
from pathlib import Path

import pytest

from gateway.domain.clause import Entry, ThirdParty
from gateway.domain.errors import ConfigurationError
from gateway.policy.agreements import read_law
from gateway.policy.standing import clause_of
from tests.policy.world import AGREEMENTS, law

FILES = sorted(AGREEMENTS.glob("*.toml"))
TEXTS = {"CARICC": "CA-", "CZKZ": "CZ-", "CIS2018": "C8-", "CIS2001": "C1-"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_shipped_agreement_loads_alone(path: Path) -> None:
    """Each file stands for itself; an operator may drop what the federation does not use."""
    assert set(read_law({path.name: path.read_bytes()}).agreements) == {path.stem}


def test_capabilities_and_authentic_languages_are_stated() -> None:
    """LI-02, C8-38, C1-30: only two instruments give access to databases; both CIS texts are authentic in Russian."""
    agreements = law().agreements.values()

    assert {each.id for each in agreements if "database-access" in each.capabilities} == {
        "caricc-2012",
        "interpol-membership",
    }
    assert {each.id: each.authentic for each in agreements if each.authentic} == {
        "cis-2018": ("ru",),
        "cis-2001": ("ru",),
    }


def test_four_instruments_and_three_templates_are_shipped() -> None:
    """Issue 2, 4: the four texts, and operator-defined instruments for what they leave out."""
    origins = {name: agreement.origin for name, agreement in law().agreements.items()}

    assert origins == {
        **dict.fromkeys(("caricc-2012", "cz-kz", "cis-2018", "cis-2001"), "treaty"),
        **dict.fromkeys(("interpol-membership", "caricc-membership", "internal-kz"), "operator"),
    }


def test_treaty_clauses_cite_their_own_register() -> None:
    """A clause of one instrument cites that instrument's rules (rules.md 1.1 to 1.5) or a trap of 1.7."""
    for agreement in law().agreements.values():
        if agreement.origin == "operator":
            continue
        for clause in agreement.clauses:
            assert clause.article.startswith(f"{agreement.short} "), clause
            assert clause.rule.startswith((TEXTS[agreement.short], "1.7-")), clause


def test_policy_of_ours_in_a_treaty_says_why_and_text_is_quoted() -> None:
    """A gateway must never present its own policy as the treaty's word (rules.md, basis)."""
    for agreement in law().agreements.values():
        for clause in agreement.clauses:
            if agreement.origin == "treaty" and clause.basis == "policy":
                assert clause.note, clause
            if clause.basis == "text":
                assert clause.words, clause


def test_quoted_words_stand_in_the_source_texts() -> None:
    """Where the source texts lie beside the project, every quotation of the `text` clauses is found in them."""
    texts = Path(__file__).parents[3] / "shared" / "treaties"
    if not texts.is_dir():
        return
    for agreement in law().agreements.values():
        if agreement.origin == "operator":
            continue
        whole = _plain((texts / agreement.source).read_text())
        for clause in agreement.clauses:
            for part in clause.words.split(" ... "):
                if clause.rule != "C8-16":  # Shortened to its seven letters.
                    assert _plain(part) in whole, (clause.rule, part)


def _plain(text: str) -> str:
    return re.sub(r"[\s\-_]+", " ", text.replace("\u2019", "'").replace("*", "")).lower()


def test_digest_of_the_law_changes_with_any_byte_of_any_file() -> None:
    """Every decision names the law; a comment more is another law file."""
    files = {path.name: path.read_bytes() for path in FILES}
    changed = read_law({**files, "cz-kz.toml": files["cz-kz.toml"] + b"\n# one more line\n"})

    assert read_law(files).sha256 == law().sha256
    assert changed.sha256 != law().sha256
    assert {name for name in changed.digests if changed.digests[name] != law().digests[name]} == {"cz-kz"}


CZ = (AGREEMENTS / "cz-kz.toml").read_text()
CARICC = (AGREEMENTS / "caricc-2012.toml").read_text()
INTERNAL = (AGREEMENTS / "internal-kz.toml").read_text()
AMENDED = """
[[amendment]]
id = "{}"
rule = "CZ-40"
article = "Art. 16"
agreed_on = "{}"
in_force_on = "{}"
record = "protocol"
"""
WRONG = {
    "no TOML": ("cz-kz.toml", "v = = 1", "(file)"),
    "not UTF-8": ("cz-kz.toml", "\udcff", "(file)"),
    "unknown key": ("cz-kz.toml", CZ.replace('keyed_to = "party"', 'keyed_too = "party"', 1), "clause"),
    "unknown check": ("cz-kz.toml", CZ.replace('check = "suspension"', 'check = "suspensions"'), "clause"),
    "unknown basis": ("cz-kz.toml", CZ.replace('basis = "text"', 'basis = "gospel"', 1), "clause"),
    "unknown effect": ("cz-kz.toml", CZ.replace('basis = "text"', 'basis = "text"\neffect = "warn"', 1), "clause"),
    "missing article": ("cz-kz.toml", CZ.replace('article = "Art. 17"\n', ""), "clause"),
    "another version": ("cz-kz.toml", CZ.replace("v = 1", "v = 2", 1), "v"),
    "another name": ("cz-kz-2.toml", CZ, "id"),
    "a name that ends alike": ("old-cz-kz.toml", CZ, "id"),
    "no clause on third parties": (
        "cz-kz.toml",
        CZ.replace('check = "third-party"', 'check = "conditions"').replace(
            'keyed_to = "party"\nconsent = "required"\ninside_party = "free"\n', ""
        ),
        "clause",
    ),
    "no entry into force": ("internal-kz.toml", INTERNAL.replace('origin = "operator"', 'origin = "treaty"'), "clause"),
    "a treaty with members": ("cz-kz.toml", f'{CZ}\n[[member]]\nparty = "CZ"\nfrom = "2020-01-01"\n', "member"),
    "an operator's without members": (
        "internal-kz.toml",
        INTERNAL.replace('[[member]]\nparty = "KZ"\nfrom = "2020-01-01"\n', ""),
        "member",
    ),
    "a hub that is no member": (
        "internal-kz.toml",
        INTERNAL.replace("within_party", 'hub = "CARICC"\nwithin_party'),
        "hub",
    ),
    "a day that does not exist": ("internal-kz.toml", INTERNAL.replace("2020-01-01", "2020-02-30"), "member[0]"),
    "an end before the beginning": (
        "internal-kz.toml",
        INTERNAL.replace('from = "2020-01-01"', 'from = "2020-01-01"\nuntil = "2019-01-01"'),
        "member[0].until",
    ),
    "a code that is no reason": ("cz-kz.toml", CZ.replace('code = "ground-missing"', 'code = "groundless"'), "code"),
    "policy without a note": (
        "cz-kz.toml",
        CZ.replace('note = "The duties to correct', 'words = "The duties to correct'),
        "note",
    ),
    "wholly replaced by nobody": ("cz-kz.toml", CZ.replace('between = ["CZ", "KZ"]\n', ""), "scope"),
    "attested where no consent helps": (
        "cz-kz.toml",
        CZ.replace('consent = "written"\nattestations', 'consent = "none"\nattestations'),
        "attestations",
    ),
    "an article that no treaty has": ("cz-kz.toml", CZ.replace('"Art. 17"', '"Section 17"'), "clause[2].article"),
    "an article that this treaty has not": ("cz-kz.toml", CZ.replace('"Art. 17"', '"Art. 19"'), "clause[2].article"),
    "an end of articles beyond the last": ("cz-kz.toml", CZ.replace('"Art. 3-9"', '"Art. 3-19"'), "clause"),
    "article zero": ("cz-kz.toml", CZ.replace('"Art. 17"', '"Art. 0"'), "clause[2].article"),
    "an article without a number": ("cz-kz.toml", CZ.replace('"Art. 17"', '"Art. seventeen"'), "clause[2].article"),
    "a treaty without a number of articles": ("cz-kz.toml", CZ.replace("articles = 18\n", ""), "articles"),
    "an amendment in force before it was agreed": (
        "cz-kz.toml",
        CZ + AMENDED.format("p1", "2026-10-01", "2026-09-30"),
        "amendment[0].in_force_on",
    ),
    "an amendment on no day": ("cz-kz.toml", CZ + AMENDED.format("p1", "2026-02-30", "2026-09-30"), "amendment[0]"),
    "an amendment twice": (
        "cz-kz.toml",
        CZ + 2 * AMENDED.format("p1", "2026-01-01", "2026-09-30"),
        "amendment[0].id",
    ),
    "an amendment by no article": (
        "cz-kz.toml",
        CZ + AMENDED.format("p1", "2026-01-01", "2026-09-30").replace("Art. 16", "Art. 61"),
        "amendment[0].article",
    ),
    "a last period that ends on no day": (
        "cis-2001.toml",
        (AGREEMENTS / "cis-2001.toml").read_text().replace("years = 5", 'years = 5\nnot_extended_after = "2027-02-29"'),
        "not_extended_after",
    ),
    "a rule set that ends before it begins": (
        "caricc-2012.toml",
        CARICC.replace('until = "2012-06-30"', 'from = "2013-01-01"\nuntil = "2012-06-30"', 1),
        "until",
    ),
    "a successor that is no rule set": (
        "caricc-2012.toml",
        CARICC.replace('successor = "rpd"', 'successor = "rdp"', 1),
        "successor",
    ),
    "it implements what is not there": ("internal-kz.toml", 'implements = "cz-kz"\n' + INTERNAL, "implements"),
    "it replaces itself": ("cz-kz.toml", CZ.replace("cz-kz-1998", "cz-kz"), "clause.replaces"),
}


@pytest.mark.parametrize("case", sorted(WRONG))
def test_wrong_file_is_refused_with_file_key_and_remedy(case: str) -> None:
    """Bad input: the operator reads which file, which key, and what to do."""
    name, text, key = WRONG[case]

    with pytest.raises(ConfigurationError) as refused:
        read_law({f"config/agreements/{name}": text.encode("utf-8", "surrogateescape")})

    assert str(refused.value).startswith(f"config/agreements/{name}: key `")
    assert key in str(refused.value).split("`")[1]
    assert refused.value.remedy


def _replacing(name: str, *replaced: str, scope: str = "pairwise") -> str:
    """Return a treaty of this id that replaces others, with the parties of cz-kz."""
    names = ", ".join(f'"{each}"' for each in replaced)
    text = CZ.replace('id = "cz-kz"', f'id = "{name}"').replace('replaces = ["cz-kz-1998"]', f"replaces = [{names}]")
    return text.replace('scope = "wholly"', f'scope = "{scope}"')


def test_mutual_supersession_is_refused() -> None:
    """Two instruments that end each other leave nothing in force."""
    files = {path.name: path.read_bytes() for path in FILES}
    back = b'\n[[clause]]\ncheck = "supersession"\nrule = "C1-19"\narticle = "Art. 13"\nbasis = "text"\n'
    back += b'replaces = ["cis-2018"]\nscope = "pairwise"\n'

    with pytest.raises(ConfigurationError, match="replaces it too"):
        read_law({**files, "cis-2001.toml": files["cis-2001.toml"] + back})


def test_supersession_in_a_longer_ring_is_refused() -> None:
    """Bad input: three that end one another in a ring leave nothing in force either; the whole ring is named."""
    ring = {f"{one}.toml": _replacing(one, other).encode() for one, other in (("a1", "b1"), ("b1", "c1"), ("c1", "a1"))}

    with pytest.raises(ConfigurationError, match=r"replaces it too, by way of (\w1, ){2}\w1"):
        read_law(ring)


@pytest.mark.parametrize(
    ("first", "second", "refused"),
    [
        (_replacing("new-one", "old"), _replacing("new-two", "old"), True),
        (_replacing("new-one", "old"), _replacing("new-two", "old").replace('["CZ", "KZ"]', '["CZ", "KG"]'), False),
        (_replacing("new-one", "old").replace('between = ["CZ", "KZ"]\n', ""), _replacing("new-two", "old"), True),
        (_replacing("new-one", "old", scope="wholly"), _replacing("new-two", "old").replace("KZ", "KG"), True),
        (_replacing("new-one", "old"), _replacing("new-two", "new-one"), False),
    ],
    ids=["one pair", "two pairs", "everybody and a pair", "wholly and a pair", "one after the other"],
)
def test_overlapping_supersession_is_refused(first: str, second: str, refused: bool) -> None:
    """Bad input: two that replace the same one for the same pair leave open which of them did."""
    files = {"new-one.toml": first.encode(), "new-two.toml": second.encode()}
    if not refused:
        assert set(read_law(files).agreements) == {"new-one", "new-two"}
        return

    with pytest.raises(ConfigurationError, match="`old` is replaced for the same pair by `new-one` as well") as error:
        read_law(files)
    assert error.value.what.startswith("new-two.toml: key `clause.replaces`")


def test_arrangement_that_implements_can_only_narrow() -> None:
    """CA-18, CARICC Art. 7: what an implementing arrangement widens is refused; what it narrows is law."""
    child = CZ.replace('id = "cz-kz"', 'id = "cz-kz-protocol"\nimplements = "cz-kz"').replace("cz-kz-1998", "older")
    narrower = child.replace('"request", "reply", "spontaneous"', '"request", "reply"')
    wider = child.replace('"request", "reply", "spontaneous"', '"request", "reply", "spontaneous", "query"')
    files = {"cz-kz.toml": CZ.encode()}

    assert len(read_law({**files, "cz-kz-protocol.toml": narrower.encode()}).agreements) == 2
    with pytest.raises(ConfigurationError, match="`query` is none of the kinds of `cz-kz`"):
        read_law({**files, "cz-kz-protocol.toml": wider.encode()})


def test_two_files_of_one_id_and_no_file_at_all_are_refused() -> None:
    """One text, one file; and a gateway without law does not start."""
    raw = CZ.encode()

    with pytest.raises(ConfigurationError, match="two files"):
        read_law({"a/cz-kz.toml": raw, "b/cz-kz.toml": raw})
    with pytest.raises(ConfigurationError, match="no agreement file"):
        read_law({})


def test_clause_is_found_by_its_kind() -> None:
    """`clause_of` returns the first, or None where the instrument is silent."""
    assert clause_of(law().agreements["cz-kz"], ThirdParty) is not None
    assert clause_of(law().agreements["internal-kz"], Entry) is None
