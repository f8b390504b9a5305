"""What is imported, and when: start-up is the first that anyone sees of a command."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from yolo_cli.cli.commands import TABLE, load


def imported(code: str) -> set[str]:
    """All modules in a new process after it has run some code."""
    show = "import sys; print(*sys.modules, file=sys.stderr)"
    command = [sys.executable, "-c", f"{code}\n{show}"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return set(done.stderr.splitlines()[-1].split())


@pytest.mark.parametrize("name", TABLE)
def test_the_summary_of_a_command_is_its_docstrings(name: str) -> None:
    command = load(name)
    assert command.name == name
    assert command.help.splitlines()[0] == TABLE[name].summary


def test_help_imports_no_command() -> None:
    modules = imported("from yolo_cli.cli.app import run; run(['--help'])")
    assert "yolo_cli.cli.commands" in modules
    own = {name for name in modules if name.startswith("yolo_cli.")}
    assert own <= {
        "yolo_cli.cli", "yolo_cli.cli.app", "yolo_cli.cli.commands", "yolo_cli.cli.console",
        "yolo_cli.errors", "yolo_cli.files", "yolo_cli.text", "yolo_cli.version",
    }  # fmt: skip
    assert not modules & {"torch", "numpy", "PIL", "pydantic", "rich.progress"}


def test_a_command_imports_no_help() -> None:
    modules = imported("from yolo_cli.cli.app import run; run(['info', 'fast'])")
    assert "torch" in modules
    assert not modules & {"typer.rich_utils", "rich.markdown", "matplotlib", "yaml"}


@pytest.mark.parametrize("wrong", [["--lr", "-1"], ["--weights", "nothing"], ["--device", "tpu"]])
def test_what_is_wrong_with_training_is_said_before_torch_comes(wrong: list[str]) -> None:
    modules = imported(f"from yolo_cli.cli.app import run; assert run({['train', '.', *wrong]})")
    assert "yolo_cli.training.recipe" in modules
    assert not modules & {"torch", "numpy"}


def test_garbage_is_looked_for_again_after_the_imports() -> None:
    done = imported(
        "import gc\n"
        "from yolo_cli.cli.startup import importing\n"
        "with importing():\n"
        "    assert not gc.isenabled()\n"
        "    import torch\n"
        "assert gc.isenabled() and gc.get_freeze_count() > 10_000\n"
        "with importing():\n"
        "    assert gc.isenabled()\n"
    )
    assert "torch" in done


def large_pages() -> bool:
    setting = Path("/sys/kernel/mm/transparent_hugepage/enabled")
    return setting.exists() and "[never]" not in setting.read_text()


@pytest.mark.skipif(not large_pages(), reason="this system has no large pages")
def test_torch_takes_large_pages() -> None:
    imported(
        "from pathlib import Path\n"
        "from yolo_cli.cli.startup import use_large_pages\n"
        "use_large_pages()\n"
        "import torch\n"
        "tensor = torch.ones(2**24)\n"
        "lines = Path('/proc/self/smaps_rollup').read_text().splitlines()\n"
        "size, = (line.split()[1] for line in lines if line.startswith('AnonHugePages'))\n"
        "assert int(size) > 2**15, size"
    )


@pytest.mark.skipif(sys.platform != "linux", reason="glibc's")
def test_freed_memory_stays_for_the_next_step() -> None:
    imported(
        "import resource\n"
        "from yolo_cli.cli.startup import keep_memory\n"
        "keep_memory()\n"
        "import torch\n"
        "for _ in range(20):\n"
        "    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "    torch.ones(2**24)\n"
        "after = resource.getrusage(resource.RUSAGE_SELF).ru_minflt\n"
        "assert after - faults < 64, after - faults"  # of 16,384 pages
    )
