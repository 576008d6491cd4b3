"""What a task, a source or an architecture names as ``packages`` holds all code that it imports.

An edit of a module that is left out would rerun nothing: records, corpora or weights would be of code that is no more.
"""

import ast
import importlib.util
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from mmv2.registry import architecture_packages, entries

FRAME = frozenset(
    {
        "mmv2.config",
        "mmv2.data.shards",
        "mmv2.data.sources",
        "mmv2.data.tokenizer",
        "mmv2.errors",
        "mmv2.evaluation.outcome",
        "mmv2.evaluation.tasks",
        "mmv2.files",
        "mmv2.jsonl",
        "mmv2.registry",
    }
)
"""Declarations, reading and writing, and what the workflow hashes beside the packages (``common.smk``)."""
MORE = {
    # For the name of the variable that says where the data lie.
    "persistent": {"mmv2.data.prepare"},
    # They check a file before it is copied.
    "local_text": {"mmv2.evaluation.rows", "mmv2.evaluation.squad"},
    # to_transformers copies weights, and determines none.
    "mmv2.model": {
        "mmv2.final",
        "mmv2.hub.cache",
        "mmv2.hub.configuration",
        "mmv2.hub.modelling",
        "mmv2.hub.padding",
    },
}
"""Why more may be left out, one by one."""


def named() -> Iterator[tuple[str, str, tuple[str, ...]]]:
    for kind, place in (("task", "mmv2.evaluation.tasks"), ("source", "mmv2.data.sources")):
        for name, found in entries(kind).items():
            yield name, f"{place}.{name}", found.packages
    for package, spec in architecture_packages().items():
        yield package, package, spec.packages


@pytest.mark.parametrize(("name", "module", "packages"), [pytest.param(*case, id=case[0]) for case in named()])
def test_packages_hold_what_is_imported(name, module, packages):
    left = {found for found in reached(module) if not any(holds(package, found) for package in packages)}
    assert left - FRAME == MORE.get(name, set())


def test_imports_are_found_wherever_they_stand(tmp_path):
    lines = (
        "import mmv2.jsonl",
        "from mmv2 import files",
        "if TYPE_CHECKING:",
        "    import mmv2.final",
        "def f():",
        "    from mmv2.runs import RunConfig",
    )
    (tmp_path / "module.py").write_text("\n".join(lines))
    assert set(imported(tmp_path / "module.py")) == {"mmv2.jsonl", "mmv2.files", "mmv2.runs"}


def holds(package: str, module: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def reached(module: str) -> set[str]:
    """The project's modules that the code of a module or package, or of one that it imports, imports."""
    found: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [each for file in files(name) for each in imported(file)]
    return found


def files(module: str) -> list[Path]:
    """A module's file; of an architecture's package all of its files, which ``build`` imports later."""
    spec = importlib.util.find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    origin = Path(spec.origin)
    is_architecture = module in architecture_packages()
    return sorted(origin.parent.rglob("*.py")) if is_architecture else [origin]


@cache
def imported(file: Path) -> tuple[str, ...]:
    """The project's modules that a file imports, at its top or later, but for types alone."""
    found = []
    waiting: list[ast.AST] = [ast.parse(file.read_text())]
    while waiting:
        node = waiting.pop()
        if not (isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"):
            waiting += ast.iter_child_nodes(node)
            found += [name for name in _names(node) if name.split(".")[0] in ("mmv2", "baselines")]
    return tuple(found)


def _names(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        for alias in node.names:
            yield full if _is_module(full := f"{node.module}.{alias.name}") else node.module


def _is_module(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:  # its parent is a module
        return False
