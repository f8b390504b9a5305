from __future__ import annotations

import pytest
import torch
from torch import nn

from tests.model.builders import tiny
from yolo_cli.model.architectures import ARCHITECTURES
from yolo_cli.model.config import ModelConfig
from yolo_cli.model.summary import Layer, summarise
from yolo_cli.tasks.networks import build_network, shapes_of

VOC = tuple(f"class{i}" for i in range(20))


def gigaflops(layers: list[Layer], prefix: str) -> float:
    return sum(layer.flops for layer in layers if layer.name.startswith(prefix)) / 1e9


def full(arch: str, head: str = "conv") -> list[Layer]:
    return summarise(shapes_of(ModelConfig(VOC, arch=arch, head=head)))  # type: ignore[arg-type]


def test_work_of_the_convolutions_of_vgg16() -> None:
    # 2 x 9 x inputs x outputs x positions, by pictures of 448², 224², 112², 56² and 28²:
    rows = [(3, 64, 448), (64, 64, 448), (64, 128, 224), (128, 128, 224), (128, 256, 112)]
    rows += [(256, 256, 112)] * 2 + [(256, 512, 56)] + [(512, 512, 56)] * 2 + [(512, 512, 28)] * 3
    expected = sum(18 * i * o * side**2 for i, o, side in rows)
    work = gigaflops(full("vgg16"), "backbone.")
    assert work == pytest.approx(expected / 1e9)
    assert work == pytest.approx(122.8, abs=0.1)


def test_work_of_fast_yolo() -> None:
    # 3x16 at 448², 16x32 at 224², 32x64 at 112², 64x128 at 56², 128x256 at 28², 256x512 at 14²,
    # 512x1024 and 1024x256 at 7².
    rows = [(3, 16, 448), (16, 32, 224), (32, 64, 112), (64, 128, 56), (128, 256, 28)]
    rows += [(256, 512, 14), (512, 1024, 7), (1024, 256, 7)]
    expected = sum(18 * i * o * side**2 for i, o, side in rows) / 1e9
    work = gigaflops(full("fast"), "backbone.")
    assert work == pytest.approx(expected)
    assert work == pytest.approx(3.2, abs=0.1)


def test_work_of_the_papers_network() -> None:
    # The table of YOLOv2's authors gives 40.19 billion operations for the first YOLO.
    assert gigaflops(full("yolov1", "fc"), "") == pytest.approx(40.19, abs=0.5)


def test_a_row_for_each_layer() -> None:
    config = tiny("fast", head="fc")
    layers = summarise(shapes_of(config))
    network = build_network(config)
    modules = {n: m for n, m in network.named_modules() if not list(m.children())}
    assert [layer.name for layer in layers] == list(modules)
    for layer in layers:
        assert layer.parameters == sum(p.numel() for p in modules[layer.name].parameters())
    total = sum(p.numel() for p in network.parameters())
    assert sum(layer.parameters for layer in layers) == total


def test_kinds_and_shapes() -> None:
    layers = {layer.name: layer for layer in full("yolov1", "fc")}
    first = layers["backbone.features.0"]
    # 64 kernels of 7 x 7 x 3, no biases: batch normalisation follows.
    assert first == Layer(
        "backbone.features.0", "conv 7×7, stride 2", (64, 224, 224), 9408, 944111616
    )
    assert layers["backbone.features.1"].kind == "batch norm"
    assert layers["backbone.features.2"].kind == "leaky ReLU 0.1"
    assert layers["backbone.features.3"].kind == "max pool 2×2"
    assert layers["backbone.features.3"].shape == (64, 112, 112)
    assert layers["head.layers.0"].kind == "flatten"
    assert layers["head.layers.1"].kind == "connected"
    assert layers["head.layers.1"].shape == (4096,)
    assert layers["head.layers.1"].flops == 2 * 7 * 7 * 1024 * 4096
    assert layers["head.layers.3"].kind == "dropout"
    assert layers["head.predictor.layer"].shape == (1470,)  # 7 x 7 x 30


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("head", ["conv", "fc"])
def test_every_layer_has_a_name_for_people(arch: str, head: str) -> None:
    torchs = {c.__name__ for c in vars(nn).values() if isinstance(c, type)}
    assert {layer.kind for layer in full(arch, head)} & torchs <= {"ReLU"}


def test_nothing_is_computed_and_chance_is_left_alone() -> None:
    before = torch.random.get_rng_state()
    full("yolov1", "fc")  # 0.9 GB of weights
    assert torch.equal(torch.random.get_rng_state(), before)
