"""A run that is killed at any moment and resumed ends with the weights of one left alone."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import random
import signal
import time
from dataclasses import replace
from io import StringIO
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from unittest.mock import patch

import pytest
import torch
from rich.console import Console

from tests.training.conftest import Options, undrawn_curves
from tests.training.test_trainer import assert_same_result
from yolo_cli.training.options import TrainOptions
from yolo_cli.training.prepare import prepare, prepare_resumed
from yolo_cli.training.reporter import Reporter

PARTS = 4  # of the test of all files, for several processes to share
MOMENTS = 5  # at random
RECIPE = {"epochs": 3, "freeze": 2, "copies": 2, "unfreeze": 1, "unfreeze_at": 2, "patchwork": 0.5}
FILES = {
    *("000000.safetensors", "config.json", "preview.jpg", "checkpoint.pt", "metrics.csv"),
    *("curves.png", "last.safetensors", "best.safetensors"),
}


def work(options: TrainOptions, out: Path, log: Path, fatal: int | None = None) -> None:
    """What ``yolo train`` does, or ``yolo train --resume`` where there is something to resume.

    Args:
        options: of a new run.
        out: its folder.
        log: gets the name of each file that is complete and about to take its place.
        fatal: the file, counted from 0, that never does: the process is killed.
    """
    torch.set_num_threads(1)
    _watch(log, fatal)
    reporter = Reporter(Console(file=StringIO()))
    resumable = (out / "config.json").exists()
    with undrawn_curves():
        (prepare_resumed(out, reporter) if resumable else prepare(options, out, reporter)).fit()


def _watch(log: Path, fatal: int | None) -> None:
    replace, count = Path.replace, itertools.count()

    def replace_or_die(self: Path, target: Path) -> Path:
        with log.open("a") as file:
            print(target.name, file=file)
        if next(count) == fatal:
            os.kill(os.getpid(), signal.SIGKILL)
        return replace(self, target)

    patch.object(Path, "replace", replace_or_die).start()


class Run:
    """A run with a folder and a cache of its own."""

    def __init__(self, options: TrainOptions, folder: Path, context: ForkServerContext) -> None:
        folder.mkdir()
        self.out, self.log = folder / "run", folder / "log"
        self.options = replace(options, cache_dir=folder / "cache")
        self.context = context

    def start(self, fatal: int | None = None) -> BaseProcess:
        given = (self.options, self.out, self.log, fatal)
        process = self.context.Process(target=work, args=given)
        process.start()
        return process

    def finish(self) -> None:
        process = self.start()
        process.join(120)
        assert process.exitcode == 0

    def files(self) -> list[str]:
        return self.log.read_text().splitlines() if self.log.exists() else []


def kill_and_resume(options: TrainOptions, folder: Path, context: ForkServerContext) -> None:
    """Kill a run when its second checkpoint is written, and compare it with one left alone."""
    whole = Run(options, folder / "whole", context)
    whole.finish()
    files = whole.files()
    run = Run(options, folder / "killed", context)
    process = run.start([i for i, name in enumerate(files) if name == "checkpoint.pt"][1])
    process.join(120)
    assert process.exitcode == -signal.SIGKILL
    run.finish()
    assert_same_result(whole.out, run.out)


@pytest.fixture(scope="module")
def context() -> ForkServerContext:
    """Starts processes that have imported everything, so that their time goes into training."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.training.test_kill"])
    return context


@pytest.mark.parametrize("part", range(PARTS))
def test_killed_before_any_of_its_files_takes_its_place(
    part: int, options: Options, tmp_path: Path, context: ForkServerContext
) -> None:
    given = options(**RECIPE)
    whole = Run(given, tmp_path / "whole", context)
    whole.finish()
    files = whole.files()
    assert set(files) >= FILES
    for fatal in range(part, len(files), PARTS):
        run = Run(given, tmp_path / f"killed-{fatal}", context)
        process = run.start(fatal)
        process.join(120)
        assert process.exitcode == -signal.SIGKILL
        assert run.files() == files[: fatal + 1]
        run.finish()
        assert_same_result(whole.out, run.out)


def test_killed_at_random_moments(
    options: Options, tmp_path: Path, context: ForkServerContext
) -> None:
    given = options(**RECIPE)
    for name in ("warm-up", "whole"):
        whole = Run(given, tmp_path / name, context)
        began = time.monotonic()
        whole.finish()
        duration = time.monotonic() - began
    rng = random.Random(7)
    for moment in range(MOMENTS):
        run = Run(given, tmp_path / f"killed-{moment}", context)
        process = run.start()
        # One in each of equal parts of the run.
        time.sleep(duration * (moment + rng.random()) / MOMENTS)
        process.kill()  # SIGKILL; harmless if it has just finished
        process.join(120)
        assert process.exitcode in (-signal.SIGKILL, 0)
        run.finish()
        assert_same_result(whole.out, run.out)
