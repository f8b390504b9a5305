from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.optim import SGD, AdamW, Optimizer

from yolo_cli.model.config import new_config
from yolo_cli.model.network import Network
from yolo_cli.tasks.networks import build_network
from yolo_cli.training.optimizer import (
    build_average,
    build_optimizer,
    build_schedule,
    clip_gradient,
    learning_rate_factor,
)
from yolo_cli.training.recipe import DEFAULT, PAPER, Recipe


@pytest.fixture
def network() -> Network:
    return build_network(new_config(("a", "b"), grid=2, image_size=64, width=0.0625))


def sizes(optimizer: Optimizer) -> list[int]:
    return [len(group["params"]) for group in optimizer.param_groups]


def test_decay_is_on_weights_alone(network: Network) -> None:
    optimizer = build_optimizer(network, DEFAULT, [0])
    # Head: 3 + 1 convolutions with weights; 1 bias, and 3 normalisations of two each. Backbone:
    # weights and biases of 13 convolutions.
    assert sizes(optimizer) == [4, 7, 13, 13]
    decay = [group["weight_decay"] for group in optimizer.param_groups]
    assert decay == [DEFAULT.weight_decay, 0.0] * 2
    for group in optimizer.param_groups:
        assert all((p.ndim > 1) == bool(group["weight_decay"]) for p in group["params"])


def test_frozen_tensors_are_not_in_the_optimiser(network: Network) -> None:
    assert sizes(build_optimizer(network, DEFAULT, [4])) == [4, 7, 3, 3]


def test_the_backbone_has_a_rate_of_its_own(network: Network) -> None:
    recipe = Recipe(optimizer="adamw", lr=0.002, backbone_rate=0.2, momentum=0.8)
    optimizer = build_optimizer(network, recipe, [4])
    assert isinstance(optimizer, AdamW)
    rates = [group["lr"] for group in optimizer.param_groups]
    assert rates == pytest.approx([0.002, 0.002, 0.0004, 0.0004])
    assert all(group["betas"] == (0.8, 0.999) for group in optimizer.param_groups)


def test_blocks_of_a_later_phase_learn_slowly(network: Network) -> None:
    optimizer = build_optimizer(
        network, Recipe(lr=0.02, backbone_rate=1.0, unfreeze_rate=0.1), [4, 3]
    )
    # As above, and the three convolutions of block 4: weights, then biases.
    assert sizes(optimizer) == [4, 7, 3, 3, 3, 3]
    rates = [group["lr"] for group in optimizer.param_groups]
    assert rates == pytest.approx([0.02] * 4 + [0.002] * 2)


@pytest.mark.parametrize(
    ("epoch", "rate"),
    [(0, 1e-3), (1.5, 5.5e-3), (3, 1e-2), (74.9, 1e-2), (75, 1e-3), (105, 1e-4), (134.9, 1e-4)],
)
def test_rates_of_the_paper(epoch: float, rate: float) -> None:
    # Section 2.2: 1e-3 rising to 1e-2, then 1e-2 to epoch 75, 1e-3 for 30 epochs, 1e-4 for 30.
    assert PAPER.lr * learning_rate_factor(epoch, PAPER, PAPER.epochs) == pytest.approx(rate)


@pytest.mark.parametrize(
    ("epoch", "share"), [(0, 0.1), (1, 0.55), (2, 1.0), (7, 0.505), (12, 0.01)]
)
def test_cosine(epoch: float, share: float) -> None:
    recipe = Recipe(epochs=12, warmup=2.0, warmup_from=0.1, floor=0.01)
    # Half-way between epoch 2 and 12 the cosine is 0: .01 + .99 · ½ = .505.
    assert learning_rate_factor(epoch, recipe, recipe.epochs) == pytest.approx(share)


def test_the_schedule_counts_steps() -> None:
    recipe = Recipe(epochs=4, warmup=1.0, warmup_from=0.0, lr=1.0, floor=0.0)
    optimizer = SGD([nn.Parameter(torch.zeros(1))], lr=recipe.lr)
    schedule = build_schedule(optimizer, recipe, 2, lambda: recipe.epochs)
    rates = []
    for _ in range(8):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    # Warm-up at 0 and ½; then ½ + ½·cos(π·k/6) for k = 0 … 5.
    assert rates == pytest.approx([0, 0.5, 1, 0.9330127, 0.75, 0.5, 0.25, 0.0669873])


def test_the_average_follows_by_its_decay() -> None:
    layer = nn.Linear(1, 1, bias=False)
    with torch.no_grad():
        layer.weight.fill_(0.0)
    average = build_average(layer, decay=0.5)
    average.update_parameters(layer)  # the first step copies
    with torch.no_grad():
        layer.weight.fill_(1.0)
    values = []
    for _ in range(3):
        average.update_parameters(layer)
        values.append(average.get_parameter("module.weight").item())
    # Decay is (1 + n) / (10 + n) while that is below ½: after n = 1, 2, 3 steps 2/11, 3/12, 4/13.
    first = 1 - 2 / 11
    second = first + (1 - first) * (1 - 3 / 12)
    third = second + (1 - second) * (1 - 4 / 13)
    assert values == pytest.approx([first, second, third])


def test_the_average_holds_the_latest_counts() -> None:
    layer = nn.BatchNorm1d(1)
    average = build_average(layer, decay=0.5)
    average.update_parameters(layer)
    layer(torch.zeros(2, 1))
    layer(torch.zeros(2, 1))
    average.update_parameters(layer)
    assert average.get_buffer("module.num_batches_tracked").item() == 2
    # The variance was 1, then 0.9 and 0.81; its average moves by 1 - 2/11 of the way.
    variance = 1 - (1 - 0.81) * (1 - 2 / 11)
    assert average.get_buffer("module.running_var").item() == pytest.approx(variance)


def test_clipping_limits_the_norm() -> None:
    layer = nn.Linear(2, 1, bias=False)
    layer.weight.grad = torch.tensor([[3.0, 4.0]])
    clip_gradient(layer, 0.0)
    assert layer.weight.grad.tolist() == [[3.0, 4.0]]
    clip_gradient(layer, 1.0)
    assert layer.weight.grad.tolist() == [pytest.approx([0.6, 0.8], rel=1e-5)]
