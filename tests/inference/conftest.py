from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from tests.e2e.conftest import save_fixed
from tests.toy import CLASSES
from yolo_cli.inference.detector import Detector


@pytest.fixture(autouse=True)
def _two_threads() -> Iterator[None]:
    """Let torch have two threads on every machine, for the pipeline to divide."""
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def _one_thread() -> Iterator[None]:
    """Networks this small are slower on two threads."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def detector(tmp_path_factory: pytest.TempPathFactory) -> Detector:
    """Finds the same in every image, see ``tests.e2e.conftest.fixed``."""
    path = tmp_path_factory.mktemp("weights") / "fixed.safetensors"
    save_fixed(path, CLASSES)
    return Detector.load(str(path), device="cpu", precision="fp32", backend="torch")


def jpeg(path: Path, size: tuple[int, int] = (200, 100), color: str = "orange") -> Path:
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, color).save(path)
    return path
