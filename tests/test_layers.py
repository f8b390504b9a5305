"""Imports point one way: a package imports from itself and from those below it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import yolo_cli

ROOT = Path(yolo_cli.__file__).parent
LAYERS = (
    *("cli", "training", "export", "bench", "inference", "tasks", "evaluation", "model"),
    *("pictures", "data", ""),
)
MODULES = sorted(ROOT.rglob("*.py"))


def layer(dotted: str) -> int:
    """Position in ``LAYERS`` of ``yolo_cli.data.images`` and the like; the last for top files."""
    part = [*dotted.split("."), ""][1]
    return LAYERS.index(part) if part in LAYERS else len(LAYERS) - 1


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_downwards(path: Path) -> None:
    dotted = ".".join(("yolo_cli", *path.relative_to(ROOT).with_suffix("").parts))
    if path in {ROOT / "__main__.py", ROOT / "__init__.py"}:
        return  # they start the command line, and what Python programs call
    imported = {
        node.module
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("yolo_cli.")
    }
    upwards = {name for name in imported if layer(name) < layer(dotted)}
    assert not upwards


def test_help_needs_no_torch() -> None:
    code = (
        "import sys; from yolo_cli.cli.app import run; run(['--help']); run(['train', '--help']);"
        "heavy = {'torch', 'torchvision', 'matplotlib', 'numpy', 'PIL'} & set(sys.modules);"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
