"""Two processes that train together do what one does."""

from __future__ import annotations

import csv
import multiprocessing
import os
import signal
import socket
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

from tests.toy import CLASSES, make_folders, make_masks
from tests.training.conftest import Options
from tests.training.test_trainer import assert_same_result
from yolo_cli.data.task_names import TaskName
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.model.config import new_config
from yolo_cli.model.weights import save_weights
from yolo_cli.tasks.networks import build_network
from yolo_cli.training.options import TrainOptions
from yolo_cli.training.prepare import prepare, prepare_resumed
from yolo_cli.training.ranks import ALONE, Ranks, joined
from yolo_cli.training.recipe import DEFAULT
from yolo_cli.training.reporter import Reporter
from yolo_cli.training.run.checkpoint import read_checkpoint
from yolo_cli.training.same import check_batches


def work(rank: int, port: int, out: Path, options: TrainOptions, differs: bool = False) -> None:
    """What one of two processes does; a UserError is written beside the run."""
    torch.set_num_threads(1)
    os.environ.update(
        {
            "RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_RANK": str(rank), "LOCAL_WORLD_SIZE": "2",
            "MASTER_ADDR": "localhost", "MASTER_PORT": str(port),
        }
    )  # fmt: skip
    if differs and rank:
        patch("yolo_cli.training.same.label_digest", return_value="other labels").start()
    reporter = Reporter(Console(file=StringIO(), width=100))
    try:
        with joined("cpu") as ranks:
            resumable = (out / "config.json").exists()
            if resumable:
                prepare_resumed(out, reporter, ranks=ranks).fit()
            else:
                prepare(options, out, reporter, ranks=ranks).fit()
    except UserError as error:
        out.with_name(f"error{rank}").write_text(str(error))
    except RuntimeError:
        os._exit(75)  # the other one has gone


def start(context: ForkServerContext, *given: Any) -> list[BaseProcess]:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    both: list[BaseProcess] = [
        context.Process(target=work, args=(rank, port, *given)) for rank in range(2)
    ]
    for process in both:
        process.start()
    return both


def finish(both: list[BaseProcess]) -> None:
    for process in both:
        process.join(120)
        assert process.exitcode == 0


@pytest.fixture(scope="module")
def context() -> ForkServerContext:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["tests.training.test_ranks"])
    return context


def rows(run: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((run / "metrics.csv").read_text().splitlines()))


RECIPE = {
    "epochs": 10, "batch": 4, "freeze": 2, "copies": 2, "unfreeze": 1, "unfreeze_at": 5,
    "patchwork": 0.5, "dropout": 0.0, "lr": 0.001,
}  # fmt: skip


def test_two_processes_train_as_one(
    options: Options, tmp_path: Path, context: ForkServerContext
) -> None:
    """Cached and mixed images in the first phase, fresh ones and other blocks in the second."""
    compare(options(**RECIPE), tmp_path, context, ("loss", "box", "object", "noobject", "class"))


def compare(
    asked: TrainOptions,
    folder: Path,
    context: ForkServerContext,
    terms: tuple[str, ...],
    variances: float = 0,
) -> None:
    """Train with one process and with two: losses, weights and scores are the same.

    Running variances may differ by a share of themselves as well.
    """
    finish(start(context, folder / "two", asked))
    prepare(asked, folder / "one", Reporter(Console(file=StringIO()))).fit()
    # Not of the weights files, which are rounded to 16 bits.
    one, two = (
        read_checkpoint(folder / name / "checkpoint.pt")["network"] for name in ("one", "two")
    )
    assert one.keys() == two.keys()
    for name, tensor in one.items():
        rtol = variances if name.endswith("running_var") else 0
        torch.testing.assert_close(two[name], tensor, rtol=rtol, atol=1e-4)
    for alone, shared in zip(rows(folder / "one"), rows(folder / "two"), strict=True):
        for name in terms:
            assert float(shared[name]) == pytest.approx(float(alone[name]), abs=1e-5, rel=1e-5)
        (score,) = SCORES & alone.keys()
        assert shared[score] == alone[score]


SCORES = {"map", "top1", "miou"}


@pytest.mark.parametrize("upsample", ["unpool", "transposed"])
def test_two_processes_segment_as_one(
    upsample: str, tmp_path: Path, context: ForkServerContext
) -> None:
    """Each pixel weighs the same, however the images are dealt."""
    root = make_masks(tmp_path / "street")
    for name, ids in (("train", range(5)), ("val", range(5, 8))):
        (root / f"{name}.txt").write_text("".join(f"{i}\n" for i in ids))
    asked = small(root, tmp_path, ("ground", "disc"), "segment", upsample=upsample)
    # Next to nothing passes the untrained encoder: some variances are those of rounding.
    compare(asked, tmp_path, context, ("loss", "pixel"), variances=1e-3)


def test_two_processes_classify_as_one(tmp_path: Path, context: ForkServerContext) -> None:
    root = make_folders(tmp_path / "shapes", 9)
    compare(
        small(root, tmp_path, CLASSES, "classify", head="pool"),
        tmp_path,
        context,
        ("loss", "class"),
    )


def small(
    root: Path, folder: Path, classes: tuple[str, ...], task: TaskName, **config: Any
) -> TrainOptions:
    """Options for a small network of a task."""
    torch.manual_seed(1)
    network = build_network(
        new_config(classes, task=task, image_size=64, width=0.0625, dropout=0.0, **config)
    )
    save_weights(folder / "small.safetensors", network, {})
    recipe = {
        "epochs": 5,
        "batch": 3,
        "freeze": 1,
        "copies": 1,
        "dropout": 0.0,
        "lr": 0.01,
        "optimizer": "sgd",
    }
    return TrainOptions(
        root,
        weights=str(folder / "small.safetensors"),
        workers=0,
        precision="fp32",
        device="cpu",
        cache_dir=folder / "cache",
        recipe=recipe,
    )


def test_a_killed_process_and_a_resume_change_nothing(
    options: Options, tmp_path: Path, context: ForkServerContext
) -> None:
    """Dropout included: its chance comes from the step."""
    asked = options(epochs=4, batch=4, copies=1, freeze=1, dropout=0.5)
    finish(start(context, tmp_path / "whole", asked))
    both = start(context, tmp_path / "parts", asked)
    end = time.monotonic() + 60
    while not (tmp_path / "parts/checkpoint.pt").exists() and time.monotonic() < end:
        time.sleep(0.01)
    both[1].kill()
    both[0].join(60)
    assert both[0].exitcode == 75
    both[1].join(60)
    assert both[1].exitcode == -signal.SIGKILL
    finish(start(context, tmp_path / "parts", asked))
    assert_same_result(tmp_path / "whole", tmp_path / "parts")


def test_a_process_with_another_dataset_is_named(
    options: Options, tmp_path: Path, context: ForkServerContext
) -> None:
    finish(start(context, tmp_path / "run", options(), True))
    for rank in range(2):
        text = (tmp_path / f"error{rank}").read_text()
        assert text.startswith(f"process 1 ({socket.gethostname()}): training images or labels")


def test_a_batch_needs_an_image_for_each_process() -> None:
    recipe = DEFAULT.with_options(batch=4)
    check_batches(8, recipe, 4)
    with pytest.raises(UserError, match="batches of 2 images are too small for 3") as caught:
        check_batches(5, recipe, 3)  # batches of 3 and 2
    assert caught.value.code == ExitCode.USAGE


def test_every_item_is_dealt_once() -> None:
    parts = [Ranks(rank, 3).share(range(8)) for rank in range(3)]
    assert [list(part) for part in parts] == [[0, 3, 6], [1, 4, 7], [2, 5]]
    assert ALONE.share(range(8)) == range(8)
