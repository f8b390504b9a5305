"""Decoders in other runtimes."""

from __future__ import annotations

import pytest
import torch

from tests.model.builders import images, network
from tests.tasks.segment.builders import config
from yolo_cli.errors import UserError
from yolo_cli.inference.backends.graph import to_onnx
from yolo_cli.inference.backends.ncnn_backend import NcnnBackend
from yolo_cli.inference.backends.ncnn_graph import to_ncnn
from yolo_cli.inference.backends.onnx_backend import OnnxBackend
from yolo_cli.tasks.segment.parity import compare
from yolo_cli.tasks.task import task_of


@pytest.mark.parametrize("upsample", ["transposed", "bilinear", "nearest"])
def test_the_same_elsewhere(upsample: str) -> None:
    net = network(config(upsample, arch="vgg16", width=0.0625))
    pixels = images(2, 64)
    with torch.inference_mode():
        expected = net(pixels)
    for backend in (OnnxBackend.of(net), NcnnBackend.of(net, torch.float32)):
        found = backend(pixels)
        assert torch.allclose(found, expected, atol=2e-3 * float(expected.abs().max())), backend
        assert task_of(net.config).agree(net.config, expected, found)


def test_unpooling_is_refused() -> None:
    net = network(config())
    with pytest.raises(UserError, match="a decoder that unpools runs in torch alone") as caught:
        to_onnx(net, {})
    assert "--upsample" in caught.value.hint
    with pytest.raises(UserError, match="a decoder that unpools runs in torch alone"):
        to_ncnn(net)


def test_agreement_is_counted_by_pixels() -> None:
    expected = torch.zeros(2, 10, 20, 3)
    expected[..., 1] = 1.0
    found = expected.clone()
    found[1, 0, 0, 2] = 2.0
    deviation = compare(expected, found, 0.995)
    assert deviation.agreeing == pytest.approx(199 / 200)
    assert deviation.passed
    found[1, 0, 1, 0] = float("nan")
    assert not compare(expected, found, 0.995).passed
