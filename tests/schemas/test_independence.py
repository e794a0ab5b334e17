"""The verifiers prove something only because they share nothing with what they verify."""

import json
import re

from tests.schemas.vector_files import SCHEMAS, VECTORS

VERIFIER = SCHEMAS / "verifier"
PROGRAMS = sorted([*VERIFIER.glob("*.mjs"), *VERIFIER.glob("lib/*.mjs")])


def test_node_program_imports_node_itself_and_one_package() -> None:
    """Built-in modules, its own files, ML-KEM of one package: no line of the gateway, no other library."""
    assert PROGRAMS
    for path in PROGRAMS:
        text = path.read_text("utf-8")
        imported = re.findall(r"""^(?:import|export)\b(?:[^;"'(=]*\bfrom)?\s*["']([^"']+)""", text, re.MULTILINE)
        imported += re.findall(r"""\bimport\(["']([^"']+)""", text)
        foreign = [name for name in imported if not re.match(r"node:|\./(lib/)?[a-z0-9]+\.mjs$", name)]
        assert set(foreign) <= {"@noble/post-quantum/ml-kem.js"}, path
        assert not re.search(r"child_process|\brequire\(|\beval\(", text), path


def test_lock_file_pins_by_digest_and_names_no_host() -> None:
    """Whoever installs gets the same bytes from whichever mirror: every package has its SHA-512, none an address."""
    lock = json.loads((VERIFIER / "package-lock.json").read_text("utf-8"))
    wanted = json.loads((VERIFIER / "package.json").read_text("utf-8"))["dependencies"]
    packages = {name: entry for name, entry in lock["packages"].items() if name}

    assert wanted == {"@noble/post-quantum": lock["packages"]["node_modules/@noble/post-quantum"]["version"]}
    assert all(re.fullmatch(r"sha512-[A-Za-z0-9+/]{86}==", entry["integrity"]) for entry in packages.values())
    assert "resolved" not in json.dumps(lock)
    assert all(name.startswith("node_modules/@noble/") for name in packages)


def test_no_private_key_is_in_the_vectors() -> None:
    """Secrets of the public test keys are derived from their names by whoever needs them; none is stored."""
    text = "".join(path.read_text("ascii") for path in VECTORS.glob("*.json"))

    assert "PRIVATE" not in text
    assert '"private"' not in text
    assert '"seed"' not in text
