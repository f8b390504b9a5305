"""Imports point one way: a package imports from itself and from those below it."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import yolo_cli
from yolo_cli.cli.commands import TABLE

ROOT = Path(yolo_cli.__file__).parent
LAYERS = (
    *("cli", "training", "prune", "export", "label", "bench", "darknet", "engine"),
    *("inference", "tasks", "evaluation"),
    "model",
    *("pictures", "data", ""),
)
MODULES = sorted(ROOT.rglob("*.py"))
STARTS = {ROOT / "__main__.py", ROOT / "__init__.py"}  # the command line, and what programs call
MOST_LINES = {"file": 350, "function": 60}
# Functions that are lists of options.
COMMANDS = {
    f"cli/{module}.py:{name}" for module, name in (e.place.split(":") for e in TABLE.values())
}


def dotted(path: Path) -> str:
    """Name of a module."""
    parts = ("yolo_cli", *path.relative_to(ROOT).with_suffix("").parts)
    return ".".join(parts).removesuffix(".__init__")


NAMES = {dotted(path): path for path in MODULES}


def imported(path: Path) -> Iterator[str]:
    """Modules of this project that a file imports anywhere: in functions, for types, lazily."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in NAMES)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            for alias in node.names:
                name = f"{node.module}.{alias.name}"
                if name in NAMES:  # from package import module
                    yield name
                elif node.module in NAMES:
                    yield node.module


def layer(name: str) -> int:
    """Position in ``LAYERS`` of ``yolo_cli.data.images`` and the like; the last for top files."""
    part = [*name.split("."), ""][1]
    return LAYERS.index(part) if part in LAYERS else len(LAYERS) - 1


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_downwards(path: Path) -> None:
    if path not in STARTS:
        assert not {name for name in imported(path) if layer(name) < layer(dotted(path))}


def test_no_imports_go_in_a_circle() -> None:
    graph = {dotted(path): set(imported(path)) for path in MODULES if path not in STARTS}
    done: set[str] = set()

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " imports ".join([*above[above.index(name) :], name])
        if name not in done:
            for below in sorted(graph.get(name, ())):
                visit(below, (*above, name))
            done.add(name)

    for name in sorted(graph):
        visit(name, ())


def test_files_and_functions_are_short() -> None:
    long = []
    for path in MODULES:
        text, place = path.read_text("utf-8"), path.relative_to(ROOT).as_posix()
        if len(text.splitlines()) > MOST_LINES["file"]:
            long.append(f"{place}: {len(text.splitlines())} lines")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                name = f"{place}:{node.name}"
                if lines > MOST_LINES["function"] and name not in COMMANDS:
                    long.append(f"{name}: {lines} lines")
    assert not long


def test_help_needs_no_torch() -> None:
    code = (
        "import sys; from yolo_cli.cli.app import run; run(['--help']); run(['train', '--help']);"
        "heavy = {'torch', 'torchvision', 'matplotlib', 'numpy', 'PIL'} & set(sys.modules);"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
