from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Lock

import pytest
import torch

from tests.model.builders import network, tiny
from yolo_cli.errors import UserError
from yolo_cli.files import cache_folder
from yolo_cli.inference.backends import fastest as fastest_module
from yolo_cli.inference.backends import speeds as speeds_module
from yolo_cli.inference.backends.backend import Backend, BackendName, Precision
from yolo_cli.inference.backends.choose import load_backend
from yolo_cli.inference.backends.fastest import FEW, MANY, choose, in_order, work
from yolo_cli.inference.backends.speeds import Speed, keep, kept, measure
from yolo_cli.model.config import new_config
from yolo_cli.model.summary import summarise
from yolo_cli.model.weights import save_weights
from yolo_cli.tasks.networks import shapes_of

pytest.importorskip("ncnn")

ONE = torch.zeros(1, 3, 4, 4, dtype=torch.uint8)


@pytest.fixture(autouse=True)
def _empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(speeds_module, "busy", lambda: False)


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.safetensors"
    save_weights(path, network(tiny()), {})
    return path


class Clock:
    """A clock that goes on only while a fake backend works."""

    def __init__(self) -> None:
        self.now = 0.0
        self.lock = Lock()

    def __call__(self) -> float:
        return self.now

    def work(self, seconds: float) -> None:
        with self.lock:
            self.now += seconds


class Fake:
    """A backend that takes as long as it is told.

    ``shared`` is what an image takes where several threads run it, each on one core.
    """

    precision: Precision = "fp32"
    forkable = False

    def __init__(
        self,
        clock: Clock,
        name: BackendName,
        seconds: float,
        *,
        load: float = 0.0,
        shared: float | None = None,
        result: float = 1.0,
    ) -> None:
        clock.work(load)
        self.clock, self.name, self.seconds, self.result = clock, name, seconds, result
        self.shared = seconds if shared is None else shared
        self.parallel = shared is not None
        self.calls = 0

    def __call__(self, images: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        alone = torch.get_num_threads() > 1
        self.clock.work(self.seconds if alone else self.shared)
        return torch.full((1, 2), self.result)


def measured(clock: Clock, *build: Callable[[], Backend]) -> dict[str, Speed]:
    reasons: list[UserError] = []
    found = measure(build, ONE, torch.equal, failed=reasons.append, clock=clock)
    assert not reasons
    return {speed.backend: speed for speed, _ in found}


def test_speeds_by_a_clock() -> None:
    clock = Clock()
    found = measured(
        clock,
        lambda: Fake(clock, "torch", 0.5, load=0.25, shared=0.75),
        lambda: Fake(clock, "ncnn", 0.4375, load=1.0, shared=0.25),
        lambda: Fake(clock, "openvino", 0.5, load=2.0),
    )
    # Nothing in the first pass but loading is more than in the second one.
    assert found["torch"] == Speed("torch", "fp32", 0.25, 0.5, 0.75, agrees=True)
    assert found["ncnn"] == Speed("ncnn", "fp32", 1.0, 0.4375, 0.25, agrees=True)
    assert found["openvino"] == Speed("openvino", "fp32", 2.0, 0.5, None, agrees=True)
    assert (found["torch"].parallel, found["ncnn"].parallel) == (False, True)
    assert (found["torch"].each, found["ncnn"].each) == (0.5, 0.25)


def test_streams_may_be_a_little_slower() -> None:
    # What surrounds the network goes on beside it: 1.1 x .125 s are .1375 s.
    little = Speed("torch", "bf16", 0.0, 0.125, 0.135, agrees=True)
    much = Speed("torch", "bf16", 0.0, 0.125, 0.14, agrees=True)
    assert (little.parallel, little.each) == (True, 0.135)
    assert (much.parallel, much.each) == (False, 0.125)


def test_what_is_far_slower_is_measured_no_further() -> None:
    clock, made = Clock(), []

    def build(name: BackendName, seconds: float) -> Callable[[], Backend]:
        def load() -> Backend:
            made.append(Fake(clock, name, seconds, shared=seconds))
            return made[-1]

        return load

    found = measured(clock, build("torch", 0.1875), build("ncnn", 0.0625))
    assert found["torch"].streams is None  # 3 x the shortest
    assert found["ncnn"].streams == 0.0625
    # Loading and one more pass; the contender has two rounds beside, and two of two streams.
    assert [one.calls for one in made] == [2, 2 + 2 + 4]


def test_what_finds_something_else_is_not_taken() -> None:
    clock = Clock()
    found = measured(
        clock,
        lambda: Fake(clock, "torch", 0.5, shared=0.5),
        lambda: Fake(clock, "ncnn", 0.125, shared=0.125, result=1.5),
    )
    assert [speed.agrees for speed in found.values()] == [True, False]


def test_what_does_not_load_is_left_out() -> None:
    clock = Clock()
    reasons: list[UserError] = []

    def fail() -> Backend:
        raise UserError("it does not load")

    build = [lambda: Fake(clock, "torch", 0.5), fail]
    found = measure(build, ONE, torch.equal, failed=reasons.append, clock=clock)
    assert [speed.backend for speed, _ in found] == ["torch"]
    assert [error.message for error in reasons] == ["it does not load"]


TORCH = Speed("torch", "fp32", 0.0, 1.0, 0.75, agrees=True)
NCNN = Speed("ncnn", "fp32", 1.0, 0.5, 0.375, agrees=True)
OPENVINO = Speed("openvino", "bf16", 10.0, 0.25, None, agrees=True)


@pytest.mark.parametrize(
    ("images", "name"),
    [
        (1, "torch"),  # 1, 1.5 and 10.25 seconds
        (3, "ncnn"),  # 3, 2.5 and 10.75
        (FEW, "ncnn"),  # 37.5, 19.75 and 22.5
        (100, "openvino"),  # 75, 38.5 and 35
        (MANY, "openvino"),
        (None, "openvino"),  # a program that loads it, and goes on for as long as it likes
    ],
)
def test_the_first_that_is_done(images: int | None, name: str) -> None:
    assert in_order([TORCH, NCNN, OPENVINO], images)[0].backend == name


def test_what_was_kept_comes_back() -> None:
    keep("some", [TORCH, NCNN, OPENVINO], "about")
    assert kept("some") == [TORCH, NCNN, OPENVINO]
    assert kept("other") == []


def test_what_was_measured_on_a_busy_machine_is_not_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.undo()
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    for load, expected in [(3.9, [TORCH]), (4.1, [])]:
        monkeypatch.setattr(os, "getloadavg", lambda load=load: (load, 0.0, 0.0), raising=False)
        keep(f"at {load}", [TORCH], "about")
        assert kept(f"at {load}") == expected


SPEED = {**vars(TORCH)}


@pytest.mark.parametrize(
    "content",
    [
        "", "[]", "{}", '{"speeds": 3}', '{"speeds": [3]}', '{"speeds": [{}]}', "[" * 100_000,
        *(
            json.dumps({"speeds": [{**SPEED, name: value}]})
            for name, value in [
                ("backend", "tpu"), ("precision", "fp4"), ("load", "1"), ("alone", None),
                ("alone", float("nan")), ("streams", -1.0), ("other", 1.0),
            ]
        ),
    ],
)  # fmt: skip
def test_damaged_speeds_are_none(content: str) -> None:
    keep("some", [TORCH], "about")
    assert kept("some") == [TORCH]
    (cache_folder("speeds") / "some.json").write_text(content)
    assert kept("some") == []


def test_speeds_that_cannot_be_kept_are_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    keep("some", [TORCH], "about")
    assert kept("some") == []


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """Backends by name, each with a time of its own; the choice is made by this clock."""
    clock = Clock()

    def timed(*args: object, **options: object) -> object:
        return measure(*args, **options, clock=clock)  # type: ignore[arg-type]

    monkeypatch.setattr(fastest_module, "measure", timed)
    monkeypatch.setattr(fastest_module, "installed", lambda name: name != "openvino")
    yield clock


def test_it_is_measured_once(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []

    def build(name: BackendName, precision: str) -> Backend:
        made.append(name)
        seconds = {"torch": 0.5, "ncnn": 0.25}[name]
        raw = torch.zeros(1, 2, 2, 12)

        class Real(Fake):
            def __call__(self, images: torch.Tensor) -> torch.Tensor:
                super().__call__(images)
                return raw

        return Real(clock, name, seconds)

    lines: list[str] = []

    def chosen(images: int | None, **changes: object) -> str:
        config = tiny(**changes)  # type: ignore[arg-type]
        weights = lambda: f"weights of {config.classes}"  # noqa: E731
        say = lines.append
        return choose(config, weights, "fp32", images, build, say=say, failed=say).backend

    assert (chosen(1), chosen(FEW - 1), chosen(None)) == ("torch", "torch", "torch")
    monkeypatch.setattr(fastest_module, "HEAVY", 1e6)  # it takes 5.7 million
    assert (chosen(1), chosen(None)) == ("torch", "ncnn")
    assert (made, lines) == ([], [])  # nothing was measured for so few
    assert chosen(FEW) == "ncnn"
    assert made == ["torch", "ncnn"]
    assert lines == [
        "measured once on this machine, an image of such a network: ncnn fp32 250 ms, "
        "torch fp32 500 ms; --backend auto takes ncnn"
    ]
    # It is known from now on, whatever the classes are called.
    assert chosen(1) == "ncnn"
    assert len(made) == 2
    # Other weights of the same shape are as fast; whether they find the same is another question.
    others = ("cup", "hat")
    assert chosen(1, classes=others) == "torch"
    assert chosen(FEW, classes=others) == "ncnn"
    assert made[2:] == ["torch", "ncnn"]
    assert chosen(1, classes=others) == "ncnn"
    assert len(lines) == 1
    chosen(FEW, width=0.125)  # another network
    assert len(made) == 6
    assert len(lines) == 2


def test_what_was_measured_is_used(weights: Path) -> None:
    lines: list[str] = []
    _, backend = load_backend(str(weights), images=FEW, say=lines.append)
    assert len(lines) == 1
    assert lines[0].endswith(f"--backend auto takes {backend.name}")
    _, again = load_backend(str(weights), images=FEW, say=lines.append)
    assert (again.name, again.precision, again.parallel) == (
        backend.name, backend.precision, backend.parallel,
    )  # fmt: skip
    assert len(lines) == 1
    pixels = torch.zeros(2, 3, 128, 128, dtype=torch.uint8)
    assert torch.equal(backend(pixels), again(pixels))


@pytest.mark.parametrize("arch", ["vgg16", "yolov1", "fast", "alexnet"])
@pytest.mark.parametrize("head", ["conv", "fc"])
def test_work_is_what_the_layers_do(arch: str, head: str) -> None:
    config = new_config(("a", "b"), arch=arch, head=head)
    assert work(config) == sum(layer.flops for layer in summarise(shapes_of(config)))


def test_a_runtime_that_does_not_load_is_named_and_left_out(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fastest_module, "installed", lambda _name: True)
    monkeypatch.setitem(sys.modules, "openvino", None)  # what imports it is told that it is absent
    lines: list[str] = []
    _, backend = load_backend(str(weights), images=FEW, say=lines.append)
    assert backend.name in ("torch", "ncnn")
    assert lines[0] == "the package openvino is not installed: --backend auto does without it"
    assert len(lines) == 2
    with pytest.raises(UserError, match="openvino is not installed"):
        load_backend(str(weights), backend="openvino")
