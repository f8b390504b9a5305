from __future__ import annotations

import re
from typing import get_args

import pytest
import torch
from torch import Tensor, nn
from torchvision import models

from yolo_cli.errors import ExitCode, UserError
from yolo_cli.model.architectures import ARCHITECTURES
from yolo_cli.model.config import Head, ModelConfig, Upsample
from yolo_cli.model.imagenet import SIDE, imagenet_classifier
from yolo_cli.model.table import Row, tabulate
from yolo_cli.tasks.networks import shapes_of

VOC = tuple(f"class{i}" for i in range(20))
PUBLISHED = {
    "alexnet": (models.alexnet, models.AlexNet_Weights.IMAGENET1K_V1),
    "vgg16": (models.vgg16, models.VGG16_Weights.IMAGENET1K_V1),
}


def classifier(arch: str) -> list[Row]:
    with torch.device("meta"):
        return tabulate(imagenet_classifier(arch), SIDE)


def detector(arch: str, head: Head = "conv") -> list[Row]:
    return tabulate(shapes_of(ModelConfig(VOC, arch=arch, head=head)), 448)


def connected(rows: list[Row]) -> int:
    return sum(row.parameters for row in rows if row.connected)


@pytest.mark.parametrize("arch", PUBLISHED)
def test_a_classifier_is_torchvisions_layer_by_layer(arch: str) -> None:
    build, weights = PUBLISHED[arch]
    with torch.device("meta"):
        theirs = build()
    shapes: list[tuple[int, ...]] = []
    kinds = (nn.Conv2d, nn.MaxPool2d, nn.Linear)
    layers = [module for module in theirs.modules() if isinstance(module, kinds)]
    for layer in layers:
        layer.register_forward_hook(lambda _m, _i, out: shapes.append(tuple(out.shape[1:])))
    theirs(torch.empty(1, 3, SIDE, SIDE, device="meta"))
    rows = classifier(arch)
    assert [row.shape for row in rows] == shapes
    assert [row.parameters for row in rows] == [
        sum(p.numel() for p in layer.parameters()) for layer in layers
    ]
    assert sum(row.parameters for row in rows) == weights.meta["num_params"]
    # Their number is of multiplications, in thousands of millions.
    assert sum(row.flops for row in rows) / 2e9 == pytest.approx(weights.meta["_ops"], abs=0.005)


def test_nearly_all_of_alexnet_is_in_its_connected_layers() -> None:
    rows = classifier("alexnet")
    # 6·6·256 to 4096 to 4096 to 1000, with biases.
    assert connected(rows) == 9216 * 4096 + 4096 + 4096 * 4096 + 4096 + 4096 * 1000 + 1000
    assert connected(rows) / sum(row.parameters for row in rows) == pytest.approx(0.96, abs=0.001)
    assert connected(detector("alexnet")) == 0


def test_receptive_fields_as_published() -> None:
    # Araujo et al. 2019, "Computing Receptive Fields of Convolutional Neural Networks".
    last = {arch: classifier(arch)[-4] for arch in PUBLISHED}
    assert {arch: (row.name, row.field) for arch, row in last.items()} == {
        "alexnet": ("pool3", 195),
        "vgg16": ("pool5", 212),
    }
    assert [row.field for row in classifier("vgg16")[-3:]] == [0, 0, 0]


def test_a_field_is_where_a_value_has_gradients() -> None:
    network = nn.Sequential(
        nn.Conv2d(3, 1, 5, 2, 2), nn.Conv2d(1, 1, 3, 1, 1), nn.Conv2d(1, 1, 3, 2, 1),
        nn.Conv2d(1, 1, 1), nn.Conv2d(1, 1, 3, 1, 1),
    )  # fmt: skip
    for parameter in network.parameters():
        nn.init.ones_(parameter)
    image = torch.ones(1, 3, 64, 64, requires_grad=True)
    out: Tensor = network(image)
    out[0, 0, 8, 8].backward()
    assert image.grad is not None
    seen = int((image.grad[0, 0].sum(dim=0) != 0).sum())
    assert tabulate(network, 64)[-1].field == seen


def test_the_field_of_an_enlarged_map() -> None:
    network = nn.Sequential(
        nn.Conv2d(3, 1, 3, 2, 1), nn.ConvTranspose2d(1, 1, 3, 2, 1, 1), nn.Conv2d(1, 1, 3, 1, 1)
    )
    for parameter in network.parameters():
        nn.init.ones_(parameter)
    seen = []
    for place in (16, 17):  # on a value of the smaller map, and between two
        image = torch.ones(1, 3, 32, 32, requires_grad=True)
        network(image)[0, 0, place, place].backward()
        assert image.grad is not None
        seen.append(int((image.grad[0, 0].sum(dim=0) != 0).sum()))
    rows = tabulate(network, 32)
    assert rows[-1].field == max(seen)
    assert (rows[1].name, rows[1].kernel) == ("head.up1", "3×3, ×2")
    assert rows[1].flops == 2 * 9 * 16 * 16  # each of 16 × 16 values times 3 × 3 weights


@pytest.mark.parametrize("upsample", get_args(Upsample))
def test_a_segmenter_goes_down_and_up(upsample: Upsample) -> None:
    config = ModelConfig(VOC, task="segment", upsample=upsample, width=0.125)
    network = shapes_of(config)
    rows = tabulate(network, 448)
    assert sum(row.parameters for row in rows) == sum(p.numel() for p in network.parameters())
    ups = [row for row in rows if row.name.startswith("head.up")]
    assert [row.shape[-1] for row in ups] == [28, 56, 112, 224]  # from 14
    assert {row.kernel for row in ups} == {
        "3×3, ×2" if upsample == "transposed" else f"{upsample} ×2"
    }
    assert (rows[-1].name, rows[-1].shape) == ("output", (20, 224, 224))


def test_a_mean_over_all_places_sees_everything() -> None:
    config = ModelConfig(VOC, arch="alexnet", task="classify", head="pool", image_size=224)
    mean, output = tabulate(shapes_of(config), 224)[-2:]
    assert (mean.name, mean.kernel, mean.shape, mean.field) == (
        "head.mean1",
        "mean",
        (256, 1, 1),
        0,
    )
    assert not mean.connected
    assert (output.connected, output.parameters) == (True, 256 * 20 + 20)


@pytest.mark.parametrize("head", ["conv", "fc"])
@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_nothing_is_left_out(arch: str, head: Head) -> None:
    network = shapes_of(ModelConfig(VOC, arch=arch, head=head))
    rows = tabulate(network, 448)
    assert sum(row.parameters for row in rows) == sum(p.numel() for p in network.parameters())
    names = [row.name for row in rows]
    assert len(set(names)) == len(names)
    assert names[-1] == "output"
    assert {row.module for row in rows} <= {name for name, _ in network.named_modules()}


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_a_name_tells_the_block(arch: str) -> None:
    network = shapes_of(ModelConfig(VOC, arch=arch))
    rows = tabulate(network, 448)
    for block in range(network.backbone.blocks):
        part = network.backbone.block(block, block + 1)
        own = [r for r in rows if re.fullmatch(rf"(conv{block + 1}_\d+|pool{block + 1})", r.name)]
        assert sum(r.parameters for r in own) == sum(p.numel() for p in part.parameters())
        assert len(own) == sum(isinstance(m, nn.Conv2d | nn.MaxPool2d) for m in part)


def test_a_row_by_hand() -> None:
    rows = detector("yolov1", "fc")
    # 64 kernels of 7·7·3 without biases, a mean and a scale each; 224² places.
    work = 2 * 64 * 7 * 7 * 3 * 224**2
    first = Row(
        "conv1_1", "backbone.features.2", "7×7", 2, (64, 224, 224), 64 * 7 * 7 * 3 + 128, work, 7
    )
    assert rows[0] == first
    assert [row.name for row in rows[-3:]] == ["conv5_8", "head.fc1", "output"]
    assert (rows[-2].kernel, rows[-2].shape) == ("connected", (4096,))


def test_not_every_architecture_was_published_as_a_classifier() -> None:
    with pytest.raises(UserError, match="Fast YOLO was not published as one") as caught:
        imagenet_classifier("fast")
    assert caught.value.code == ExitCode.USAGE
    assert "vgg16 and alexnet were" in caught.value.hint
