"""Places of maxima that travel along as channels."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from tests.model.builders import tiny
from yolo_cli.errors import UserError
from yolo_cli.model.backbone import Backbone
from yolo_cli.model.config import ModelConfig
from yolo_cli.model.switches import (
    Pooling,
    check_windows,
    counts,
    pack,
    poolings,
    split,
    unfold,
    unpack,
)


def maps(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def test_poolings_of_vgg() -> None:
    config = ModelConfig(("a",), grid=14, upsample="unpool")
    assert poolings(config) == ((64, 1), (128, 2), (256, 4), (512, 8), (512, 16))


def test_four_switches_are_one_number() -> None:
    # One window in each of five channels; the maximum at 0, 1, 2, 3 and 1: 0 + 4 + 32 + 192, and 1.
    x = torch.zeros(1, 5, 2, 2)
    for channel, place in enumerate((0, 1, 2, 3, 1)):
        x[0, channel].view(-1)[place] = 1.0
    _, indices = F.max_pool2d(x, 2, return_indices=True)
    assert pack(indices, 2, torch.bfloat16).flatten().tolist() == [228.0, 1.0]


@pytest.mark.parametrize("channels", [4, 6])
def test_unpacked_indices_are_those_of_the_pooling(channels: int) -> None:
    x = maps(2, channels, 6, 10)
    _, indices = F.max_pool2d(x, 2, return_indices=True)
    for dtype in (torch.float32, torch.bfloat16):
        assert torch.equal(unpack(pack(indices, 10, dtype), channels), indices)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_backbone_carries_the_indices_of_its_poolings(dtype: torch.dtype) -> None:
    config = tiny("vgg16", width=0.1, upsample="unpool", grid=4)
    backbone = Backbone(config).to(dtype).eval()
    expected = []
    x = images = maps(2, 3, 128, 128).to(dtype)
    for block in range(5):
        x = backbone.block(block, block + 1)[:-1](x)
        x, indices = F.max_pool2d(x, 2, return_indices=True)
        expected.append(indices)
    found, packed = split(backbone(images), backbone.passed(5))
    assert torch.equal(found, x)
    indices_found = unfold(packed, backbone.passed(5))
    assert len(indices_found) == 4  # those at full resolution are of no use
    for one, other in zip(indices_found, expected[1:], strict=True):
        assert torch.equal(one, other)


def test_blocks_one_after_the_other_give_the_same() -> None:
    config = tiny("vgg16", upsample="unpool", grid=4)
    backbone = Backbone(config).eval()
    images = maps(1, 3, 128, 128)
    whole = backbone(images)
    for depth in range(1, 5):
        part = backbone.run(images, 0, depth)
        assert torch.equal(backbone(part, depth), whole)


def test_other_networks_have_no_further_channels() -> None:
    config = tiny("vgg16", upsample="bilinear", grid=4)
    assert Backbone(config)(maps(1, 3, 128, 128)).shape[1] == Backbone(config).channels


def test_folded_channels() -> None:
    # 128 and 256 channels: 32 and 64 numbers, the first of them of a map twice as fine.
    assert counts([Pooling(128, 2), Pooling(256, 4)]) == [128, 64]


def test_overlapping_windows_cannot_be_undone() -> None:
    with pytest.raises(UserError, match="--upsample unpool: the pooling windows of alexnet"):
        check_windows(ModelConfig(("a",), arch="alexnet", grid=14))
    check_windows(ModelConfig(("a",), arch="yolov1", grid=14))
