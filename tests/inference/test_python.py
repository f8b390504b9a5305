"""What Python programs call."""

from __future__ import annotations

import functools
import json
import os
import pickle
import subprocess
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import ExifTags, Image

from tests.e2e.conftest import save_fixed
from tests.inference.conftest import jpeg
from tests.toy import CLASSES
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.inference.detector import Detector
from yolo_cli.inference.predictor import Predictor
from yolo_cli.tasks.detect.result import DetectResult

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


def test_classes_as_one_text(detector: Detector) -> None:
    picture = np.zeros((100, 200, 3), dtype=np.uint8)
    assert detector(picture, classes="square").labels.unique().tolist() == [1]
    assert len(detector(picture, classes="Disc,square")) == 8
    assert len(detector(picture, classes=None)) == 8
    nothing: list[Any] = [[], ""]
    for none in nothing:
        with pytest.raises(UserError, match="names no class"):
            detector(picture, classes=none)
    with pytest.raises(UserError, match="no such class: 1"):
        detector(picture, classes=[1])


def test_voting_is_on_or_off_or_a_threshold(detector: Detector) -> None:
    picture = np.zeros((100, 200, 3), dtype=np.uint8)
    on, off, half = (detector(picture, vote=vote) for vote in (True, False, 0.5))
    assert on.scores.tolist() == half.scores.tolist()
    assert off.boxes.tolist() == detector(picture, vote=None).boxes.tolist()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"conf": 7}, "conf=7 is not a number from 0 to 1"),
        ({"conf": float("nan")}, "conf=nan is not a number from 0 to 1"),
        ({"conf": "0.5"}, "conf='0.5' is not a number from 0 to 1"),
        ({"conf": True}, "conf=True is not"),
        ({"iou": -1e308}, "iou=-1e+308 is not a number from 0 to 1"),
        ({"max_det": 0}, "max_det=0 is not a whole number from 1"),
        ({"max_det": 2.5}, "max_det=2.5 is not a whole number"),
        ({"vote": 2}, "vote=2 is not a number from 0 to 1"),
    ],
)
def test_values_beyond_their_range(
    detector: Detector, change: dict[str, Any], message: str
) -> None:
    with pytest.raises(UserError) as caught:
        detector(np.zeros((9, 9, 3), np.uint8), **change)
    assert caught.value.message.startswith(message)
    assert caught.value.code == ExitCode.USAGE


def test_a_name_that_is_no_threshold(detector: Detector) -> None:
    with pytest.raises(TypeError, match="confidence"):
        detector(np.zeros((9, 9, 3), np.uint8), confidence=0.5)


def test_transparent_and_float_pictures(
    detector: Detector, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    array = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
    opaque = np.dstack([array, np.full((64, 64), 255, np.uint8)])
    clear = np.dstack([array, np.zeros((64, 64), np.uint8)])
    floats = array.astype(np.float64) / 255
    seen: list[torch.Tensor] = []
    predict = Predictor.predict

    def spy(self: Detector, inputs: list[torch.Tensor], *rest: Any) -> Any:
        seen.extend(inputs)
        return predict(self, inputs, *rest)

    monkeypatch.setattr(Predictor, "predict", spy)
    detector([array, opaque, floats, floats.astype(np.float16), clear])
    assert torch.equal(seen[1], seen[0])
    assert torch.equal(seen[2], seen[0])
    assert torch.equal(seen[3], seen[0])
    assert (seen[4] == 255).all()  # nothing is to be seen, on white


def test_an_address(detector: Detector, tmp_path: Path) -> None:
    jpeg(tmp_path / "photo.png")
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        address = f"http://127.0.0.1:{server.server_port}/photo.png"
        result = detector(address)
        server.shutdown()
        thread.join()
    assert result.boxes[:4].tolist() == BOXES
    assert result.origin.name == address
    assert result.plot().size == (200, 100)


def test_pickling(detector: Detector, tmp_path: Path) -> None:
    again = pickle.loads(pickle.dumps(detector))
    picture = np.zeros((100, 200, 3), dtype=np.uint8)
    assert again(picture).boxes.tolist() == detector(picture).boxes.tolist()
    assert again.backend.precision == detector.backend.precision == "fp32"
    built = Predictor[DetectResult](detector.config, detector.backend)
    with pytest.raises(TypeError, match="loaded from a file"):
        pickle.dumps(built)


FORK = """
import os, sys
import numpy as np, torch
from yolo_cli.inference.detector import Detector

torch.set_num_threads(2)
detector = Detector.load(sys.argv[1], device="cpu", precision="fp32", backend=sys.argv[2])
pictures = [np.zeros((100, 200, 3), np.uint8)] * 9
torch.ones(2000, 2000) @ torch.ones(2000, 2000)  # the threads are there
before = [len(one) for one in detector(pictures, batch=2)]
child = os.fork()
if child == 0:
    try:
        after = [len(one) for one in (*detector(pictures, batch=2), detector(pictures[0]))]
        os._exit(0 if after == [*before, before[0]] else 4)
    except RuntimeError as error:
        print(error, flush=True)
        os._exit(5)
_, status = os.waitpid(child, 0)
sys.exit(os.waitstatus_to_exitcode(status))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
@pytest.mark.parametrize(("backend", "code"), [("torch", 0), ("ncnn", 0), ("openvino", 5)])
def test_a_forked_process(tmp_path: Path, backend: str, code: int) -> None:
    if backend != "torch":
        pytest.importorskip(backend)
    path = tmp_path / "fixed.safetensors"
    save_fixed(path, CLASSES)
    command = [sys.executable, "-W", "ignore", "-c", FORK, str(path), backend]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=200)
    assert done.returncode == code, done.stderr
    assert ("cannot be used in a forked process" in done.stdout) == (code == 5)


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
