"""Training decodes photographs whole, detection at a fraction: the network sees the same."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from yolo_cli.data.images import read_image
from yolo_cli.data.transforms import stretch
from yolo_cli.inference.items import FileItem

SAMPLES = Path(__file__).parents[2] / "samples" / "JPEGImages"
SIDE = 448


@pytest.mark.parametrize("name", ["moonwalk", "coffee", "books", "dog"])
@pytest.mark.parametrize("size", [(4000, 3000), (3003, 4001)])
def test_photographs_of_twelve_megapixels(tmp_path: Path, name: str, size: tuple[int, int]) -> None:
    rng = np.random.default_rng(0)
    with Image.open(SAMPLES / f"{name}.jpg") as image:
        large = image.convert("RGB").resize(size, Image.Resampling.LANCZOS)
    # The grain of a sensor: without it an enlarged picture has no detail to lose.
    pixels = np.asarray(large) + rng.normal(0, 8, (size[1], size[0], 1)).astype(np.float32)
    path = tmp_path / "a.jpg"
    Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path, quality=90)

    loaded = FileItem.of(path).load(SIDE, keep=True)
    assert loaded.size == size
    assert loaded.image is None  # it was decoded at a fraction
    seen = loaded.input.numpy().astype(int)
    trained_on = stretch(read_image(path), SIDE).numpy().astype(int)
    difference = np.abs(seen - trained_on)
    assert difference.mean() < 1
    assert difference.max() <= 16
    assert abs(seen.mean() - trained_on.mean()) < 0.25  # neither is brighter
