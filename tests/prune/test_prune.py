from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from tests.model.builders import images, network, tiny
from tests.property import examples
from tests.prune.test_rows import outputs_of_layers
from yolo_cli.errors import UserError
from yolo_cli.inference.backends.backend import BackendName
from yolo_cli.model.config import ModelConfig
from yolo_cli.model.network import Network
from yolo_cli.model.summary import summarise
from yolo_cli.prune.chain import Link, chain_of
from yolo_cli.prune.costs import flops_of, milliseconds_of, widths_of
from yolo_cli.prune.cut import with_widths
from yolo_cli.prune.goal import Goal
from yolo_cli.prune.prune import Pruned, prune
from yolo_cli.prune.race import Race, Runtime
from yolo_cli.tasks.networks import shapes_of

ARCHITECTURES = ["vgg16", "fast", "yolov1", "alexnet"]
NETWORKS = [("vgg16", "conv"), ("fast", "fc"), ("vgg16", "fc"), ("alexnet", "conv")]


def pictures(count: int = 8, seed: int = 0) -> list[Tensor]:
    """Coarse noise: neighbouring pixels have to do with each other, as in photographs."""
    coarse = images(count, size=16, seed=seed).float()
    return list(torch.nn.functional.interpolate(coarse, size=64, mode="bilinear").byte())


def small(arch: str, seed: int = 0, **options: Any) -> Network:
    return network(tiny(arch, image_size=64, **options), seed)


def pruned(net: Network, *, multiple: int = 4, seed: int = 0, **goal: Any) -> Pruned:
    return prune(net, pictures(), Goal(multiple=multiple, **goal), seed=seed)


def flops(net: Network) -> int:
    return sum(layer.flops for layer in summarise(shapes_of(net.config)))


def seen(link: Link, output: Tensor) -> Tensor:
    """A layer's output as those behind see it, normalised and activated: ``[places, channels]``."""
    output = output.clone()  # activations work in place
    with torch.no_grad():
        for one in link.rest:
            if isinstance(one, nn.BatchNorm2d | nn.ReLU | nn.LeakyReLU):
                output = one(output)
    return output.flatten(2).transpose(1, 2).flatten(0, 1) if output.ndim == 4 else output


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("goal", [{"flops": 1.0}, {"speed": 1.0}])
def test_all_of_it_is_the_same_network(arch: str, goal: dict[str, Any]) -> None:
    net = small(arch)
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    found = pruned(net, **goal)
    assert found.network.config == net.config
    after = found.network.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert {row.lost for row in found.rows} == {0}


@pytest.mark.parametrize(("arch", "head"), NETWORKS)
def test_what_is_said_to_be_lost_is_what_the_network_loses(arch: str, head: str) -> None:
    # All places are looked at here, so that the numbers can be had from running both networks:
    # weights, batch norms and biases are where they belong.
    net = small(arch, head=head)
    less = pruned(net, flops=0.85)
    batch = torch.stack(pictures())
    wanted, found = outputs_of_layers(net, batch), outputs_of_layers(less.network, batch)
    kept = {}
    links = chain_of(less.network)
    for row, link, before, after in zip(less.rows, chain_of(net), wanted, found, strict=True):
        kept[row.name] = row
        if row.lost and row.channels[0] == row.channels[1]:
            own = links[list(kept).index(row.name)]
            a, b = seen(link, before).double(), seen(own, after).double()
            lost = (a - b).square().sum() / (a - a.mean(0)).square().sum()
            assert row.lost == pytest.approx(float(lost), rel=0.02, abs=1e-6), row.name
    assert kept["head.predictor.layer"].lost > 0


def twins(arch: str, *, norm: bool) -> Network:
    """A network in whose layers the second half of the channels is twice the first half."""
    net = small(arch, width=0.125, norm=norm)
    for link in chain_of(net)[:-1]:
        half = link.outputs // 2
        layer, norm_ = link.layer, link.norm
        with torch.no_grad():
            layer.weight[half : 2 * half] = layer.weight[:half] * (2 if norm_ is None else 1)
            if layer.bias is not None:
                layer.bias[half : 2 * half] = 2 * layer.bias[:half]
            if norm_ is not None:
                for one, factor in (
                    (norm_.weight, 2), (norm_.bias, 2),
                    (norm_.running_mean, 1), (norm_.running_var, 1),
                ):  # fmt: skip
                    assert one is not None
                    one[half : 2 * half] = factor * one[:half]
    return net


@pytest.mark.parametrize("norm", [False, True])
def test_twins_are_spared(norm: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("yolo_cli.prune.select.FEW_ROWS", 0.0)  # what holds for these will do
    net = twins("fast", norm=norm)
    halves = [max(4, link.outputs // 2) for link in chain_of(net)[:-1]]
    half = shapes_of(with_widths(net.config, chain_of(net), halves))
    share = flops(half) / flops(net) + 0.01
    assert share < 0.7
    found = pruned(net, flops=share)
    assert flops(found.network) <= share * flops(net)
    assert max(row.lost for row in found.rows) < 1e-3
    assert max(row.dropped for row in found.rows) > 0.05
    batch = torch.stack(pictures())
    with torch.no_grad():
        wanted, got = net(batch), found.network(batch)
    assert float((got - wanted).square().mean() / wanted.var()) < 0.01


@given(
    kind=st.sampled_from(NETWORKS),
    norm=st.booleans(),
    share=st.floats(0.6, 0.99),
    multiple=st.sampled_from([1, 4, 8]),
    seed=st.integers(0, 10**6),
)
@examples(6)
def test_a_layer_never_loses_more_than_by_dropping(
    kind: tuple[str, str], norm: bool, share: float, multiple: int, seed: int
) -> None:
    net = small(kind[0], seed, head=kind[1], norm=norm)
    try:
        found = prune(net, pictures(seed=seed), Goal(flops=share, multiple=multiple), seed=seed)
    except UserError as error:
        assert "cannot be made that small" in error.message
        return
    for row in found.rows:
        assert 0 <= row.lost <= row.dropped * (1 + 1e-4) + 1e-6, row
        assert row.channels[1] % multiple == 0 or row.channels[1] == row.channels[0]
    _budget_is_met(net, found, share, multiple)


def _budget_is_met(net: Network, found: Pruned, share: float, multiple: int) -> None:
    before, after = found.flops
    assert (before, after) == pytest.approx((flops(net), flops(found.network)))
    assert after <= share * before * (1 + 1e-9)
    links = chain_of(net)
    widths = widths_of(links, multiple)
    costs = flops_of(net, widths)
    path = [own.index(row.channels[1]) for own, row in zip(widths, found.rows, strict=True)]

    def cost(path: list[int]) -> float:
        return sum(float(c[i, j]) for c, i, j in zip(costs, [0, *path], path, strict=False))

    steps = [
        cost([*path[:i], path[i] + 1, *path[i + 1 :]]) - cost(path)
        for i in range(len(path))
        if path[i] + 1 < len(widths[i])
    ]
    assert share * before - after <= max(0.01 * before, *steps, 0)


def test_the_same_for_the_same_seed_and_another_for_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("yolo_cli.prune.rows.ROWS", 200)
    net = small("vgg16")
    one, two, other = (pruned(net, flops=0.6, seed=seed).network.state_dict() for seed in (0, 0, 1))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert any(one[name].shape != other[name].shape or not torch.equal(one[name], other[name])
               for name in one)  # fmt: skip


def test_the_original_stays_as_it_was() -> None:
    net = small("vgg16")
    before = {name: tensor.clone() for name, tensor in net.state_dict().items()}
    found = pruned(net, flops=0.5)
    assert all(torch.equal(before[n], t) for n, t in net.state_dict().items())
    config = found.network.config
    assert config.widths == tuple(row.channels[1] for row in found.rows[:13])
    assert config.head_widths == tuple(row.channels[1] for row in found.rows[13:16])


class Ideal:
    """Where time is multiplications, 0.1 ms for a million, and ``rest`` ms for each network."""

    def __init__(self, original: Network, rest: float = 0.0) -> None:
        self.rest = rest
        self.before = flops(original) / 1e7 + rest
        self.races: list[Race] = []

    def layers(self, net: Network) -> list[float]:
        layers = {layer.name: layer.flops for layer in summarise(shapes_of(net.config))}
        return [layers[link.name] / 1e7 for link in chain_of(net)]

    def race(self, config: ModelConfig) -> Race:
        after = flops(shapes_of(config)) / 1e7 + self.rest
        self.races.append(Race(self.before, after, after / self.before))
        return self.races[-1]


def test_where_time_is_multiplications_both_goals_are_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("yolo_cli.prune.rows.ROWS", 200)
    net = small("fast")
    course = Ideal(net)
    goal = Goal(speed=1.25, multiple=4)
    found = prune(net, pictures(), goal, course=course)
    assert found.race == course.races[-1]
    assert found.race.share == pytest.approx(flops(found.network) / flops(net))
    assert 0.94 * 0.8 <= found.race.share <= 1.02 * 0.8
    assert len(course.races) == 1
    times = [row.milliseconds for row in found.rows]
    expected = [tuple(n / 1e7 for n in row.flops) for row in found.rows]
    assert [pytest.approx(one) for one in expected] == times


def test_what_no_layer_has_is_made_up_for_by_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("yolo_cli.prune.rows.ROWS", 200)
    # A third of the time is outside of the layers, which are to take 1.5 / 1.1 - .5 of theirs.
    net = small("fast")
    course = Ideal(net, rest=flops(net) / 2e7)
    found = prune(net, pictures(), Goal(speed=1.1, multiple=4), course=course)
    assert found.race is not None
    assert 0.94 / 1.1 <= found.race.share <= 1.02 / 1.1
    assert flops(found.network) / flops(net) == pytest.approx(0.864, abs=0.06)
    assert 1 < len(course.races) < 8


def test_a_runtime_that_is_never_so_fast() -> None:
    net = small("fast")
    course = Ideal(net, rest=9 * flops(net) / 1e7)  # at least nine tenths
    with pytest.raises(UserError, match=r"--speed 1.25: .* cannot be made that fast here") as error:
        prune(net, pictures(), Goal(speed=1.25, multiple=4), course=course)
    assert error.value.hint == "ask for less, at most --speed 1"


@pytest.mark.parametrize(
    ("backend", "head"), [("torch", "fc"), ("ncnn", "fc"), ("openvino", "conv")]
)
def test_each_layer_has_a_time_in_each_runtime(backend: BackendName, head: str) -> None:
    pytest.importorskip(backend)
    net = small("fast", head=head)
    course = Runtime(net, backend, "fp32")
    times = course.layers(net)
    assert len(times) == len(chain_of(net))
    assert min(times) >= 0
    assert sum(times) > 0
    race = course.race(net.config)
    assert min(race.before, race.after, race.share) > 0


def test_progress_goes_from_nothing_to_all() -> None:
    said: list[tuple[str, float]] = []
    prune(
        small("fast"), pictures(), Goal(speed=1.01, multiple=1),
        course=Ideal(small("fast")), progress=lambda what, done: said.append((what, done)),
    )  # fmt: skip
    assert [done for _, done in said] == sorted(done for _, done in said)
    assert said[-1][1] == pytest.approx(1)
    assert {what for what, _ in said} >= {"timing layers", "choosing channels"}


@pytest.mark.parametrize(
    ("goal", "message", "hint"),
    [
        ({"flops": 0.01, "multiple": 16}, "--flops 0.01: the network cannot", "--round 4"),
        ({"flops": 0.01, "multiple": 4}, "a layer keeps 4 channels", "at least --flops 0."),
        ({"speed": 1e6}, "--speed 1e.06: the network cannot", "at most --speed"),
    ],
)
def test_networks_that_cannot_be_made_so_small(
    goal: dict[str, Any], message: str, hint: str
) -> None:
    with pytest.raises(UserError, match=message) as error:
        pruned(small("fast"), **goal)
    assert hint in error.value.hint


def test_times_of_every_kind_of_layer() -> None:
    net = small("vgg16", head="fc")
    widths = widths_of(chain_of(net), 4)
    done: list[int] = []
    times = milliseconds_of(net, widths, Ideal(net).layers, done.append)
    assert done == list(range(9))  # three widths of a layer for each three of the one before
    for found, expected in zip(times, flops_of(net, widths), strict=True):
        np.testing.assert_allclose(found, expected / 1e7)
    assert [one.shape for one in times] == [
        (len(before), len(own)) for before, own in zip([(3,), *widths], widths, strict=False)
    ]
    assert all((one > 0).all() for one in times)
