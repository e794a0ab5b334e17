"""The shape of the code as rules over its syntax trees.

Each rule takes a tree of sources and returns what breaks it, one readable line a breach. No code is run.
"""

import ast
import graphlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

# A part imports only floors below its own, never a neighbour (docs/ARCHITECTURE.md).
FLOORS = {
    "__main__": 8,
    **dict.fromkeys(("cli", "demo"), 7),
    **dict.fromkeys(("app", "settings"), 6),
    "central": 5,
    **dict.fromkeys(("switch", "links", "endpoint"), 4),
    "store": 3,
    **dict.fromkeys(("wire", "telemetry"), 2),
    **dict.fromkeys(("crypto", "policy"), 1),
    "domain": 0,
}
NEIGHBOURS_ALLOWED = {
    ("app", "settings"),  # Someone must read the file and fill each part's limits; that is what `app` is for.
    ("cli", "demo"),  # `accord demo` is a command like any other; the story itself must not know the command line.
}
# Floors 0 and 1 import these and nothing else: no clock, disk, network, log, process, thread.
PURE = set(
    "__future__ abc array base64 binascii bisect calendar collections contextlib copy dataclasses datetime decimal "
    "enum fractions functools graphlib hashlib heapq hmac itertools json math operator re string struct types typing "
    "typing_extensions unicodedata uuid msgspec gateway".split()
)
PURE_IN_PART = {"crypto": {"nacl", "cryptography", "secrets"}}
# Calls that smuggle a clock, chance or the disk through a module that is pure otherwise.
IMPURE_METHODS = set("now utcnow today uuid1 uuid4".split())
IMPURE_FUNCTIONS = set("uuid1 uuid4 open print input exec eval __import__".split())
DRAWERS = set("util utils base manager managers handler handlers helper helpers common misc".split())
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 50


@dataclass(frozen=True)
class Sources:
    """Every file below the code folders of a repository, by its path from the root: Python parsed, SQL as it is."""

    files: dict[Path, tuple[str, ast.Module]]
    queries: dict[Path, str]

    @classmethod
    def read(cls, root: Path, folders: tuple[str, ...] = ("gateway", "tests", "benchmarks", "tools")) -> "Sources":
        """Read all files below `folders` of `root`."""
        python, sql = (
            {
                path.relative_to(root): path.read_text()
                for folder in folders
                for path in sorted((root / folder).rglob(pattern))
            }
            for pattern in ("*.py", "*.sql")
        )
        return cls({path: (text, ast.parse(text, str(path))) for path, text in python.items()}, sql)

    def gateway(self) -> dict[str, tuple[Path, ast.Module]]:
        """Return the product's modules by dotted name."""
        return {_module(path): (path, tree) for path, (_, tree) in self.files.items() if path.parts[0] == "gateway"}


def _module(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Every imported name, fully dotted, wherever in the file the import stands."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def imports_go_down(sources: Sources) -> list[str]:
    """A part imports floors below its own, never a neighbour, never a floor above."""
    breaches = []
    for name, (path, tree) in sources.gateway().items():
        if name == "gateway":
            continue
        part = name.split(".")[1]
        if part not in FLOORS:
            breaches.append(f"{path}: part `{part}` stands on no floor; add it to the design first")
            continue
        for line, imported in _imports(tree):
            other = imported.split(".")[1] if imported.startswith("gateway.") else part
            below = FLOORS.get(other, 99) < FLOORS[part]
            if other != part and not below and (part, other) not in NEIGHBOURS_ALLOWED:
                breaches.append(f"{path}:{line}: `{part}` may not import `{other}` ({imported})")
    return breaches


def low_floors_are_pure(sources: Sources) -> list[str]:
    """Floors 0 and 1 know no clock, disk, network or log."""
    breaches = []
    for name, (path, tree) in sources.gateway().items():
        part = name.split(".")[1] if "." in name else ""
        if FLOORS.get(part, 99) > 1:
            continue
        allowed = PURE | PURE_IN_PART.get(part, set())
        for line, imported in _imports(tree):
            if imported.split(".")[0] not in allowed:
                breaches.append(f"{path}:{line}: `{part}` is pure and may not import `{imported}`")
        breaches += [f"{path}:{line}: `{part}` is pure and may not call `{call}`" for line, call in _impure(tree)]
    return breaches


def _impure(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Attribute) and node.func.attr in IMPURE_METHODS:
            yield node.lineno, node.func.attr
        elif isinstance(node.func, ast.Name) and node.func.id in IMPURE_FUNCTIONS:
            yield node.lineno, node.func.id


def modules_form_no_cycle(sources: Sources) -> list[str]:
    """No module imports itself by way of others, inside a part either."""
    modules = sources.gateway()
    graph = {}
    for name, (_, tree) in modules.items():
        targets = {full if full in modules else full.rpartition(".")[0] for _, full in _imports(tree)}
        graph[name] = (targets & modules.keys()) - {name}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return [f"cycle: {' -> '.join(reversed(error.args[1]))}"]
    return []


def sizes_stay_readable(sources: Sources) -> list[str]:
    """A file fits on a few screens, a function on one."""
    breaches = []
    for path, text in {**{path: text for path, (text, _) in sources.files.items()}, **sources.queries}.items():
        lines = len(text.splitlines())
        if lines > FILE_LINES_MAX:
            breaches.append(f"{path}: {lines} lines, at most {FILE_LINES_MAX}: split by what a reader looks for")
    for path, (_, tree) in sources.files.items():
        for node in _functions(tree):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES_MAX:
                breaches.append(f"{path}:{node.lineno}: `{node.name}` has {length} lines, at most {FUNCTION_LINES_MAX}")
    return breaches


def _functions(tree: ast.Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def no_module_is_a_drawer(sources: Sources) -> list[str]:
    """A module's name says what lives there."""
    return [
        f"{path}: `{part}` says nothing about what lives there"
        for path in sources.files
        for part in path.with_suffix("").parts
        if DRAWERS & set(part.split("_"))
    ]


def packages_hold_one_docstring(sources: Sources) -> list[str]:
    """Importing a package runs nothing, and its first line says what it is for."""
    breaches = []
    for folder in sorted({parent for path in sources.files for parent in path.parents if parent.parts}):
        init = folder / "__init__.py"
        if init not in sources.files:
            breaches.append(f"{folder}: has no __init__.py")
            continue
        tree = sources.files[init][1]
        if len(tree.body) != 1 or ast.get_docstring(tree) is None:
            breaches.append(f"{init}: must hold one docstring and nothing else")
    return breaches


def imports_are_absolute(sources: Sources) -> list[str]:
    """Where a name comes from can be read without knowing where one stands."""
    return [
        f"{path}:{node.lineno}: relative import"
        for path, (_, tree) in sources.files.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level
    ]


def tests_state_their_property(sources: Sources) -> list[str]:
    """The docstring of a test is the property it proves."""
    return [
        f"{path}:{node.lineno}: `{node.name}` has no docstring"
        for path, (_, tree) in sources.files.items()
        if path.parts[0] == "tests"
        for node in _functions(tree)
        if node.name.startswith("test_") and not ast.get_docstring(node)
    ]


Rule = Callable[[Sources], list[str]]
RULES: tuple[Rule, ...] = (
    imports_go_down,
    low_floors_are_pure,
    modules_form_no_cycle,
    sizes_stay_readable,
    no_module_is_a_drawer,
    packages_hold_one_docstring,
    imports_are_absolute,
    tests_state_their_property,
)
