"""Every command that runs a network, in every precision; ``.ci/run`` repeats it without AVX-512."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.conftest import Yolo
from yolo_cli.bench.plan import own_specs
from yolo_cli.errors import UserError
from yolo_cli.inference.backends.backend import installed
from yolo_cli.model.runtime import runs_bf16

pytestmark = pytest.mark.precision


@pytest.mark.parametrize("precision", ["auto", "fp32", "bf16"])
@pytest.mark.parametrize("backend", ["auto", "torch", "ncnn", "openvino"])
def test_detect_and_eval(yolo: Yolo, fixed: Path, toy: Path, backend: str, precision: str) -> None:
    if backend == "openvino" and not installed("openvino"):
        pytest.skip("OpenVINO is not installed")
    how = ("--backend", backend, "--precision", precision, "--weights", fixed)
    found = yolo("detect", toy / "JPEGImages" / "000.png", "--json", *how)
    scored = yolo("eval", toy, "--json", *how)
    if (backend, precision) == ("openvino", "bf16") and not runs_bf16():
        for done in (found, scored):
            assert done.code == 2
            assert "cannot compute in it on this processor" in done.error.splitlines()[0]
        return
    assert (found.code, scored.code) == (0, 0), found.err + scored.err
    # Four boxes of the scores 3/4 and 3/8, which bfloat16 holds exactly.
    scores = [one["score"] for one in json.loads(found.out)["detections"]]
    assert scores == pytest.approx([0.75] * 4 + [0.375] * 4)


@pytest.mark.parametrize("precision", ["auto", "fp32", "bf16"])
@pytest.mark.parametrize("cache", [("--freeze", 2, "--copies", 1), ("--freeze", 0, "--copies", 0)])
def test_train(
    yolo: Yolo, tiny: Path, toy: Path, precision: str, cache: tuple[object, ...]
) -> None:
    options = ("--weights", tiny, "--epochs", 1, "--batch", 2, "--workers", 0, *cache)
    done = yolo("train", toy, "--precision", precision, *options)
    assert done.code == 0, done.err
    assert (
        yolo("detect", toy, "-r", "--json", "--weights", "runs/train-1/best.safetensors").code == 0
    )


def test_bench_measures_no_precision_that_the_processor_cannot_compute_in(fixed: Path) -> None:
    asked = [
        spec.values["precision"] for spec in own_specs([str(fixed)], ["torch", "ncnn", "openvino"])
    ]
    assert "fp32" in asked
    assert runs_bf16() or "bf16" not in asked


def test_bench_says_that_no_backend_runs_an_export(tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    path.write_bytes(b"")
    with pytest.raises(
        UserError, match=r"a\.onnx: an export that onnx or openvino runs, not torch"
    ):
        own_specs([str(path)], ["torch"])
    assert [spec.values["backend"] for spec in own_specs([str(path)], ["torch", "onnx"])] == [
        "onnx"
    ]
