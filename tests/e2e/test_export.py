from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.conftest import Refused, Yolo

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("openvino")


@pytest.mark.parametrize(
    ("kind", "name"),
    [("onnx", "fixed.onnx"), ("openvino", "fixed-openvino"), ("ncnn", "fixed-ncnn")],
)
def test_detect_and_eval_take_an_export(
    yolo: Yolo, fixed: Path, toy: Path, kind: str, name: str
) -> None:
    done = yolo("export", "--weights", fixed, "--format", kind, "--images", toy, "--json")
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert (told["path"], told["raw"]["passed"], told["detections"]) == (name, True, None)
    assert "allowed" in done.err
    photo = toy / "JPEGImages" / "000.png"
    both = [
        yolo("detect", photo, "--json", "--precision", "fp32", "--weights", weights)
        for weights in (fixed, name)
    ]
    wanted, found = (json.loads(one.out)["detections"] for one in both)
    assert len(wanted) == 8  # four boxes of two classes
    assert found == wanted
    scores = [
        json.loads(yolo("eval", toy, "--json", "--precision", "fp32", "--weights", weights).out)
        for weights in (fixed, name)
    ]
    assert scores[1]["voc07"] == scores[0]["voc07"]


def test_detections_in_the_graph(yolo: Yolo, fixed: Path, toy: Path) -> None:
    done = yolo("export", "--weights", fixed, "--nms", "--dynamic", "--images", toy)
    assert done.code == 0, done.err
    assert "after NMS:" in done.err


def test_eight_bits_tell_their_loss(yolo: Yolo, tiny: Path, toy: Path) -> None:
    options = ("--int8", "--calibrate", toy, "--out", "small.onnx")
    done = yolo("export", "--weights", tiny, *options)
    assert done.code == 0, done.err
    assert "a loss of" in done.err
    assert Path("small.onnx").is_file()


def test_refusals(refused: Refused, fixed: Path, toy: Path, tmp_path: Path) -> None:
    assert "--int8 needs images" in refused("export", "--int8", code=2)
    for option in (("--nms",), ("--dynamic",), ("--int8", "--calibrate", toy)):
        ncnn = ("export", "--format", "ncnn", "--weights", fixed, "--images", toy)
        assert f"{option[0]} is for ONNX and OpenVINO" in refused(*ncnn, *option, code=2)
    assert "--calibrate goes with --int8" in refused("export", "--calibrate", toy, code=2)
    assert "ends in .onnx" in refused("export", "--weights", fixed, "--out", "model.pt", code=2)
    empty = tmp_path / "empty"
    empty.mkdir()
    assert "empty folder" in refused("export", "--weights", fixed, "--images", empty, code=3)
    onnx = ("export", "--weights", fixed, "--images", toy)
    assert not Path("fixed.onnx").exists()
    blocked = tmp_path / "file"
    blocked.write_text("")
    out = blocked / "model.onnx"
    assert "cannot be written" in refused(*onnx, "--out", out, code=1)


def test_an_export_is_no_start_of_an_export(refused: Refused, yolo: Yolo, fixed: Path) -> None:
    Path("bad.onnx").write_bytes(b"nothing")
    assert "bad.onnx" in refused("detect", fixed, "--weights", "bad.onnx", code=3)
