"""The decoder, and what it does with the places of the maxima."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from tests.model.builders import images, network
from tests.tasks.segment.builders import UPSAMPLINGS, config
from yolo_cli.errors import UserError
from yolo_cli.model.resample import Unpool
from yolo_cli.tasks.networks import build_network
from yolo_cli.tasks.segment.decoder import Decoder
from yolo_cli.tasks.task import task_of


@pytest.mark.parametrize("upsample", UPSAMPLINGS)
@pytest.mark.parametrize("arch", ["vgg16", "fast", "yolov1"])
def test_outputs_are_two_pixels_apart(arch: str, upsample: str) -> None:
    own = config(upsample, arch=arch)
    raw = network(own)(images(2, 64))
    assert raw.shape == (2, 32, 32, 3)
    assert raw.shape[1:] == task_of(own).output_shape(own)
    assert raw.dtype == torch.float32


def test_every_value_goes_back_to_where_the_maximum_was() -> None:
    net = network(config(arch="vgg16"))
    places, unpooled = [], []

    def note(_module: object, inputs: tuple[torch.Tensor], _output: object) -> None:
        places.append(F.max_pool2d(inputs[0], 2, return_indices=True)[1])

    def see(_module: object, _inputs: object, output: torch.Tensor) -> None:
        unpooled.append(output)

    pools = [layer for layer in net.backbone.features if isinstance(layer, torch.nn.MaxPool2d)]
    for pool in pools[1:]:
        pool.register_forward_hook(note)
    for layer in net.head.layers:
        if isinstance(layer, Unpool):
            layer.register_forward_hook(see)
    with torch.inference_mode():
        net(images(1, 64))
    assert len(unpooled) == len(places) == 4
    for output, indices in zip(unpooled, reversed(places), strict=True):
        width, flat = output.shape[-1], torch.zeros_like(output).flatten(2)
        flat.scatter_(2, indices.flatten(2), 1.0)
        assert indices.shape[-1] * 2 == width
        assert not output[flat.view_as(output) == 0].any()
        assert output.any()


@pytest.mark.parametrize("depth", [1, 2, 4])
@pytest.mark.parametrize("upsample", UPSAMPLINGS)
def test_the_same_from_cached_activations(upsample: str, depth: int) -> None:
    net = network(config(upsample, arch="vgg16"))
    pixels = images(2, 64)
    with torch.inference_mode():
        part = net.backbone.run(net.normalise(pixels), 0, depth)
        assert torch.equal(net(part, depth), net(pixels))


def test_channels_of_an_entry() -> None:
    # Behind block 4 of VGG-16: 512 channels, and 128/4·16 + 256/4·4 + 512/4 numbers of switches.
    with torch.device("meta"):
        net = build_network(config(arch="vgg16", width=1.0, image_size=448))
        image = torch.empty(1, 3, 448, 448)
        assert net.backbone.run(image, 0, 4).shape == (1, 512 + 512 + 256 + 128, 28, 28)
        assert isinstance(net.head, Decoder)
        assert [one.channels for one in net.head.undone] == [128, 256, 512, 512]


def test_inference_form_says_the_same() -> None:
    net = network(config(arch="vgg16"))
    pixels = images(1, 64)
    with torch.inference_mode():
        expected = net(pixels)
        found = net.to_inference(torch.float32, torch.device("cpu"))(pixels)
    assert torch.allclose(expected, found, atol=1e-3)


def test_alexnet_cannot_be_unpooled() -> None:
    with pytest.raises(UserError, match="pooling windows of alexnet overlap") as caught:
        build_network(config(arch="alexnet"))
    assert "--upsample bilinear" in caught.value.hint
    assert network(config("bilinear", arch="alexnet"))(images(1, 64)).shape == (1, 16, 16, 3)
