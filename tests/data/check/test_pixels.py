from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from tests.data.check.benchmark import SAMPLES, measured, precision_recall, show
from tests.data.check.pairs import film
from yolo_cli.data.check.pixels import local_difference, same_picture
from yolo_cli.data.images import read_image

UInt8 = npt.NDArray[np.uint8]


def scene() -> UInt8:
    """Waves in the upper half, plain grey below: 64 x 64."""
    y, x = np.mgrid[:64, :64]
    waves = 100 + 40 * np.sin(x / 5) * np.cos(y / 4)
    return np.where(y < 32, waves, 100).astype(np.uint8)


def difference(one: UInt8, other: UInt8) -> float:
    return float(local_difference(one[None], other[None])[0])


def test_nothing_differs() -> None:
    assert difference(scene(), scene()) == pytest.approx(0, abs=0.02)


def test_a_thing_that_is_in_one_picture() -> None:
    """4 x 4 pixels, 40 levels darker, where both are plain.

    Smoothed by 1 2 1 the four are .25 .75 1 1 .75 .25 in a row; the best three of them have the
    mean 11/12, in both directions: 40 * (11/12)**2 = 33.6 levels. A unit is 4 levels there, as
    one picture has no slope: 8.4.
    """
    other = scene()
    other[46:50, 30:34] -= 40
    assert difference(scene(), other) == pytest.approx(8.4, abs=0.1)
    assert difference(other, scene()) == pytest.approx(8.4, abs=0.1)
    assert not same_picture(scene()[None], other[None]).any()


def test_brightness_and_contrast_are_no_difference() -> None:
    other = (0.8 * scene() + 30).astype(np.uint8)
    assert difference(scene(), other) < 0.2


def test_a_picture_is_moved_and_stretched() -> None:
    y, x = np.mgrid[:64, :64]

    def waves(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> UInt8:
        return (100 + 40 * np.sin(x / 5) * np.cos(y / 4)).astype(np.uint8)

    # 2 % of 64 pixels is 1.3.
    assert difference(waves(x, y), waves(x + 1.3, y - 1.3)) < 0.5
    assert difference(waves(x, y), waves(1.3 + x * 61.4 / 64, y)) < 0.5
    assert difference(waves(x, y), waves(x + 9, y)) > 2


def test_a_negative_is_another_picture() -> None:
    assert difference(scene(), 200 - scene()) == np.inf


def test_what_is_weak_must_be_explained() -> None:
    """Two sheets of paper with the same frame: their grain is weak, and not the same."""
    rng = np.random.default_rng(0)
    sheets = []
    for _ in range(2):
        grain = Image.fromarray(rng.integers(0, 256, (32, 32), dtype=np.uint8)).resize((64, 64))
        sheet = 150 + (np.asarray(grain) - 128.0) / 40
        sheet[:, :6] = 0
        sheets.append(sheet.astype(np.uint8))
    assert difference(*sheets) == np.inf
    assert difference(sheets[0], sheets[0]) < 0.1


def test_precision_and_recall(tmp_path: Path) -> None:
    """On what comes with the project; ``benchmark.py`` measures on data sets."""
    pictures = [read_image(path) for path in sorted(SAMPLES.iterdir())]
    found = measured(pictures, [film(seed, 6) for seed in range(3)], tmp_path)
    precision, recall = precision_recall(found)
    assert precision >= 0.98, "\n".join(show(found))
    assert recall >= 0.98, "\n".join(show(found))
