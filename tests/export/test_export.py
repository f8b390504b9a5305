from __future__ import annotations

import json
import warnings
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.model.builders import network, tiny
from tests.toy import make_voc
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.export.export import Options, export
from yolo_cli.export.images import Pictures, pictures
from yolo_cli.inference.backends.choose import load_backend
from yolo_cli.model.weights import Weights
from yolo_cli.tasks.detect import parity
from yolo_cli.tasks.detect.parity import FLOAT, Tolerance
from yolo_cli.tasks.detect.thresholds import DETECT
from yolo_cli.tasks.networks import network_of

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("openvino")

pytestmark = pytest.mark.precision

NAMES = {"onnx": "model.onnx", "openvino": "model", "ncnn": "model"}
LOOSE = Tolerance(box=0.2, score=0.5, share=0.5)


@pytest.fixture
def untrained(monkeypatch: pytest.MonkeyPatch) -> None:
    """Allow eight bits more: what has learned nothing has no score to speak of."""
    monkeypatch.setattr(parity, "INT8", LOOSE)


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Pictures:
    return pictures(make_voc(tmp_path_factory.mktemp("data") / "toy", 6, size=80))


@pytest.fixture(scope="module")
def weights() -> Weights:
    net = network(tiny(classes=("disc", "square")))
    return Weights(net.config, net.state_dict(), {"epoch": 3})


@pytest.mark.parametrize("format_", ["onnx", "openvino"])
@pytest.mark.parametrize("nms", [False, True])
@pytest.mark.parametrize("dynamic", [False, True])
def test_an_export_needs_nothing_else(
    tmp_path: Path, toy: Pictures, weights: Weights, format_: str, nms: bool, dynamic: bool
) -> None:
    path = tmp_path / NAMES[format_]
    options = Options(format_, dynamic=dynamic, thresholds=DETECT if nms else None)  # type: ignore[arg-type]
    report = export(weights, path, options, compared=toy)
    assert report.raw.passed
    assert (report.detections is not None) == nms
    config, backend = load_backend(str(path), precision="fp32")
    assert config == weights.config
    batch = torch.stack(toy.inputs(config.image_size, 3))
    with torch.no_grad():
        wanted = network_of(weights).eval()(batch)
    torch.testing.assert_close(backend(batch), wanted, atol=1e-4, rtol=1e-4)
    assert not list(tmp_path.glob(".*"))


def test_an_export_for_ncnn_needs_nothing_else(
    tmp_path: Path, toy: Pictures, weights: Weights
) -> None:
    path = tmp_path / "phone"
    assert export(weights, path, Options("ncnn"), compared=toy).raw.passed
    assert sorted(p.name for p in path.iterdir()) == ["model.bin", "model.json", "model.param"]
    about = json.loads((path / "model.json").read_text())
    assert about["model"]["classes"] == ["disc", "square"]
    assert about["info"] == {"epoch": 3}
    config, backend = load_backend(str(path))
    assert (config, backend.name, backend.precision) == (weights.config, "ncnn", "fp32")
    assert load_backend(str(path / "model.param"))[0] == config
    batch = torch.stack(toy.inputs(config.image_size, 3))
    with torch.no_grad():
        wanted = network_of(weights).eval()(batch)
    torch.testing.assert_close(backend(batch), wanted, atol=1e-4, rtol=1e-4)
    for other in ("torch", "onnx", "openvino"):
        with pytest.raises(UserError, match=f"--backend {other} cannot run"):
            load_backend(str(path), backend=other)


@pytest.mark.parametrize("format_", ["onnx", "openvino", "ncnn"])
def test_what_differs_from_torch_is_not_kept(
    tmp_path: Path,
    toy: Pictures,
    weights: Weights,
    format_: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(parity, "FLOAT", Tolerance(box=-1, score=-1, share=1))
    with pytest.raises(UserError, match="does not find what torch finds") as error:
        export(
            weights,
            tmp_path / NAMES[format_],
            Options(format_),  # type: ignore[arg-type]
            compared=toy,
        )
    assert error.value.code == ExitCode.FAILURE
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("format_", ["onnx", "openvino"])
@pytest.mark.usefixtures("untrained")
def test_eight_bits(tmp_path: Path, toy: Pictures, weights: Weights, format_: str) -> None:
    path = tmp_path / NAMES[format_]
    options = Options(format_, int8=True)  # type: ignore[arg-type]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        report = export(weights, path, options, compared=toy, calibration=toy)
    assert isinstance(report.raw, parity.Deviation)
    assert report.raw.score > FLOAT.score / 100  # it was rounded
    assert report.score_images == 3  # val: the second half of six
    assert report.score_torch is not None
    assert report.score_export is not None
    _, backend = load_backend(str(path))
    assert backend.precision == "int8"
    numbers = path if path.is_file() else path / "model.bin"
    float_size = 4 * sum(t.numel() for t in weights.tensors.values())
    assert numbers.stat().st_size < 0.6 * float_size


@pytest.mark.usefixtures("untrained")
def test_sums_of_two_products_fit_into_sixteen_bits(
    tmp_path: Path, toy: Pictures, weights: Weights
) -> None:
    # What processors without VNNI (AVX2 alone) multiply eight bits with.
    import onnx

    path = tmp_path / "model.onnx"
    options = Options("onnx", int8=True)
    export(weights, path, options, compared=toy, calibration=toy)
    kernels = [
        onnx.numpy_helper.to_array(one)
        for one in onnx.load(path).graph.initializer
        if one.data_type == onnx.TensorProto.INT8 and one.dims
    ]
    assert len(kernels) > 10
    largest = max(int(abs(kernel.astype(int)).max()) for kernel in kernels)
    assert 2 * 255 * largest <= 2**15 - 1


@pytest.mark.usefixtures("untrained")
def test_labels_that_the_network_does_not_know(
    tmp_path: Path, toy: Pictures, weights: Weights
) -> None:
    assert toy.dataset is not None
    others = replace(toy, dataset=replace(toy.dataset, classes=("cup", "hat")))
    report = export(
        weights,
        tmp_path / "model.onnx",
        Options("onnx", int8=True),
        compared=toy,
        calibration=others,
    )
    assert report.score_torch is None


def test_an_export_replaces_the_one_before(tmp_path: Path, toy: Pictures, weights: Weights) -> None:
    for _ in range(2):
        export(weights, tmp_path / "model", Options("openvino"), compared=toy)
    assert sorted(p.name for p in (tmp_path / "model").iterdir()) == ["model.bin", "model.xml"]


def test_pictures_without_labels(tmp_path: Path) -> None:
    root = make_voc(tmp_path / "toy", 4)
    found = pictures(root / "JPEGImages")
    assert (len(found.paths), found.dataset) == (4, None)
    assert [i.shape for i in found.inputs(64, 2)] == [(3, 64, 64)] * 2
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="empty folder"):
        pictures(tmp_path / "empty")
