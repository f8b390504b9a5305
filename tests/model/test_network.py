from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from tests.model.builders import images, network, tiny
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.model.architectures import ARCHITECTURES
from yolo_cli.model.config import ModelConfig
from yolo_cli.model.network import Network
from yolo_cli.model.preprocessing import PREPROCESSING
from yolo_cli.tasks.detect.grid import Grid
from yolo_cli.tasks.networks import build_network

CAFFE = PREPROCESSING["caffe"]
CPU = torch.device("cpu")


def pixel(red: int, green: int, blue: int) -> Tensor:
    return torch.tensor([red, green, blue], dtype=torch.uint8).view(1, 3, 1, 1)


def test_normalisation_of_caffe() -> None:
    # (v/255 - mean) / (1/255) = v - 255 mean; 255 x (.48235, .45882, .40784) = 122.99925,
    # 116.9991, 103.9992.
    net = build_network(tiny(**CAFFE._asdict()))
    result = net.normalise(pixel(255, 0, 104)).flatten()
    expected = torch.tensor([132.00075, -116.9991, 0.0008])
    torch.testing.assert_close(result, expected, atol=1e-4, rtol=0)


def test_normalisation_of_torchvision() -> None:
    # 255, 0, 51 are 1, 0, .2: (1 - .485)/.229, (0 - .456)/.224, (.2 - .406)/.225.
    net = build_network(tiny(mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225)))
    result = net.normalise(pixel(255, 0, 51)).flatten()
    torch.testing.assert_close(result, torch.tensor([2.2489083, -2.0357143, -0.9155556]))


def test_normalisation_of_darknet() -> None:
    # 2v - 1 for v in [0, 1]: 255, 0, 51 -> 1, -1, -.6.
    net = build_network(tiny(mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)))
    torch.testing.assert_close(
        net.normalise(pixel(255, 0, 51)).flatten(), torch.tensor([1.0, -1, -0.6])
    )


def test_the_preprocessing_is_no_part_of_the_weights() -> None:
    assert not {"mean", "std"} & set(build_network(tiny()).state_dict())


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("head", ["conv", "fc"])
@pytest.mark.parametrize(("grid", "size"), [(2, 128), (4, 128), (1, 64), (3, 96)])
def test_output_of_every_architecture_head_and_grid(
    arch: str, head: str, grid: int, size: int
) -> None:
    net = network(tiny(arch, head=head, grid=grid, image_size=size, boxes=3))
    output = net(images(2, size))
    assert output.shape == (2, grid, grid, 17)  # 5 x 3 + 2
    assert output.dtype == torch.float32


def test_output_of_the_full_network() -> None:
    with torch.device("meta"):
        net = build_network(ModelConfig(tuple("abcdefghijklmnopqrst")))
        output = net(torch.empty(1, 3, 448, 448, dtype=torch.uint8))
    assert output.shape == (1, 7, 7, 30)


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_cells_lie_where_their_pixels_lie(arch: str) -> None:
    # With no weight below zero, light in the upper right corner is seen there most of all.
    net = network(tiny(arch, grid=4, norm=False, mean=(0.0,) * 3, std=(1.0,) * 3))
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.abs_()
    dark = torch.zeros(1, 3, 128, 128, dtype=torch.uint8)
    light = dark.clone()
    light[..., :32, 96:] = 255
    change = (net(light) - net(dark)).sum(-1)[0]
    assert change[0, 3] > max(change[0, 0], change[3, 0], change[3, 3])
    assert change[0, 2] > change[0, 1]
    assert change[1, 3] > change[2, 3]


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_going_on_from_a_blocks_output(arch: str) -> None:
    net = network(tiny(arch))
    batch = images(2)
    whole = net(batch)
    for blocks in range(1, net.backbone.blocks + 1):
        net.freeze(blocks)
        activations = net.frozen_part()(net.normalise(batch))
        torch.testing.assert_close(net(activations, depth=blocks), whole)


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_going_on_does_not_change_the_activations_that_came_in(arch: str) -> None:
    # They are cached; a layer that works in place must not be the first.
    net = network(tiny(arch))
    for blocks in range(1, net.backbone.blocks + 1):
        net.freeze(blocks)
        activations = net.frozen_part()(net.normalise(images(1)))
        copy = activations.clone()
        net(activations, depth=blocks)
        assert torch.equal(activations, copy)


def statistics(net: Network) -> dict[str, Tensor]:
    return {n: b.clone() for n, b in net.named_buffers() if "running" in n or "tracked" in n}


def test_frozen_blocks_do_not_learn() -> None:
    net = network(tiny("fast"))
    net.freeze(2)
    # Blocks of the fast network: convolution, norm, activation, pooling; so layers 0-7.
    frozen = {f"backbone.features.{i}." for i in range(8)}
    for name, parameter in net.named_parameters():
        assert parameter.requires_grad == (not name.startswith(tuple(frozen))), name
    net.train()
    before = statistics(net)
    net(images(4)).sum().backward()
    for name, value in statistics(net).items():
        assert torch.equal(value, before[name]) == name.startswith(tuple(frozen)), name
    for name, parameter in net.named_parameters():
        assert (parameter.grad is None) == name.startswith(tuple(frozen)), name


def test_frozen_blocks_stay_in_evaluation_mode() -> None:
    net = build_network(tiny("fast"))
    net.train()
    net.freeze(1)
    norms = [m.training for m in net.backbone.modules() if isinstance(m, nn.BatchNorm2d)]
    assert norms == [False, *[True] * 7]
    net.eval().train()
    norms = [m.training for m in net.backbone.modules() if isinstance(m, nn.BatchNorm2d)]
    assert norms == [False, *[True] * 7]


def test_freezing_can_be_taken_back() -> None:
    net = build_network(tiny("fast"))
    net.freeze(3)
    net.freeze(0)
    net.train()
    assert all(p.requires_grad for p in net.parameters())
    assert all(m.training for m in net.modules())
    assert len(net.frozen_part()) == 0


def test_the_whole_backbone_can_be_frozen() -> None:
    net = build_network(tiny("vgg16"))
    net.freeze(5)
    assert not any(p.requires_grad for p in net.backbone.parameters())
    assert all(p.requires_grad for p in net.head.parameters())


@pytest.mark.parametrize("blocks", [-1, 6])
def test_there_are_only_so_many_blocks(blocks: int) -> None:
    with pytest.raises(UserError, match="has 5 blocks") as caught:
        build_network(tiny("vgg16")).freeze(blocks)
    assert caught.value.code == ExitCode.USAGE
    assert "0 to 5" in caught.value.hint


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("head", ["conv", "fc"])
def test_bfloat16_for_inference(arch: str, head: str) -> None:
    config = tiny(arch, head=head)
    reference = network(config)(images(2)).detach()
    net = network(config).to_inference(torch.bfloat16, CPU)
    output = net(images(2))
    assert net.dtype == torch.bfloat16
    assert output.dtype == torch.float32
    assert {p.dtype for p in net.backbone.parameters()} == {torch.bfloat16}
    predictor = [p.dtype for n, p in net.named_parameters() if "predictor" in n]
    assert predictor == [torch.float32] * 2
    # bfloat16 has 8 bits: each layer is off by up to 1/256 of its values.
    scale = reference.std()
    assert scale > 0.1
    assert (output - reference).abs().mean() < 0.03 * scale


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_inference_normalises_in_full_precision(dtype: torch.dtype) -> None:
    config = tiny(**CAFFE._asdict())
    net = build_network(config).to_inference(dtype, CPU)
    assert net.mean.dtype == net.std.dtype == torch.float32
    torch.testing.assert_close(net.mean, build_network(config).mean)
    torch.testing.assert_close(net.std, build_network(config).std)
    # 104 - 103.9992: with a mean rounded to bfloat16 (104) this would be 0.
    assert net.normalise(pixel(0, 0, 104))[0, 2].item() == pytest.approx(0.0008, abs=1e-4)


def test_float32_for_inference_changes_nothing_but_the_layout() -> None:
    config = tiny("fast")
    reference = network(config)(images(2)).detach()
    net = network(config).train().to_inference(torch.float32, CPU)
    assert not any(m.training for m in net.modules())
    assert not any(p.requires_grad for p in net.parameters())
    weight = net.backbone.features[-3].weight
    assert isinstance(weight, Tensor)
    assert weight.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(net(images(2)), reference, atol=1e-5, rtol=1e-4)


def test_dropout_works_in_training_alone() -> None:
    net = network(tiny("vgg16", dropout=0.9))
    batch = images(1)
    assert torch.equal(net(batch), net(batch))
    net.train()
    torch.manual_seed(1)
    assert not torch.equal(net(batch.repeat(2, 1, 1, 1)), net(batch.repeat(2, 1, 1, 1)))


def test_every_configuration_is_kept() -> None:
    config = tiny("vgg16")
    assert build_network(config).config == config
    assert Grid.of(build_network(replace(config, boxes=1)).config).channels == 7


def test_norms_become_part_of_the_convolutions_before_them() -> None:
    torch.manual_seed(0)
    net = network(tiny("fast"))
    for module in net.modules():  # as after some training
        if isinstance(module, nn.BatchNorm2d):
            for values in (module.weight, module.running_var):
                assert values is not None
                nn.init.uniform_(values, 0.5, 2)
            for values in (module.bias, module.running_mean):
                assert values is not None
                nn.init.uniform_(values, -1, 1)
    reference = net.eval()(images(2)).detach()
    names = [name for name, _ in net.named_modules()]
    net.to_inference(torch.float32, CPU)
    assert [name for name, _ in net.named_modules()] == names
    assert not any(isinstance(module, nn.BatchNorm2d) for module in net.modules())
    torch.testing.assert_close(net(images(2)), reference, rtol=1e-4, atol=1e-4)
