"""Feature caches that ncnn fills."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.model.builders import images as noise
from tests.model.builders import network, tiny
from tests.training.conftest import Options
from yolo_cli.errors import UserError
from yolo_cli.inference.backends import speeds as backend_speeds
from yolo_cli.inference.backends.speeds import Speed
from yolo_cli.model.architectures import ARCHITECTURES
from yolo_cli.model.weights import read_weights
from yolo_cli.training.cache import opener, runtime
from yolo_cli.training.cache.runtime import Blocks, fastest_runtime
from yolo_cli.training.machine import Machine, Runtime
from yolo_cli.training.prepare import prepare, prepare_resumed
from yolo_cli.training.reporter import Reporter

pytest.importorskip("ncnn")

CPU = torch.device("cpu")
MACHINE = Machine(CPU, torch.float32, 0)


@pytest.fixture(autouse=True)
def _empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    monkeypatch.setattr(backend_speeds, "busy", lambda: False)


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_both_compute_the_same_blocks(arch: str) -> None:
    net, pixels = network(tiny(arch)), noise(5)
    for depth in (1, 2, net.backbone.blocks):
        ours, other = (
            Blocks(net, 0, depth, replace(MACHINE, runtime=one))(pixels)
            for one in ("torch", "ncnn")
        )
        torch.testing.assert_close(other, ours, atol=1e-4, rtol=1e-4)


def test_what_comes_after_cached_blocks_is_always_for_torch() -> None:
    net = network(tiny())
    machine = replace(MACHINE, runtime="ncnn")
    half = Blocks(net, 0, 2, machine)(noise(1))
    blocks = Blocks(net, 2, 3, machine)
    assert blocks.name == "torch"
    torch.testing.assert_close(
        blocks(half), Blocks(net, 0, 3, machine)(noise(1)), atol=1e-4, rtol=1e-4
    )


@pytest.fixture
def speeds(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    """Seconds by runtime that measuring will give; counted under ``times``."""
    given = {"torch": 0.5, "ncnn": 0.25, "times": 0}

    def measured(*_: object, **__: object) -> list[tuple[Speed, None]]:
        given["times"] += 1
        names: tuple[Runtime, ...] = ("torch", "ncnn")
        return [
            (Speed(name, "fp32", 0.0, 2 * given[name], None, agrees=name in given), None)
            for name in names
        ]

    monkeypatch.setattr(runtime, "measure", measured)
    return given


def fastest(*, measured: bool = True, freeze: int = 3) -> str:
    net = network(tiny())
    net.freeze(freeze)

    def fail(error: UserError) -> None:
        raise error

    return fastest_runtime(net, MACHINE, measured=measured, failed=fail)[0]


def test_the_faster_one_is_taken_and_remembered(speeds: dict[str, float]) -> None:
    assert fastest(measured=False) == "torch"  # until it is measured
    assert fastest() == "ncnn"
    speeds["ncnn"] = 1.0
    assert (fastest(), fastest(measured=False)) == ("ncnn", "ncnn")
    assert speeds["times"] == 1
    assert fastest(freeze=2) == "torch"  # other blocks
    assert speeds["times"] == 2


def test_it_is_measured_in_earnest() -> None:
    net = network(tiny())
    net.freeze(3)
    name, found = fastest_runtime(net, MACHINE, measured=True, failed=lambda _error: None)
    assert [speed.backend for speed in found] == ["torch", "ncnn"]
    assert all(speed.agrees and speed.alone > 0 for speed in found)
    assert name == min(found, key=lambda speed: speed.alone).backend


def test_without_ncnn_it_is_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ncnn", None)
    net = network(tiny())
    net.freeze(3)
    reasons: list[str] = []
    name, _ = fastest_runtime(
        net, MACHINE, measured=True, failed=lambda error: reasons.append(error.message)
    )
    assert name == "torch"
    assert len(reasons) == 1
    assert reasons[0].startswith("the package ncnn")


def run(options: Any, out: Path, reporter: Reporter) -> tuple[str, dict[str, bytes]]:
    """Train; return the recorded runtime, and the features by their place in the cache."""
    prepare(options, out, reporter).fit()
    config = json.loads((out / "config.json").read_text())
    folder = options.cache_dir
    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("copy*/*")}
    return config["facts"]["runtime"], files


def test_a_run_says_what_fills_its_cache(
    options: Options,
    tmp_path: Path,
    reporter: Reporter,
    speeds: dict[str, float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = options(freeze=2, copies=1, epochs=1)
    other = replace(asked, cache_dir=tmp_path / "other")
    name, ours = run(asked, tmp_path / "first", reporter)
    assert (name, speeds["times"]) == ("torch", 0)  # ten images do not pay for it
    monkeypatch.setattr(opener, "FEW", 10)
    name, theirs = run(other, tmp_path / "second", reporter)
    assert (name, speeds["times"]) == ("ncnn", 1)
    assert len(ours) == len(theirs) == 2
    assert not set(ours) & set(theirs)
    # What is in the cache already is used, whoever has made it.
    assert run(asked, tmp_path / "third", reporter) == ("torch", ours)


def test_a_resumed_run_goes_on_with_its_runtime(
    options: Options,
    tmp_path: Path,
    reporter: Reporter,
    speeds: dict[str, float],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(opener, "FEW", 10)
    asked = options(freeze=2, copies=1, epochs=1)
    name, wanted = run(asked, tmp_path / "run", reporter)
    assert name == "ncnn"
    last = read_weights(tmp_path / "run" / "last.safetensors").tensors
    speeds["ncnn"] = 1.0
    for path in asked.cache_dir.rglob("*.safetensors") if asked.cache_dir else ():
        path.unlink()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "forgotten"))
    for name in ("checkpoint.pt", "last.safetensors", "best.safetensors", "metrics.csv"):
        (tmp_path / "run" / name).unlink(missing_ok=True)
    prepare_resumed(tmp_path / "run", reporter).fit()
    again = read_weights(tmp_path / "run" / "last.safetensors").tensors
    assert all(torch.equal(tensor, last[name]) for name, tensor in again.items())
    folder = asked.cache_dir
    assert folder is not None
    assert {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("copy*/*")} == wanted
