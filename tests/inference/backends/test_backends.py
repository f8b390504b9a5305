from __future__ import annotations

import ctypes
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.model.builders import images, network, tiny
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.inference.backends import fastest, openvino_backend
from yolo_cli.inference.backends.choose import load_backend, of_network
from yolo_cli.model import fuse
from yolo_cli.model.network import Network
from yolo_cli.model.runtime import runs_bf16
from yolo_cli.model.weights import save_weights
from yolo_cli.optional import optional

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")
pytest.importorskip("openvino")

pytestmark = pytest.mark.precision

CPU = torch.device("cpu")
NETWORKS = [
    {"arch": "vgg16"},
    {"arch": "vgg16", "head": "fc", "norm": False},
    {"arch": "yolov1", "output": "linear"},
    {"arch": "fast", "head": "fc", "mean": (0.485, 0.456, 0.406), "std": (0.229, 0.224, 0.225)},
    {"arch": "fast", "grid": 4},
    {"arch": "alexnet"},
    {"arch": "alexnet", "head": "fc", "grid": 4},
]


def expected(net: Network, pixels: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        result: torch.Tensor = net(pixels)
    return result


@pytest.mark.parametrize("options", NETWORKS, ids=str)
@pytest.mark.parametrize("name", ["torch", "ncnn", "onnx", "openvino"])
def test_every_backend_gives_the_networks_outputs(name: str, options: dict[str, object]) -> None:
    net = network(tiny(**options))  # type: ignore[arg-type]
    pixels = images(3)
    wanted = expected(net, pixels)
    found = of_network(net, name, CPU, "fp32")(pixels)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)


@pytest.fixture(autouse=True)
def _empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.safetensors"
    save_weights(path, network(tiny()), {})
    return path


@pytest.mark.parametrize("name", ["torch", "ncnn", "onnx", "openvino"])
def test_weights_are_run_by_the_backend_asked_for(weights: Path, name: str) -> None:
    config, backend = load_backend(str(weights), backend=name, precision="fp32")
    assert (backend.name, backend.precision, config) == (name, "fp32", tiny())
    assert backend(images(2)).shape == (2, 2, 2, 12)  # 5 x 2 boxes and 2 classes


@pytest.mark.parametrize("name", ["torch", "ncnn", "openvino"])
def test_half_precision_is_near_the_full_one(weights: Path, name: str) -> None:
    if name == "openvino" and not runs_bf16():
        pytest.skip("this processor has no bfloat16")
    pixels = images(1)
    wanted = expected(network(tiny()), pixels)
    _, backend = load_backend(str(weights), backend=name, precision="bf16")
    assert backend.precision == "bf16"
    assert (backend(pixels) - wanted).abs().max() < 0.05 * wanted.abs().max()


def signal_stack() -> bytes:
    """Return where this thread's signal handlers have their stack, as C has it."""
    found = ctypes.create_string_buffer(24)
    assert ctypes.CDLL(None).sigaltstack(None, found) == 0
    return found.raw


@pytest.mark.skipif(sys.platform != "linux", reason="the structure is Linux's")
def test_ctrl_c_still_has_a_stack_when_openvino_is_dropped_elsewhere() -> None:
    before = signal_stack()
    held = [of_network(network(tiny()), "openvino", CPU, "fp32")]
    assert signal_stack() == before
    dropping = threading.Thread(target=held.clear)
    dropping.start()
    dropping.join()
    assert signal_stack() == before


def test_openvino_says_that_it_cannot_compute_in_half_precision(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openvino_backend, "runs_bf16", lambda: False)
    with pytest.raises(UserError, match="OpenVINO cannot compute in it on this processor") as error:
        load_backend(str(weights), backend="openvino", precision="bf16")
    assert error.value.code == ExitCode.USAGE


def test_torch_emulates_half_precision(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (fastest, openvino_backend, fuse):
        monkeypatch.setattr(module, "runs_bf16", lambda: False)
    _, backend = load_backend(str(weights), precision="bf16")  # of as many images as one likes
    assert (backend.name, backend.precision) == ("torch", "bf16")
    assert backend(images(1)).isfinite().all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"backend": "tensorrt"}, "--backend tensorrt: unknown"),
        ({"backend": "onnx", "precision": "bf16"}, "--precision bf16: onnxruntime computes"),
    ],
)
def test_what_does_not_go_together(weights: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message) as error:
        load_backend(str(weights), **options)
    assert error.value.code == ExitCode.USAGE


def test_other_backends_have_no_other_device() -> None:
    with pytest.raises(UserError, match="--backend openvino runs on the CPU, not on cuda"):
        of_network(network(tiny()), "openvino", torch.device("cuda"), "auto")


def test_a_missing_package_is_named_with_what_installs_it() -> None:
    with pytest.raises(UserError, match="the package no_such_runtime is not installed") as error:
        optional("no_such_runtime.part", "onnx")
    assert error.value.hint == "pip install 'yolo-cli[onnx]'"


@pytest.mark.parametrize("content", [b"", b"no graph at all", bytes(range(256)) * 40])
@pytest.mark.parametrize("name", ["onnx", "openvino", "auto"])
def test_a_damaged_file_is_refused(tmp_path: Path, content: bytes, name: str) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"model\.onnx: ") as error:
        load_backend(str(path), backend=name)
    assert error.value.code == ExitCode.BAD_INPUT
    assert len(str(error.value).splitlines()) <= 2


def test_a_graph_of_another_tool_is_refused(tmp_path: Path) -> None:
    import onnx
    from onnx import parser

    text = '<ir_version: 8, opset_import: ["": 17]> g (float[1] x) => (float[1] y) {y = Relu (x)}'
    path = tmp_path / "other.onnx"
    onnx.save(parser.parse_model(text), path)
    for name in ("onnx", "openvino"):
        with pytest.raises(UserError, match="not an export of yolo-cli"):
            load_backend(str(path), backend=name)
