"""A run that is killed at any moment and resumed ends with the weights of one left alone."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import random
import signal
import time
from io import StringIO
from multiprocessing.context import ForkServerContext
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import torch
from rich.console import Console

from tests.training.conftest import Options
from tests.training.test_trainer import assert_same_result
from yolo_cli.training.cache import features as cache
from yolo_cli.training.options import TrainOptions
from yolo_cli.training.prepare import prepare, prepare_resumed
from yolo_cli.training.reporter import Reporter

CACHE_FILES = 3  # of two copies, and of the images to validate
MOMENTS = 20  # at random, beside those at which one of these files is due
RECIPE = {"epochs": 5, "freeze": 2, "copies": 2, "unfreeze": 1, "unfreeze_at": 3, "patchwork": 0.5}


def work(options: TrainOptions, out: Path, fatal: int | None = None) -> None:
    """What ``yolo train`` does, or ``yolo train --resume`` where there is something to resume.

    Args:
        options: of a new run.
        out: its folder.
        fatal: the cache's file, counted from 0, instead of which the process is killed.
    """
    torch.set_num_threads(1)
    if fatal is not None:
        _die_at(fatal)
    reporter = Reporter(Console(file=StringIO()))
    resumable = (out / "config.json").exists()
    (prepare_resumed(out, reporter) if resumable else prepare(options, out, reporter)).fit()


def _die_at(number: int) -> None:
    write, count = cache._write_chunk, itertools.count()

    def write_or_die(*args: Any) -> None:
        if next(count) == number:
            os.kill(os.getpid(), signal.SIGKILL)
        write(*args)

    patch.object(cache, "_write_chunk", write_or_die).start()


@pytest.fixture(scope="module")
def context() -> ForkServerContext:
    """Starts processes that have imported everything, so that their time goes into training."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.training.test_kill"])
    return context


def start(
    context: ForkServerContext, options: TrainOptions, out: Path, fatal: int | None = None
) -> BaseProcess:
    process = context.Process(target=work, args=(options, out, fatal))
    process.start()
    return process


def finish(process: BaseProcess) -> None:
    process.join(60)
    assert process.exitcode == 0


@pytest.mark.timeout(600)
def test_killed_anywhere_the_result_is_the_same(
    options: Options, tmp_path: Path, context: ForkServerContext
) -> None:
    def asked(name: str) -> TrainOptions:
        base = options(**RECIPE)
        return TrainOptions(**{**vars(base), "cache_dir": tmp_path / name / "cache"})

    finish(start(context, asked("warm-up"), tmp_path / "warm-up"))
    began = time.monotonic()
    finish(start(context, asked("whole"), tmp_path / "whole"))
    duration = time.monotonic() - began

    rng = random.Random(7)
    reached = []
    for moment in range(-CACHE_FILES, MOMENTS):
        out = tmp_path / f"killed-{moment}"
        fatal = moment + CACHE_FILES if moment < 0 else None
        process = start(context, asked(out.name), out, fatal)
        if fatal is None:
            # One of equal parts of the run each, at random within it.
            time.sleep(duration * (moment + rng.random()) / MOMENTS)
            process.kill()  # SIGKILL; harmless if it has just finished
        process.join(60)
        assert process.exitcode in (-signal.SIGKILL, 0)
        reached.append(_reached(out))
        finish(start(context, asked(out.name), out))
        assert_same_result(tmp_path / "whole", out)
    assert reached[:CACHE_FILES] == ["caching"] * CACHE_FILES
    assert "training" in reached


def _reached(out: Path) -> str:
    if (out / "checkpoint.pt").exists():
        return "training"
    return "caching" if (out / "cache").exists() else "nothing"
