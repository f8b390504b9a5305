from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from tests.model.builders import tiny
from yolo_cli.model.config import ModelConfig
from yolo_cli.tasks.detect.grid import Grid
from yolo_cli.tasks.detect.postprocess import postprocess
from yolo_cli.tasks.detect.tail import add_detections
from yolo_cli.tasks.detect.thresholds import Thresholds

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")


def run(config: ModelConfig, thresholds: Thresholds, raw: torch.Tensor) -> dict[str, Any]:
    """The tail alone, fed with a network's outputs."""
    side = config.grid
    text = (
        '<ir_version: 8, opset_import: ["": 17]> '
        f"g (float[N, {side}, {side}, {Grid.of(config).channels}] raw) => () {{}}"
    )
    model = onnx.parser.parse_model(text)
    add_detections(model, "raw", Grid.of(config), thresholds)
    onnx.checker.check_model(model, full_check=True)
    session = runtime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    names = [one.name for one in session.get_outputs()]
    return dict(zip(names, session.run(names, {"raw": raw.numpy()}), strict=True))


def test_a_box_worked_by_hand() -> None:
    # 2 x 2 cells of one box. In the lower left cell (column 0, row 1): x = y = .5, so the centre
    # is at (.25, .75); √w = .5, √h = .25: w = .25, h = .0625. Confidence .8; classes .5 and .25:
    # scores .4 and .2. The other cells' confidence is 0.
    config = tiny(boxes=1, output="linear")
    raw = torch.zeros(1, 2, 2, 7)
    raw[0, 1, 0] = torch.tensor([0.5, 0.5, 0.5, 0.25, 0.8, 0.5, 0.25])
    found = run(config, Thresholds(conf=0.25), raw)
    np.testing.assert_allclose(found["boxes"], [[0.125, 0.71875, 0.375, 0.78125]], atol=1e-6)
    np.testing.assert_allclose(found["scores"], [0.4], atol=1e-6)
    assert found["labels"].tolist() == [0]
    assert found["batch_index"].tolist() == [0]


@pytest.mark.parametrize("output", ["linear", "sigmoid"])
@pytest.mark.parametrize("vote", [None, 0.5])
@pytest.mark.parametrize("max_det", [300, 5])
def test_the_tail_does_what_postprocess_does(output: str, vote: float | None, max_det: int) -> None:
    config = tiny(grid=4, output=output)
    thresholds = Thresholds(conf=0.1, iou=0.4, max_det=max_det, vote=vote)
    generator = torch.Generator().manual_seed(3)
    raw = torch.randn(4, 4, 4, 12, generator=generator) + (0.0 if output == "sigmoid" else 0.4)
    raw[2] = -9  # finds nothing: confidence 0
    found = run(config, thresholds, raw)
    wanted = postprocess(raw, Grid.of(config), [(1, 1)] * 4, thresholds)
    assert [len(one["labels"]) for one in wanted][2] == 0
    assert sum(len(one["labels"]) for one in wanted) > 8
    for image, one in enumerate(wanted):
        mine = found["batch_index"] == image
        np.testing.assert_array_equal(found["labels"][mine], one["labels"])
        np.testing.assert_allclose(found["scores"][mine], one["scores"], atol=1e-6)
        np.testing.assert_allclose(found["boxes"][mine], one["boxes"], atol=1e-5)


def test_a_score_at_the_threshold_is_kept() -> None:
    # Confidence and class are .5: the score is .25 exactly.
    config = tiny(boxes=1, output="linear")
    raw = torch.zeros(1, 2, 2, 7)
    raw[0, 0, 0] = torch.tensor([0.5, 0.5, 0.5, 0.5, 0.5, 0.5, 0.0])
    assert len(run(config, Thresholds(conf=0.25), raw)["scores"]) == 1
    assert len(run(config, Thresholds(conf=0.2500001), raw)["scores"]) == 0


def test_nothing_found() -> None:
    found = run(tiny(), Thresholds(conf=0.25), torch.full((2, 2, 2, 12), -9.0))
    assert {name: value.shape for name, value in found.items()} == {
        "boxes": (0, 4), "scores": (0,), "labels": (0,), "batch_index": (0,),
    }  # fmt: skip
