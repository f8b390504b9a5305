from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.data.check.builders import (
    make_coco,
    make_createml,
    make_csv,
    make_text,
    make_via,
    make_voc,
    make_yolo,
)

MAKERS: dict[str, Callable[[Path], Path]] = {
    "voc": make_voc,
    "yolo": make_yolo,
    "coco": make_coco,
    "text": make_text,
    "csv": make_csv,
    "via": make_via,
    "createml": make_createml,
}


@pytest.fixture(scope="session")
def clean(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The dataset in each layout, not to be changed."""
    return {name: make(tmp_path_factory.mktemp("clean") / name) for name, make in MAKERS.items()}


@pytest.fixture
def copy(clean: dict[str, Path], tmp_path: Path) -> Callable[[str], Path]:
    """A copy in a layout, to be changed."""

    def copied(layout: str) -> Path:
        return Path(shutil.copytree(clean[layout], tmp_path / layout))

    return copied
