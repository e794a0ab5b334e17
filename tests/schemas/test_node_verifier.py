"""A second implementation of the wire, written from wire.md in another language, agrees with the first."""

import json
import re
import shutil
from base64 import b64decode
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.cli.vectors_cross import VERIFIERS
from gateway.cli.vectors_directory import A, B, pack
from gateway.cli.vectors_encapsulations import ENCAPSULATIONS
from gateway.cli.vectors_federation import AT_MS, NETWORK, ORIGIN, digest, digest_text, key
from gateway.cli.vectors_lists import changed, listings
from gateway.cli.vectors_verdict import Vector, accepted, given_envelope, opened, refused, render
from gateway.crypto.acknowledgements import open_acknowledgements, sign_acknowledgements
from gateway.crypto.checkpoint import sign_checkpoint
from gateway.crypto.digests import encode_base64url
from gateway.crypto.envelope import decode_envelope, prune
from gateway.crypto.envelope_json import envelope_to_json
from gateway.crypto.keys import make_registration
from gateway.crypto.merkle import consistency_path, leaf_hash, node_hash, root
from gateway.crypto.receipt import leaf_data
from gateway.crypto.sealing import Letter, seal, seal_batch
from gateway.crypto.statements import sign_statement
from gateway.domain.statement import AcknowledgementItem, Consent, SeenCheckpoint
from tests.schemas import node
from tests.schemas.gateway_checks import directory
from tests.schemas.real_ledger import PLAINTEXT, authentic, draft, recipients, record, sealed
from tests.schemas.vector_files import VECTORS, all_vectors

SIGNERS = [key("cz-police message"), key("cz-police seal")]


@pytest.fixture(scope="module")
def verifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Node program with what it needs."""
    return node.prepare(tmp_path_factory.mktemp("node"))


def _verdicts(verifier: Path, folder: Path, vectors: list[Vector]) -> tuple[int, str]:
    """Let the program judge vectors of our own under the federation of all vectors."""
    folder.mkdir()
    shutil.copy(VECTORS / "federation.json", folder)
    (folder / "made.json").write_bytes(render("made in a test", vectors))
    done = node.run(verifier, "verify.mjs", folder)
    return done.returncode, done.stdout + done.stderr


def test_node_reaches_every_verdict(verifier: Path) -> None:
    """Every vector, good and bad, gets the same verdict, class and values in Node as in Python."""
    done = node.run(verifier, "verify.mjs", VECTORS)

    count = len(all_vectors())
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert done.stdout.splitlines()[-1] == f"{count} of {count} vectors as expected"


def test_node_tells_a_verdict_that_is_not_the_expected_one(verifier: Path, tmp_path: Path) -> None:
    """The program can fail: by a wrong verdict, class or value, each on its own line, and exit code 1."""
    good = next(vector for vector in all_vectors() if vector["name"] == "suite-1-single")
    bad = next(vector for vector in all_vectors() if vector["name"] == "bodies-swapped")
    expectations: list[tuple[dict[str, Any], dict[str, Any]]] = [
        (good, {"verdict": "refused", "class": "digest"}),
        (bad, {"verdict": "ok", "values": {}}),
        (bad, {"verdict": "refused", "class": "signature"}),
        (good, {"verdict": "ok", "values": {"plaintext": "AAAA"}}),
    ]
    vectors = [
        msgspec.convert({**vector, "name": f"wrong {i}", "expect": expect}, Vector)
        for i, (vector, expect) in enumerate(expectations)
    ]

    code, output = _verdicts(verifier, tmp_path / "vectors", vectors)
    assert code == 1
    assert re.findall(r"^UNEXPECTED +(wrong \d)", output, re.MULTILINE) == [f"wrong {i}" for i in range(4)]
    assert "0 of 4 vectors as expected" in output


def test_node_says_that_there_are_no_vectors(verifier: Path, tmp_path: Path) -> None:
    """66, and no verdict, where the folder holds nothing."""
    assert node.run(verifier, "verify.mjs", tmp_path).returncode == 66


def test_encapsulations_follow_from_their_names(verifier: Path) -> None:
    """The stored ML-KEM ciphertexts are those that Node derives: nothing in the vectors is arbitrary (S-07)."""
    done = node.run(verifier, "encapsulate.mjs", VECTORS)

    assert json.loads(done.stdout) == {name: "".join(text.split()) for name, text in ENCAPSULATIONS.items()}


def _envelope_vectors() -> list[Vector]:
    plaintext = encode_base64url(PLAINTEXT)
    both = recipients("kz-mvd wrap 2", "caricc wrap 2")
    several = seal(draft(), PLAINTEXT, both, SIGNERS)
    letters = [Letter(draft(), PLAINTEXT, recipients("kz-mvd wrap 2")) for _ in range(3)]
    pruned = prune(several, 1)
    envelopes = {
        "suite 1": (sealed(1), "kz-mvd"),
        "suite 2": (sealed(2), "kz-mvd"),
        "several": (several, "caricc"),
        **{f"batch {i}": (raw, "kz-mvd") for i, raw in enumerate(seal_batch(letters, SIGNERS))},
    }
    found = [
        accepted(name, "Sealed by the product.", "envelope", given_envelope(raw, recipient=to),
                 plaintext=plaintext, **opened(decode_envelope(raw)))
        for name, (raw, to) in envelopes.items()
    ]  # fmt: skip
    as_json = envelope_to_json(decode_envelope(several)).decode("ascii")
    return [
        *found,
        accepted(
            "pruned", "", "envelope", given_envelope(pruned, recipient="caricc", pruned=True), plaintext=plaintext
        ),
        accepted("json", "", "envelope", {"json": as_json, "recipient": "kz-mvd"}, plaintext=plaintext),
        refused(
            "pruned for another", "format", "", "envelope", given_envelope(pruned, recipient="md-police", pruned=True)
        ),
    ]


def test_node_opens_what_the_product_seals(verifier: Path, tmp_path: Path) -> None:
    """Envelopes with the product's own randomness, in every form, open in Node to the bytes that were sealed."""
    code, output = _verdicts(verifier, tmp_path / "vectors", _envelope_vectors())

    assert code == 0, output


def _statement_vectors() -> list[Vector]:
    sent = AT_MS - 1_000
    consent = Consent(1, NETWORK, draft().id, "cz-police", "kz-mvd", "cz-kz", (digest_text("source"),), (), (), (),
                      sent, AT_MS + 1, None, sent)  # fmt: skip
    item = AcknowledgementItem(
        1, NETWORK, "kz-mvd", "cz-police", digest_text("header"), "consigned", sent, digest_text("s")
    )
    items = [item, msgspec.structs.replace(item, status="refused")]
    batch = sign_acknowledgements(items, key("kz-mvd acknowledgement"), SeenCheckpoint(ORIGIN, 1, digest_text("root")))
    evidence = open_acknowledgements(batch, directory(), NETWORK, AT_MS).items[1][2]
    owned = [key(f"kz-mvd {role}") for role in ("message", "consent", "wrap 1", "wrap 2")]
    registration = make_registration(NETWORK, "kz-mvd", owned, [digest_text("certificate")], AT_MS)
    raw = sign_statement("consent", consent, key("cz-police consent"))
    return [
        accepted("consent", "", "statement", {"statement": encode_base64url(raw)}, type="consent"),
        accepted("batch", "", "acknowledgements", {"batch": encode_base64url(batch)}, items=msgspec.to_builtins(items)),
        accepted("evidence", "", "evidence", {"evidence": encode_base64url(evidence)}, status="refused"),
        accepted("registration", "", "registration", {"statement": encode_base64url(registration)}, authority="kz-mvd"),
    ]


def test_node_accepts_what_the_product_signs(verifier: Path, tmp_path: Path) -> None:
    """Consent, acknowledgements, evidence and key registration of the product hold in Node."""
    code, output = _verdicts(verifier, tmp_path / "vectors", _statement_vectors())

    assert code == 0, output


def test_threat_E7_node_accepts_the_cross_table_under_its_own_types(verifier: Path, tmp_path: Path) -> None:
    """E7: nothing but the type under the signature refuses in Node what `cross.json` shows."""
    vectors = [
        accepted(shown, "", check, build(signer, shown)) for shown, (check, _, signer, build) in VERIFIERS.items()
    ]

    code, output = _verdicts(verifier, tmp_path / "vectors", vectors)
    assert code == 0, output


def test_node_accepts_every_list_in_its_order(verifier: Path, tmp_path: Path) -> None:
    """The editions of `lists.json` without their one fault hold in Node: nothing else refuses them there."""
    right = ((each.field, pack(changed(each.path, each.entries), A, B)) for each in listings())
    vectors = [accepted(name, "", "edition", {"edition": encode_base64url(raw)}, number=7) for name, raw in right]

    code, output = _verdicts(verifier, tmp_path / "vectors", vectors)
    assert code == 0, output


def _consistency(name: str, old: bytes, new: bytes, path: Sequence[bytes]) -> Vector:
    given = {
        "old": old.decode("utf-8"),
        "new": new.decode("utf-8"),
        "path": [encode_base64url(each) for each in path],
    }
    return accepted(name, "", "consistency", given)


def _forked(leaves: list[bytes], shared: int, old: bytes) -> Vector:
    """A ledger that keeps `shared` leaves and rewrites the others, with an honest path inside the new history."""
    rewritten = [*leaves[:shared], *(leaf_hash(digest(f"rewritten {i}")) for i in range(shared, len(leaves)))]

    def read(level: int, index: int) -> bytes:
        if level == 0:
            return rewritten[index]
        return node_hash(read(level - 1, 2 * index), read(level - 1, 2 * index + 1))

    new = sign_checkpoint(ORIGIN, len(leaves), root(rewritten), key("checkpoint")).note
    honest = _consistency(f"rewritten from {shared}", old, new, consistency_path(len(leaves) - 1, len(leaves), read))
    return refused(honest.name, "trust", "", "consistency", honest.given)


def test_threat_G3_node_follows_a_real_ledger_and_no_other(verifier: Path, tmp_path: Path) -> None:
    """Receipts and consistency of a real store hold; a rewrite of any leaf shows at the very next checkpoint."""
    ledger = record(tmp_path / "data", [authentic(sealed(1)) for _ in range(7)], frozenset({2}))
    notes = ledger.checkpoints
    extras = [b64decode(raw.split(b"\n")[1].removeprefix(b"extra ")) for raw in ledger.receipts]
    leaves = [leaf_hash(leaf_data(extra[:32], extra[32:])) for extra in extras]
    vectors = [
        *(
            accepted(f"receipt {i}", "", "receipt", {"receipt": raw.decode("utf-8")}, index=i, size=i + 1)
            for i, raw in enumerate(ledger.receipts)
        ),
        *(_consistency(f"from {size}", notes[size - 1], notes[-1], path) for size, path in ledger.paths.items()),
        *(_forked(leaves, shared, notes[5]) for shared in range(6)),
    ]

    code, output = _verdicts(verifier, tmp_path / "vectors", vectors)
    assert code == 0, output
