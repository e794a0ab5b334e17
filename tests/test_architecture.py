"""The code keeps its shape, and every rule that says so can fail."""

from pathlib import Path

import pytest

from tests import architecture
from tests.architecture import RULES, Rule, Sources

ROOT = Path(__file__).resolve().parent.parent


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_code_keeps_the_rule(rule: Rule) -> None:
    """No line of the repository breaks the rule; a failure names file, line and remedy."""
    breaches = rule(Sources.read(ROOT))

    assert not breaches, f"{rule.__doc__}\n" + "\n".join(breaches)


LONG_FUNCTION = "def act() -> None:\n" + "    pass\n" * 50
BREACHES = [
    ("imports_go_down", {"domain/label.py": "import gateway.crypto.keys\n"}, "`domain` may not import `crypto`"),
    ("imports_go_down", {"links/mqtt.py": "from gateway.switch import routing\n"}, "`links` may not import `switch`"),
    ("imports_go_down", {"links/mqtt.py": "from gateway import app\n"}, "`links` may not import `app`"),
    ("imports_go_down", {"demo/story.py": "from gateway.cli import main\n"}, "`demo` may not import `cli`"),
    ("imports_go_down", {"policy/due.py": "def f():\n    import gateway.store.x\n"}, "`policy` may not import `store`"),
    ("imports_go_down", {"stuff/x.py": ""}, "part `stuff` stands on no floor"),
    ("low_floors_are_pure", {"domain/session.py": "import time\n"}, "may not import `time`"),
    ("low_floors_are_pure", {"policy/decide.py": "from os import path\n"}, "may not import `os.path`"),
    ("low_floors_are_pure", {"policy/due.py": "import secrets\n"}, "may not import `secrets`"),
    ("low_floors_are_pure", {"crypto/keys.py": "import socket\n"}, "may not import `socket`"),
    ("low_floors_are_pure", {"policy/due.py": "import datetime\ndatetime.datetime.now()\n"}, "may not call `now`"),
    ("low_floors_are_pure", {"domain/label.py": "open('x')\n"}, "may not call `open`"),
    (
        "modules_form_no_cycle",
        {"wire/a.py": "import gateway.wire.b\n", "wire/b.py": "from gateway.wire import a\n"},
        "->",
    ),
    (
        "modules_form_no_cycle",
        {"wire/a.py": "from gateway.wire.b import X\n", "wire/b.py": "import gateway.wire.a\n"},
        "->",
    ),
    ("sizes_stay_readable", {"wire/a.py": "x = 1\n" * 401}, "401 lines, at most 400"),
    ("sizes_stay_readable", {"store/migrations/0001.sql": "SELECT 1;\n" * 401}, "0001.sql: 401 lines, at most 400"),
    ("sizes_stay_readable", {"wire/a.py": LONG_FUNCTION}, "`act` has 51 lines, at most 50"),
    ("no_module_is_a_drawer", {"wire/helpers.py": ""}, "`helpers` says nothing"),
    ("no_module_is_a_drawer", {"wire/session_manager.py": ""}, "`session_manager` says nothing"),
    ("packages_hold_one_docstring", {"wire/__init__.py": '"""Wire."""\nX = 1\n'}, "must hold one docstring"),
    ("packages_hold_one_docstring", {"wire/deep/a.py": ""}, "gateway/wire/deep: has no __init__.py"),
    ("imports_are_absolute", {"wire/a.py": "from . import b\n"}, "a.py:1: relative import"),
    ("tests_state_their_property", {"../tests/test_a.py": "async def test_a(): pass\n"}, "`test_a` has no docstring"),
]


@pytest.mark.parametrize(("rule", "files", "breach"), BREACHES)
def test_rule_can_fail(rule: str, files: dict[str, str], breach: str, tmp_path: Path) -> None:
    """A tree with exactly this breach is caught, by this rule, in these words."""
    breaches = getattr(architecture, rule)(_tree(tmp_path, files))

    assert any(breach in line for line in breaches), breaches


def test_exceptions_and_lower_floors_pass(tmp_path: Path) -> None:
    """What the floors allow is not reported: below, within a part, and the two named neighbours."""
    sources = _tree(
        tmp_path,
        {
            "app/gateway.py": "from gateway.settings import file\nfrom gateway.domain import label\n",
            "cli/demo.py": "from gateway.demo import story\n",
            "crypto/keys.py": "import secrets\nimport nacl.bindings\nfrom gateway.crypto import merkle\n",
        },
    )

    assert [breach for rule in RULES for breach in rule(sources) if "__init__" not in breach] == []


def _tree(root: Path, files: dict[str, str]) -> Sources:
    for name, text in files.items():
        path = (root / "gateway" / name).resolve()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Sources.read(root)
