from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.model.builders import images, network, tiny
from yolo_cli.model import fuse
from yolo_cli.model.architectures import ARCHITECTURES
from yolo_cli.model.fuse import FusedConv, fuse_activations
from yolo_cli.model.runtime import runs_bf16

CPU = torch.device("cpu")

pytestmark = [
    pytest.mark.precision,
    pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="torch without oneDNN"),
]


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("head", ["conv", "fc"])
def test_the_fused_network_gives_the_same(arch: str, head: str) -> None:
    net = network(tiny(arch, head=head))
    pixels = images(3)
    with torch.inference_mode():
        wanted = net(pixels)
        net.to_inference(torch.float32, CPU)
        fuse_activations(net, 128)
        found = net(pixels.contiguous(memory_format=torch.channels_last))
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)
    left = [m for m in net.backbone.modules() if isinstance(m, nn.Conv2d | nn.ReLU | nn.LeakyReLU)]
    assert not left


@pytest.mark.parametrize("arch", ["vgg16", "fast"])
def test_bfloat16_is_fused_where_there_are_kernels_for_it(arch: str) -> None:
    net, pixels = network(tiny(arch)), images(3)
    with torch.inference_mode():
        wanted = net(pixels)
        net.to_inference(torch.bfloat16, CPU)
        fuse_activations(net, 128)
        found = net(pixels.contiguous(memory_format=torch.channels_last))
    assert any(isinstance(m, FusedConv) for m in net.modules()) == runs_bf16()
    assert (found - wanted).abs().max() < 0.05 * wanted.abs().max()


def test_bfloat16_without_kernels_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuse, "runs_bf16", lambda: False)
    for dtype, fused in ((torch.bfloat16, False), (torch.float32, True)):
        net = network(tiny()).to_inference(dtype, CPU)
        fuse_activations(net, 128)
        assert any(isinstance(m, FusedConv) for m in net.modules()) == fused


def test_a_layer_worked_by_hand() -> None:
    # 1 x 1 convolution, weight 2, bias -1: 1 -> 1, -2 -> -5; leaky with slope .1: 1 and -.5.
    layer = nn.Conv2d(1, 1, 1)
    nn.init.constant_(layer.weight, 2)
    assert layer.bias is not None
    nn.init.constant_(layer.bias, -1)
    fused = FusedConv(layer, nn.LeakyReLU(0.1), 2)
    found = fused(torch.tensor([[[[1.0, -2.0], [0.0, 3.0]]]]))
    torch.testing.assert_close(found, torch.tensor([[[[1.0, -0.5], [-0.1, 5.0]]]]))


def test_no_such_operators(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.mkldnn, "is_available", lambda: False)
    net = network(tiny()).to_inference(torch.float32, CPU)
    fuse_activations(net, 128)
    assert any(isinstance(m, nn.Conv2d) for m in net.backbone.modules())
