from __future__ import annotations

import pytest
import torch
from torch import nn
from torchvision.models import vgg16

from tests.model.builders import tiny
from yolo_cli.model.backbone import Backbone
from yolo_cli.model.config import ModelConfig

ONE = ("thing",)


def full(arch: str, grid: int = 7) -> Backbone:
    """The published network, without memory for its weights."""
    with torch.device("meta"):
        return Backbone(ModelConfig(ONE, arch=arch, grid=grid))


def convolutions(backbone: Backbone) -> list[nn.Conv2d]:
    return [layer for layer in backbone.features if isinstance(layer, nn.Conv2d)]


def block_outputs(backbone: Backbone, size: int) -> list[tuple[int, int, int]]:
    """(channels, height, width) after each block."""
    with torch.device("meta"):
        x = torch.empty(1, 3, size, size)
    shapes = []
    for block in range(backbone.blocks):
        x = backbone.block(block, block + 1)(x)
        shapes.append((x.shape[1], x.shape[2], x.shape[3]))
    return shapes


@pytest.mark.parametrize(
    ("arch", "count"), [("vgg16", 13), ("yolov1", 24), ("fast", 8), ("alexnet", 5)]
)
def test_number_of_convolutions(arch: str, count: int) -> None:
    assert len(convolutions(full(arch))) == count


BLOCKS = {
    "vgg16": [(64, 224), (128, 112), (256, 56), (512, 28), (512, 14)],
    "yolov1": [(64, 112), (192, 56), (512, 28), (1024, 14), (1024, 7)],
    "fast": [(16, 224), (32, 112), (64, 56), (128, 28), (256, 14), (512, 7), (256, 7)],
    "alexnet": [(64, 56), (192, 28), (256, 14)],
}


@pytest.mark.parametrize("arch", BLOCKS)
def test_blocks_at_448(arch: str) -> None:
    backbone = full(arch)
    expected = [(channels, side, side) for channels, side in BLOCKS[arch]]
    assert block_outputs(backbone, 448) == expected
    assert backbone.blocks == len(expected)
    assert backbone.channels == expected[-1][0]
    assert backbone.stride == 448 // expected[-1][1]


@pytest.mark.parametrize(("arch", "channels"), [("vgg16", 512), ("yolov1", 1024), ("fast", 256)])
def test_a_grid_of_14_stops_at_stride_32(arch: str, channels: int) -> None:
    backbone = full(arch, grid=14)
    assert block_outputs(backbone, 448)[-1] == (channels, 14, 14)
    assert backbone.stride == 32
    count = {"vgg16": 13, "yolov1": 24, "fast": 8}[arch]
    assert len(convolutions(backbone)) == count


def test_yolov1_is_figure_3_of_the_paper() -> None:
    # (channels, kernel, stride)
    figure = [(64, 7, 2), (192, 3, 1)]
    figure += [(128, 1, 1), (256, 3, 1), (256, 1, 1), (512, 3, 1)]
    figure += 4 * [(256, 1, 1), (512, 3, 1)] + [(512, 1, 1), (1024, 3, 1)]
    figure += 2 * [(512, 1, 1), (1024, 3, 1)] + [(1024, 3, 1), (1024, 3, 2)]
    figure += 2 * [(1024, 3, 1)]
    layers = convolutions(full("yolov1"))
    assert [(c.out_channels, c.kernel_size[0], c.stride[0]) for c in layers] == figure


def test_fast_is_darknets_tiny_network() -> None:
    layers = convolutions(full("fast"))
    assert [c.out_channels for c in layers] == [16, 32, 64, 128, 256, 512, 1024, 256]
    assert {(c.kernel_size, c.stride, c.padding) for c in layers} == {((3, 3), (1, 1), (1, 1))}


def test_vgg16_is_torchvisions_features() -> None:
    with torch.device("meta"):
        theirs = vgg16().features
    ours = full("vgg16").features
    assert {n: t.shape for n, t in ours.state_dict().items()} == {
        n: t.shape for n, t in theirs.state_dict().items()
    }
    assert [type(layer) for layer in ours] == [type(layer) for layer in theirs]


def test_vgg16_computes_what_torchvisions_features_compute() -> None:
    torch.manual_seed(0)
    layers = nn.Sequential()
    inputs = 3
    for row in (4, 4, "M", 8, 8, "M", 16, 16, 16, "M", 32, 32, 32, "M", 32, 32, 32, "M"):
        if isinstance(row, str):
            layers.append(nn.MaxPool2d(2, 2))
        else:
            layers.append(nn.Conv2d(inputs, row, 3, padding=1)).append(nn.ReLU())
            inputs = row
    backbone = Backbone(tiny("vgg16"))
    backbone.features.load_state_dict(layers.state_dict())
    image = torch.randn(1, 3, 128, 128)
    torch.testing.assert_close(backbone(image), layers(image))


@pytest.mark.parametrize("arch", ["yolov1", "fast"])
@pytest.mark.parametrize("norm", [True, False])
def test_activations_and_normalisation(arch: str, norm: bool) -> None:
    backbone = Backbone(tiny(arch, norm=norm))
    count = len(convolutions(backbone))
    norms = [layer for layer in backbone.features if isinstance(layer, nn.BatchNorm2d)]
    leaky = [layer for layer in backbone.features if isinstance(layer, nn.LeakyReLU)]
    assert len(norms) == (count if norm else 0)
    assert [layer.negative_slope for layer in leaky] == [0.1] * count
    assert all((layer.bias is None) == norm for layer in convolutions(backbone))


def test_vgg16_has_no_normalisation_whatever_the_configuration_says() -> None:
    backbone = Backbone(tiny("vgg16", norm=True))
    assert not any(isinstance(layer, nn.BatchNorm2d) for layer in backbone.features)


def test_the_width_scales_every_layer() -> None:
    # Sixteenths, but at least four channels: 16/16 = 1 -> 4, 32/16 = 2 -> 4, 64/16 = 4, 8, 16 …
    layers = convolutions(Backbone(tiny("fast")))
    assert [c.out_channels for c in layers] == [4, 4, 4, 8, 16, 32, 64, 16]
    assert [c.in_channels for c in layers] == [3, 4, 4, 4, 8, 16, 32, 64]


@pytest.mark.parametrize("arch", BLOCKS)
def test_running_the_rest_of_the_blocks_completes_the_whole(arch: str) -> None:
    torch.manual_seed(0)
    backbone = Backbone(tiny(arch)).eval()
    image = torch.randn(1, 3, 128, 128)
    whole = backbone(image)
    for first in range(backbone.blocks + 1):
        part = backbone.block(0, first)(image)
        assert torch.equal(backbone(part, first), whole)


def test_a_block_shares_the_backbones_layers() -> None:
    backbone = Backbone(tiny("vgg16"))
    assert len(backbone.block(0, 0)) == 0
    assert [type(layer) for layer in backbone.block(0, 1)] == [
        *(nn.Conv2d, nn.ReLU, nn.Conv2d, nn.ReLU, nn.MaxPool2d)
    ]
    assert backbone.block(1, 2)[0] is backbone.features[5]
