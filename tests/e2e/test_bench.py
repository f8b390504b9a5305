from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from tests.e2e.conftest import Refused, Yolo


def test_a_row_for_each_backend_and_batch(
    yolo: Yolo, fixed: Path, toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("onnx")
    pytest.importorskip("onnxruntime")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    # Each process takes seconds to import torch.
    monkeypatch.setattr("yolo_cli.bench.plan.precisions", lambda: ("fp32",))
    monkeypatch.setattr("yolo_cli.bench.plan.PEERS", {"nothing": object})
    options = ("--backends", "torch,ncnn,onnx", "--batch", "1,2", "--rounds", "2", "--data", toy)
    more = ("--against", "nothing", "--json", "--plot", "bench.png")
    done = yolo("bench", "--weights", fixed, *options, *more)
    assert done.code == 0, done.err
    told = json.loads(done.out)
    assert [line.split(":")[0] for line in told["failed"]] == ["nothing"]
    assert "left out: nothing" in done.err
    assert told["products"]["fp32"] > 0
    rows = {(row["backend"], row["precision"], row["batch"]): row for row in told["rows"]}
    assert set(rows) == {(name, "fp32", n) for name in ("torch", "ncnn", "onnx") for n in (1, 2)}
    for row in rows.values():
        assert 0 < row["latency"] <= row["latency_p95"]
        assert row["network_rate"] == pytest.approx(row["batch"] / row["latency"] * 1e3)
        assert row["start_up"] > 0 < row["pipeline_rate"]
        assert row["share"] > 0
    assert len({round(row["mean_ap"], 3) for row in rows.values()}) == 1
    with Image.open("bench.png") as image:
        assert image.format == "PNG"


def test_refusals(refused: Refused, fixed: Path, toy: Path) -> None:
    assert "--backends: 'tpu' is unknown" in refused("bench", "--backends", "tpu", code=2)
    assert "--batch 0" in refused("bench", "--batch", "0", code=2)
    command = ("bench", "--weights", fixed, "--data", toy)
    assert "--against darknet" in refused(*command, "--against", "darknet", code=2)
