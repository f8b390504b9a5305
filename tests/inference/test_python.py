"""What Python programs call."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image

from tests.inference.conftest import jpeg
from yolo_cli.errors import UserError
from yolo_cli.inference.detector import Detector
from yolo_cli.inference.predictor import Predictor

pytestmark = pytest.mark.usefixtures("_one_thread")

# Of an image of 200 × 100: the middles of the quarters are (50, 25) …, a box is 50 by 25.
BOXES = [[25.0, 12.5, 75.0, 37.5], [125.0, 12.5, 175.0, 37.5],
         [25.0, 62.5, 75.0, 87.5], [125.0, 62.5, 175.0, 87.5]]  # fmt: skip


def test_a_path(detector: Detector, tmp_path: Path) -> None:
    path = jpeg(tmp_path / "photo.jpg")
    result = detector(str(path))
    assert len(result) == 8
    assert result.boxes[:4].tolist() == BOXES
    assert result.scores.tolist() == [0.75] * 4 + [0.375] * 4
    assert result.labels.tolist() == [0] * 4 + [1] * 4
    assert result.names == ("disc", "square")
    assert (result.width, result.height) == (200, 100)
    assert result.origin.path == path
    record = json.loads(result.to_json())
    assert record["image"] == str(path)
    assert record["detections"][0] == {"label": "disc", "score": 0.75, "box": BOXES[0]}
    assert "disc 75%" in repr(result)


def test_pictures_in_memory(detector: Detector) -> None:
    array = np.zeros((100, 200, 3), dtype=np.uint8)
    pictures: list[Any] = [
        Image.fromarray(array),
        Image.new("RGBA", (200, 100)),
        array,
        array[:, :, 0],
        array[:, ::-1],  # not contiguous
        torch.zeros(3, 100, 200, dtype=torch.uint8),
        torch.zeros(3, 100, 200),
        torch.ones(1, 100, 200, dtype=torch.bfloat16),
    ]
    for picture in pictures:
        result = detector(picture, conf=0.5)
        assert result.boxes.tolist() == BOXES
        assert json.loads(result.to_json())["image"] == ""
        assert result.plot().size == (200, 100)


def test_all_forms_of_a_picture_are_the_same_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, detector: Detector
) -> None:
    rng = np.random.default_rng(0)
    array = rng.integers(0, 256, (100, 200, 3), dtype=np.uint8)
    Image.fromarray(array).save(tmp_path / "a.png")
    tensor = torch.from_numpy(array).permute(2, 0, 1)
    seen: list[torch.Tensor] = []
    predict = Predictor.predict

    def spy(self: Detector, inputs: list[torch.Tensor], *rest: Any) -> Any:
        seen.extend(inputs)
        return predict(self, inputs, *rest)

    monkeypatch.setattr(Predictor, "predict", spy)
    detector([tmp_path / "a.png", Image.fromarray(array), array, tensor, tensor.float() / 255])
    assert len(seen) == 5
    assert all(torch.equal(one, seen[0]) for one in seen)


def test_a_list_gives_a_list_in_its_order(detector: Detector, tmp_path: Path) -> None:
    pictures = [jpeg(tmp_path / f"{i}.png", (100 + i, 50)) for i in range(5)]
    results = detector(pictures, batch=2)
    assert [one.width for one in results] == [100, 101, 102, 103, 104]
    assert detector([]) == []
    (alone,) = detector([pictures[0]])
    assert alone.width == 100


def test_thresholds_by_name(detector: Detector) -> None:
    picture = np.zeros((100, 200, 3), dtype=np.uint8)
    assert len(detector(picture, conf=0.5)) == 4
    assert len(detector(picture, max_det=3)) == 3
    assert detector(picture, classes=["square"]).labels.unique().tolist() == [1]
    # Disc and square lie on each other; the disc has the higher score.
    assert detector(picture, agnostic=True).labels.tolist() == [0] * 4
    with pytest.raises(UserError, match="no such class: dog"):
        detector(picture, classes=["dog"])


def test_pil_images_are_turned_upright(detector: Detector, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    path = tmp_path / "a.jpg"
    Image.new("RGB", (100, 200)).save(path, exif=exif)
    with Image.open(path) as image:
        assert detector(image).width == detector(path).width == 200


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (np.zeros((100, 200, 3), np.int64), r"\[H, W, 3\] .*, not int64"),
        (np.full((9, 9, 3), 255.0), r"lies in \[0, 1\], not in \[255, 255\]"),
        (np.full((9, 9), 1e308), r"not in \[1e\+308, 1e\+308\]"),
        (Image.new("RGB", (0, 9)), "without pixels: 0 x 9"),
        (np.zeros((3, 100, 200), np.uint8), r"\[3, 100, 200\]"),
        (np.zeros((0, 200, 3), np.uint8), "without pixels"),
        (torch.zeros(100, 200, 3), r"\[3, H, W\]"),
        (torch.zeros(3, 100, 200, dtype=torch.int64), "int64"),
        (torch.zeros(2, 3, 100, 200), r"\[2, 3, 100, 200\]"),
        (torch.full((3, 9, 9), 255.0), r"lies in \[0, 1\]"),
        (torch.full((3, 9, 9), float("nan")), r"lies in \[0, 1\]"),
    ],
)
def test_what_is_no_picture_by_its_shape(detector: Detector, picture: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        detector(picture)


def test_what_is_no_picture_at_all(detector: Detector, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="not dict"):
        detector({})  # type: ignore[call-overload]
    with pytest.raises(UserError, match="no such image"):
        detector(tmp_path / "missing.jpg")


def test_plots(detector: Detector, tmp_path: Path) -> None:
    path = jpeg(tmp_path / "large.jpg", (2400, 1200))
    result = detector(path, conf=0.5)
    assert result.image is None  # read again when it is needed
    full, plain, bare = (
        np.asarray(result.plot(**options)).astype(int)
        for options in ({}, {"show_scores": False}, {"show_labels": False, "line_width": 1})
    )
    ground = np.asarray(Image.open(path)).astype(int)
    changed = [np.abs(image - ground).max(axis=2) > 40 for image in (full, plain, bare)]
    counts = [int(one.sum()) for one in changed]
    assert counts[0] > counts[1] > counts[2] > 0
    # The first box is x 300 to 900, y 150 to 450, its label above it.
    assert changed[0][150, 600]
    assert not changed[2][100:140, 300:900].any()


def test_importing_the_package_is_cheap() -> None:
    code = (
        "import sys, yolo_cli; from yolo_cli import load; "
        "sys.exit(any(n in sys.modules for n in ('torch', 'numpy', 'PIL', 'typer', 'rich')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
