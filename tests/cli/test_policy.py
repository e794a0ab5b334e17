"""`accord policy explain`: the law's answer to a header, offline, with every article."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from gateway.policy.reasons import REASONS
from tests.cli.demo_folder import call, said

PLAIN: dict[str, Any] = {
    "originator": "cz-police",
    "recipients": ["kz-mvd"],
    "kind": "request",
    "agreement": "cz-kz",
    "purposes": ["prevention"],
    "subjects": ["narcotic-drugs"],
    "language": "en",
}


class Asked:
    """Asks about headers under the edition of the demo."""

    def __init__(self, federation: Path, folder: Path) -> None:
        """Use the federation's first edition."""
        self.edition = federation / "directory" / "editions" / "000001.accord"
        self.federation = federation
        self._path = folder / "header.json"

    def about(self, *words: object, **changes: object) -> tuple[int, str]:
        """Return exit code and words for the plain header with `changes`."""
        return self.raw(json.dumps({**PLAIN, **changes}).encode(), *words)

    def raw(self, content: bytes, *words: object) -> tuple[int, str]:
        """Return exit code and words for a file of this content."""
        self._path.write_bytes(content)
        result = call("policy", "explain", self._path, "--directory", self.edition, *words)
        return result.exit_code, said(result)


@pytest.fixture
def asked(made_once: Path, tmp_path: Path) -> Asked:
    """A desk at which to ask."""
    return Asked(made_once, tmp_path)


def test_request_within_the_agreement_is_permitted(asked: Asked) -> None:
    """A Czech request to Kazakhstan for a purpose of the agreement passes: 0."""
    code, text = asked.about()

    assert code == 0, text
    assert text.startswith("permitted on ")
    assert "between CZ and KZ: cz-kz" in text


def test_every_reason_is_told_with_article_and_basis(asked: Asked) -> None:
    """All reasons at once, each with article, rule id and what it rests on: 77."""
    code, text = asked.about(purposes=["border-control"], label={"level": "top-secret"})

    assert code == 77
    assert "purpose-outside-agreement [border-control]" in text
    assert "CZKZ Art. 1(1), Art. 7, Art. 9(3) (rule CZ-45, text)" in text
    assert "clearance-exceeded [cz-police, kz-mvd]" in text


def test_json_says_the_same_and_more(asked: Asked) -> None:
    """A program reads the verdict, the reasons and every clause that was asked."""
    code, text = asked.about("--json", purposes=["border-control"])
    told = json.loads(text)

    assert code == 77
    assert told["permitted"] is False
    assert [reason["code"] for reason in told["reasons"]] == ["purpose-outside-agreement"]
    assert {clause["outcome"] for clause in told["applied"]} == {"kept", "refused"}


def test_time_of_judging_is_chosen(asked: Asked) -> None:
    """The same header on another day is another question: before entry into force it does not pass."""
    code, text = asked.about("--json", "--at", "2020-04-30")
    codes = {reason["code"] for reason in json.loads(text)["reasons"]}

    assert code == 77
    assert "agreement-not-in-force" in codes


def test_only_one_party_to_2018_leaves_2001_in_charge(asked: Asked) -> None:
    """Between Armenia and Moldova the agreement of 2018 is refused and the older one named (C8-36)."""
    pair = {"originator": "am-police", "recipients": ["md-police"]}
    code, text = asked.about(**pair, agreement="cis-2018", subjects=["unauthorised-access"], language="ru")

    assert code == 77
    assert "agreement-not-in-force" in text
    assert "between AM and MD: cis-2001" in text


def test_grant_counts_only_under_its_pinned_key(asked: Asked) -> None:
    """CARICC's search passes with the central node's key given, and not without (CA-12)."""
    query = {
        "originator": "caricc",
        "recipients": ["interpol-gs"],
        "kind": "query",
        "agreement": "caricc-2012",
        "database": "travel-documents",
        "form": {"affected.kz": True, "attest.neutrality": True, "ordinary-law": True},
    }
    config = (asked.federation / "gateway" / "gateway.toml").read_text()
    key = next(line for line in config.splitlines() if line.startswith("grants_key")).split('"')[1]

    assert asked.about("--grants-key", key, **query)[0] == 0
    assert asked.about(**query)[0] == 77
    assert asked.about("--grants-key", "B" * 42 + "A", **query)[0] == 65


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"{", "is no JSON"),
        (b"[]", "is no JSON object"),
        (b"[" * 100_000, "is no JSON"),
        (b'{"originator": "\xff"}', "is no JSON"),
        (b'{"orignator": "cz-police"}', "did you mean `originator`?"),
        (b'{"originator": "CZ Police"}', "originator: expected `str` matching"),
        (b"x" * 300_000, "larger than"),
        (b"", "is empty"),
    ],
)
def test_bad_header_is_told_by_its_field(asked: Asked, content: bytes, what: str) -> None:
    """What is no header is bad input, 65, and the field is named."""
    code, text = asked.raw(content)

    assert code == 65
    assert what in text
    assert "remedy" in text


def test_missing_fields_are_told(asked: Asked) -> None:
    """Law needs to know who, to whom, what and under which instrument; the rest is filled in."""
    for name in ("originator", "recipients", "kind", "agreement", "purposes"):
        rest = {key: value for key, value in PLAIN.items() if key != name}
        code, text = asked.raw(json.dumps(rest).encode())

        assert code == 65
        assert name in text


def test_facts_are_given_for_cited_sources(asked: Asked, tmp_path: Path) -> None:
    """Passing Czech information on to CARICC is refused until facts show the provider's consent (CZ-33)."""
    digest, consent = "S" * 42 + "A", "C" * 42 + "A"
    onward = {
        "originator": "kz-mvd",
        "recipients": ["caricc"],
        "agreement": "caricc-membership",
        "sources": [digest],
        "purposes": ["prevention"],
        "kind": "spontaneous",
    }
    facts: dict[str, Any] = {
        "sources": {
            digest: {
                "header_sha256": digest,
                "originator": "cz-police",
                "recipients": ["kz-mvd"],
                "agreement": "cz-kz",
                "kind": "reply",
                "purposes": ["prevention"],
                "subjects": ["narcotic-drugs"],
                "label": {
                    "level": "restricted",
                    "handling": [],
                    "third_party": "consent-required",
                    "personal_data": False,
                    "special_categories": [],
                    "necessity": None,
                    "confidential_fact": False,
                },
                "conditions": [],
                "in_reply_to": None,
                "sources": [],
                "admitted_at_ms": 1_767_225_600_000,
                "withdrawn": False,
            }
        },
        "consents": {},
    }
    path = tmp_path / "facts.json"
    path.write_text(json.dumps(facts))
    code, text = asked.about("--facts", path, **onward)

    assert code == 77
    assert "CZKZ Art. 11(2)" in text
    assert consent not in text


@pytest.mark.parametrize("content", [b"{", b'{"sources": 3}', b"\xff"])
def test_bad_facts_are_refused(asked: Asked, tmp_path: Path, content: bytes) -> None:
    """A file of facts that is none is bad input."""
    path = tmp_path / "facts.json"
    path.write_bytes(content)

    assert asked.about("--facts", path)[0] == 65


@pytest.mark.parametrize("missing", ["header", "--directory", "--agreements", "--facts"])
def test_missing_file_is_told_from_bad_input(asked: Asked, tmp_path: Path, missing: str) -> None:
    """66 where a file of the command is not there, as with every command; 65 is for one that is no good."""
    header = tmp_path / "header.json"
    header.write_text(json.dumps(PLAIN))
    nothing = tmp_path / "nothing"
    words = [nothing if missing == "header" else header, "--directory", asked.edition]
    result = call("policy", "explain", *words, *([] if missing == "header" else [missing, nothing]))

    assert result.exit_code == 66, said(result)
    assert f"there is no `{nothing}`" in said(result)
    assert "remedy: give the path of an existing file or folder" in said(result)


@pytest.mark.parametrize("given", ["--directory", "--agreements", "--facts"])
def test_file_that_is_no_good_is_bad_input(asked: Asked, tmp_path: Path, given: str) -> None:
    """An empty edition, a folder without agreements, empty facts: 65, never the code of our own configuration."""
    path = tmp_path / "empty"
    if given == "--agreements":
        path.mkdir()
    else:
        path.touch()

    assert asked.about(given, path)[0] == 65


def test_permit_shows_every_clause_that_was_asked(asked: Asked) -> None:
    """Whoever asks why it passed sees rule, article, basis and effect, our own policy told apart from the treaty."""
    code, text = asked.about()

    assert code == 0
    assert re.search(r"kept +CZ-45 +CZKZ Art\. 1\(1\), Art\. 7, Art\. 9\(3\) \(text, refuse\)", text)
    assert re.search(r"kept +ACC-07 +Accord policy 7: .* \(policy, refuse\)", text)
    assert "flagged " not in text


def test_permit_shows_what_was_flagged(asked: Asked) -> None:
    """A `should` that was not met passes, and is told with its sentence, article and basis."""
    code, text = asked.about(language=None)

    assert code == 0
    assert "flagged language-unstated: The message does not state its language." in text
    assert re.search(r"flagged +CZ-22 +CZKZ Art\. 9\(6\) \(text, refuse\)", text)


def test_sentences_are_told_in_russian_on_demand(asked: Asked) -> None:
    """The same reasons in the other language; codes and articles stay what they are."""
    code, text = asked.about("--language", "ru", purposes=["border-control"])

    assert code == 77
    assert f"purpose-outside-agreement [border-control]: {REASONS['purpose-outside-agreement'].ru}" in text
