from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from tests.model.builders import images, network, tiny
from yolo_cli.model.network import Network
from yolo_cli.prune import rows
from yolo_cli.prune.chain import chain_of, taps_of
from yolo_cli.prune.rows import Inputs, rows_of
from yolo_cli.prune.study import numbers_of


def outputs_of_layers(net: Network, pictures: Tensor) -> list[Tensor]:
    """What each layer with weights gives, by hooks."""
    found: list[Tensor] = []
    handles = [
        link.layer.register_forward_hook(lambda _m, _x, y: found.append(y.clone()))
        for link in chain_of(net)
    ]
    with torch.no_grad():
        net(pictures)
    for handle in handles:
        handle.remove()
    return found


@pytest.mark.parametrize(
    ("size", "stride", "padding"), [(3, 1, 1), (1, 1, 0), (5, 1, 2), (7, 2, 3), (11, 4, 2)]
)
def test_rows_times_weights_are_the_outputs(size: int, stride: int, padding: int) -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(3, 4, size, stride, padding)
    x = torch.randn(1, 3, 23, 31)
    made = rows_of(layer, x, 10**6, np.random.default_rng(0)) @ layer.weight.flatten(1).T
    wanted = layer(x)[0].flatten(1).T - layer.bias
    torch.testing.assert_close(made, wanted, atol=1e-4, rtol=1e-4)


def test_some_places_without_repetition() -> None:
    layer = nn.Conv2d(1, 1, 1)
    x = torch.arange(100.0).view(1, 1, 10, 10)
    some = rows_of(layer, x, 30, np.random.default_rng(0)).flatten().tolist()
    assert len(set(some)) == 30
    assert some == rows_of(layer, x, 30, np.random.default_rng(0)).flatten().tolist()
    assert some != rows_of(layer, x, 30, np.random.default_rng(1)).flatten().tolist()


@pytest.mark.parametrize(
    ("arch", "head"), [("vgg16", "conv"), ("fast", "fc"), ("yolov1", "fc"), ("alexnet", "conv")]
)
@pytest.mark.parametrize("stored", [0, 30_000, 2**30])
def test_every_layer_is_seen_as_it_is_run(
    arch: str, head: str, stored: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "STORED", stored)
    net = network(tiny(arch, head=head, image_size=64))
    pictures = images(2, size=64)
    inputs = Inputs(net, list(pictures), seed=0)
    wanted = outputs_of_layers(net, pictures)
    assert len(wanted) == len(inputs.links)
    with torch.inference_mode():
        for index, (link, output) in enumerate(zip(inputs.links, wanted, strict=True)):
            weight, bias = numbers_of(link)
            found = inputs.rows(index) @ weight.T + bias
            whole = output.flatten(2).transpose(1, 2).flatten(0, 1) if output.ndim == 4 else output
            torch.testing.assert_close(found, whole, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize("stored", [0, 2**30])
def test_few_images_where_each_has_many_places(
    stored: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"STORED": stored, "ROWS": 20, "APART": 4, "FEW": 2}.items():
        monkeypatch.setattr(rows, name, value)
    used = [rows.images_for(places, 7) for places in (1024, 40, 39, 16, 4)]
    assert used == [2, 2, 3, 5, 7]
    net = network(tiny("vgg16", image_size=64))
    pictures = images(7, size=64)
    inputs = Inputs(net, list(pictures), seed=0)
    wanted = outputs_of_layers(net, pictures)
    seen = []
    with torch.inference_mode():
        for index, (link, output) in enumerate(zip(inputs.links, wanted, strict=True)):
            weight, bias = numbers_of(link)
            found = inputs.rows(index) @ weight.T + bias
            count = rows.images_for(output[0, 0].numel(), 7)
            seen.append(count)
            for image, some in zip(output[:count], found.chunk(count), strict=True):
                apart = (some[:, None] - image.flatten(1).T).abs().amax(2).amin(1)
                assert apart.max() < 1e-3, index
    assert min(seen) == 2
    assert max(seen) == 7


def test_inputs_of_each_channel_before() -> None:
    # 128 pixels, a cell for 32 of them: the connected layer sees 4 places, or 9 of a kernel.
    links = chain_of(network(tiny("fast", head="fc")))
    taps = [taps_of(before, link) for before, link in pairwise(links)]
    assert taps == [9] * 7 + [4, 1]
    assert [link.name.split(".")[0] for link in links[-3:]] == ["backbone", "head", "head"]
