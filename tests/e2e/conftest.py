from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pytest
import torch

from tests.toy import CLASSES, make_voc
from yolo_cli.cli.app import run
from yolo_cli.model.config import new_config
from yolo_cli.model.weights import save_weights
from yolo_cli.tasks.networks import build_network


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[None]:
    """Each test in its own folder and cache, on one thread: the networks here are tiny."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@dataclass(frozen=True)
class Result:
    """What a command leaves on the terminal."""

    code: int
    out: str
    err: str

    @property
    def error(self) -> str:
        """The lines from ``error:`` on."""
        assert "error:" in self.err, self.err
        return self.err[self.err.index("error:") :].strip()


Yolo: TypeAlias = Callable[..., Result]


@pytest.fixture
def yolo(capsys: pytest.CaptureFixture[str]) -> Yolo:
    """Run a command in this process."""

    def command(*arguments: object) -> Result:
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        result = Result(code, *capsys.readouterr())
        assert "Traceback" not in result.err
        return result

    return command


@pytest.fixture
def refused(yolo: Yolo) -> Callable[..., str]:
    """Run a command that is to fail; its message of one or two lines."""

    def command(*arguments: object, code: int) -> str:
        result = yolo(*arguments)
        assert result.code == code, result.err
        assert not result.out
        assert len(result.error.splitlines()) <= 2, result.error
        return result.error

    return command


Refused: TypeAlias = Callable[..., str]


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten pictures in VOC layout, not to be changed."""
    return make_voc(tmp_path_factory.mktemp("data") / "toy", 10, size=80)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Untrained weights of a small VGG-16 for the toy's classes."""
    torch.manual_seed(1)
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_weights(path, build_network(new_config(CLASSES, grid=2, image_size=64, width=0.0625)), {})
    return path


@pytest.fixture(scope="session")
def fixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights that find the same in every image.

    In the middle of each quarter stands a box of a quarter of the image's width and height:
    confidence 3/4, probability 1 of ``disc`` and 1/2 of ``square``; scores .75 and .375.
    """
    path = tmp_path_factory.mktemp("weights") / "fixed.safetensors"
    save_fixed(path, CLASSES)
    return path


def save_fixed(path: Path, classes: tuple[str, ...]) -> None:
    """Such weights for other names of the two classes."""
    config = new_config(classes, grid=2, boxes=1, image_size=64, width=0.0625, output="linear")
    network = build_network(config)
    with torch.no_grad():
        network.get_parameter("head.predictor.layer.weight").zero_()
        # x, y, √w, √h, confidence, classes
        numbers = torch.tensor([0.5, 0.5, 0.5, 0.5, 0.75, 1.0, 0.5])
        network.get_parameter("head.predictor.layer.bias").copy_(numbers)
    save_weights(path, network, {})
