from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from tests.model.builders import tiny
from yolo_cli.model.config import ModelConfig
from yolo_cli.tasks.detect.head import ConnectedHead, ConvHead, build_head

# Channels and stride of the feature map at 448 pixels, for grids of 7 and of 14.
FEATURES = {
    ("vgg16", 7): (512, 32),
    ("vgg16", 14): (512, 32),
    ("yolov1", 7): (1024, 64),
    ("yolov1", 14): (1024, 32),
    ("fast", 7): (256, 64),
    ("fast", 14): (256, 32),
    ("alexnet", 7): (256, 32),
    ("alexnet", 14): (256, 32),
}


HeadModule = ConvHead | ConnectedHead


def build(config: ModelConfig, channels: int, stride: int) -> HeadModule:
    head = build_head(config, channels, stride)
    assert isinstance(head, ConvHead if config.head == "conv" else ConnectedHead)
    return head


def head_and_features(head: str, arch: str, grid: int) -> tuple[HeadModule, Tensor]:
    """A full-size head and its input, without memory."""
    channels, stride = FEATURES[arch, grid]
    config = ModelConfig(tuple("abcdefghijklmnopqrst"), arch, head, grid)  # type: ignore[arg-type]
    with torch.device("meta"):
        side = 448 // stride
        return build(config, channels, stride), torch.empty(2, channels, side, side)


@pytest.mark.parametrize(("arch", "grid"), FEATURES)
@pytest.mark.parametrize("head", ["conv", "fc"])
def test_a_head_makes_the_grid(head: str, arch: str, grid: int) -> None:
    module, features = head_and_features(head, arch, grid)
    assert module(features).shape == (2, grid, grid, 30)


def parameters(module: nn.Module) -> int:
    return sum(p.numel() for p in module.parameters())


def test_the_connected_head_is_the_papers() -> None:
    # 7 x 7 x 1024 -> 4096 -> 7 x 7 x 30, each with biases.
    module, _ = head_and_features("fc", "yolov1", 7)
    assert parameters(module) == 50_176 * 4096 + 4096 + 4096 * 1470 + 1470
    kinds = [type(layer) for layer in module.layers]
    assert kinds == [nn.Flatten, nn.Linear, nn.LeakyReLU, nn.Dropout]


def test_the_connected_head_of_vgg16_halves_the_feature_map_first() -> None:
    module, _ = head_and_features("fc", "vgg16", 7)
    first = module.layers[0]
    assert isinstance(first, nn.Conv2d)
    assert (first.kernel_size, first.stride) == ((3, 3), (2, 2))
    # At a grid of 14 there is nothing to halve.
    module, _ = head_and_features("fc", "vgg16", 14)
    assert isinstance(module.layers[0], nn.Flatten)


def test_the_convolutional_head() -> None:
    module, _ = head_and_features("conv", "vgg16", 7)
    # Three 3 x 3 convolutions of 512 to 512 with two numbers a channel of normalisation,
    # and 512 -> 30 with biases.
    assert parameters(module) == 3 * (512 * 512 * 9 + 2 * 512) + 512 * 30 + 30
    strides = [c.stride for c in module.modules() if isinstance(c, nn.Conv2d)]
    assert strides == [(2, 2), (1, 1), (1, 1), (1, 1)]


@pytest.mark.parametrize("head", ["conv", "fc"])
def test_dropout_stands_before_the_predictor(head: str) -> None:
    module = build(tiny(head=head, dropout=0.3), 16, 64)
    last = module.layers[-1]
    assert isinstance(last, nn.Dropout)
    assert last.p == 0.3
    assert sum(isinstance(m, nn.Dropout) for m in module.modules()) == 1


@pytest.mark.parametrize("head", ["conv", "fc"])
def test_without_normalisation(head: str) -> None:
    module = build(tiny("vgg16", head=head, norm=False), 32, 32)
    assert not any(isinstance(m, nn.BatchNorm2d | nn.BatchNorm1d) for m in module.modules())


@pytest.mark.parametrize(("head", "cells"), [("conv", 1), ("fc", 4)])
def test_outputs_are_laid_out_cell_by_cell(head: str, cells: int) -> None:
    # A predictor of biases alone. The connected head's rows are those of cell (0, 0), then
    # (0, 1), (1, 0), (1, 1), 12 each; the convolutional head's are the same in every cell.
    module = build(tiny(head=head), 16, 64).eval()
    layer = module.predictor.layer
    with torch.no_grad():
        layer.weight.zero_()
        layer.bias = nn.Parameter(torch.arange(12.0 * cells))
    output = module(torch.randn(1, 16, 2, 2))[0]
    expected = torch.arange(48.0) if head == "fc" else torch.arange(12.0).repeat(4)
    assert torch.equal(output, expected.view(2, 2, 12))


@pytest.mark.parametrize("head", ["conv", "fc"])
def test_the_predictor_is_float32_under_autocast(head: str) -> None:
    torch.manual_seed(0)
    module = build(tiny(head=head), 16, 64).eval()
    features = torch.randn(1, 16, 2, 2)
    with torch.autocast("cpu", torch.bfloat16):
        hidden = module.layers(features)
        output = module.predictor(hidden)
        whole = module(features)
    assert hidden.dtype == torch.bfloat16
    assert output.dtype == whole.dtype == torch.float32
    torch.testing.assert_close(output, module.predictor.layer(hidden.float()))
    assert not torch.equal(whole, whole.bfloat16().float())  # not rounded to its 8 bits


@pytest.mark.parametrize("cells", [1, 4])
@pytest.mark.parametrize("output", ["linear", "sigmoid"])
def test_a_new_predictor_starts_near_zero_and_a_sigmoid_confidence_near_none(
    cells: int, output: str
) -> None:
    torch.manual_seed(0)
    module = build(tiny(head="conv" if cells == 1 else "fc", output=output), 16, 64)
    layer = module.predictor.layer
    assert layer.weight.std().item() == pytest.approx(0.01, rel=0.2)
    # x, y, √w, √h, confidence, twice, and two classes
    logit = -4.0 if output == "sigmoid" else 0.0
    expected = [0, 0, 0, 0, logit, 0, 0, 0, 0, logit, 0, 0] * cells
    assert layer.bias is not None
    assert layer.bias.tolist() == expected
