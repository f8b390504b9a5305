"""A network made smaller: channels are chosen and cut, and the layers behind them solved again."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from yolo_cli.errors import UserError
from yolo_cli.model.architectures import MIN_CHANNELS
from yolo_cli.model.network import Network
from yolo_cli.prune.budget import Choices, Numbers, choose, loss_of
from yolo_cli.prune.chain import Link, chain_of
from yolo_cli.prune.costs import Widths, flops_of, milliseconds_of, widths_of
from yolo_cli.prune.cut import cut, with_widths
from yolo_cli.prune.fit import Fit, fit
from yolo_cli.prune.goal import Goal
from yolo_cli.prune.meter import Meter, Progress
from yolo_cli.prune.race import CLOSE, Course, Race, Runtime, choose_by_races
from yolo_cli.prune.rows import Inputs
from yolo_cli.prune.study import Study, numbers_of, stand_in, study


@dataclass(frozen=True)
class Row:
    """What became of a layer.

    Attributes:
        name: of the layer in the network's state dict.
        channels: before and after.
        flops: for one image, before and after.
        lost: share of the variance of its outputs that it no longer gives, 0 where it is exact.
        dropped: the same if its weights had not been solved again.
        milliseconds: for one image, before and after; None where it was not measured.
    """

    name: str
    channels: tuple[int, int]
    flops: tuple[float, float]
    lost: float = 0.0
    dropped: float = 0.0
    milliseconds: tuple[float, float] | None = None


@dataclass(frozen=True, eq=False)
class Pruned:
    """A smaller network.

    Attributes:
        network: in evaluation mode; the original one where nothing was to be cut.
        rows: a row for each layer with weights.
        race: against the original, where the time was measured.
    """

    network: Network
    rows: tuple[Row, ...]
    race: Race | None = None

    @property
    def flops(self) -> tuple[float, float]:
        """Return the operations for one image, before and after."""
        before, after = zip(*(row.flops for row in self.rows), strict=True)
        return sum(before), sum(after)

    @property
    def milliseconds(self) -> tuple[float, float] | None:
        """Return the time for one image, before and after, where it was measured."""
        times = [row.milliseconds for row in self.rows if row.milliseconds is not None]
        if not times:
            return None
        before, after = zip(*times, strict=True)
        return sum(before), sum(after)

    def to_json(self) -> list[dict[str, Any]]:
        """Return plain values for each layer."""
        return [
            {name: value for name, value in vars(row).items() if value is not None}
            for row in self.rows
        ]


def prune(
    network: Network,
    images: Sequence[Tensor],
    goal: Goal,
    *,
    seed: int = 0,
    course: Course | None = None,
    progress: Progress = lambda _what, _done: None,
) -> Pruned:
    """Cut channels of a network, and solve its layers again to give what they gave.

    Args:
        network: float32 on the CPU; stays as it is.
        images: ``[3, S, S]`` uint8 each, like those that the network is for.
        goal: how much smaller it is to be.
        seed: of the places that are looked at.
        course: where its time is measured, if the goal is one; None for torch.
        progress: called after each layer of each stage.

    Raises:
        UserError: the network cannot be made that small.
    """
    if network.config.layers is not None:
        raise UserError(
            "a network from Darknet's files keeps its layers",
            "train one of the architectures, and prune that: yolo train DATA --arch fast",
        )
    network.eval().to(memory_format=torch.channels_last)
    links = chain_of(network)
    widths = widths_of(links, goal.multiple)
    whole = tuple(len(own) - 1 for own in widths)
    flops = flops_of(network, widths)
    meter = Meter.of(network, flops, len(images), goal, progress)
    times = race = None
    with torch.no_grad():  # not inference mode, whose tensors cannot be trained
        if goal.speed is not None:
            course = course or Runtime(network)
            times = milliseconds_of(network, widths, course.layers, meter.timed)
        costs = flops if times is None else times
        _check_reachable(widths, costs, goal)
        if goal.share == 1:
            return Pruned(network, _rows(links, widths, whole, flops, times))
        known = study(Inputs(network, images, seed), meter.studied)
        choices = Choices(widths, _losses(known, widths), costs)
        if course is not None and times is not None:
            path, race = _race(network, choices, goal, course)
        else:
            path = choose(choices, goal.share * choices.cost(whole))
        kept = [
            curve.kept(own[index])
            for curve, own, index in zip(known.curves, widths, path, strict=False)
        ]
        inputs = Inputs(cut(network, kept), images, seed)
        fits = _reconstruct(links, inputs, kept, known, meter.solved)
    rows = _rows(links, widths, path, flops, times)
    return Pruned(inputs.network, tuple(map(_with_loss, rows, fits)), race)


def _race(
    network: Network, choices: Choices, goal: Goal, course: Course
) -> tuple[tuple[int, ...], Race]:
    """Choose widths with which the whole network is as fast as it is to be.

    Raises:
        UserError: none are.
    """
    links = chain_of(network)

    def race(path: Sequence[int]) -> Race:
        made = [own[index] for own, index in zip(choices.widths, path, strict=True)]
        return course.race(with_widths(network.config, links, made[:-1]))

    path, found = choose_by_races(choices, goal.share, race)
    if found.share > (1 + CLOSE) * goal.share:
        raise UserError(
            f"{goal}: the network cannot be made that fast here, at most "
            f"{found.times_as_fast:.1f} times as fast",
            f"ask for less, at most --speed {math.floor(10 * found.times_as_fast) / 10:g}",
        )
    return path, found


def _check_reachable(widths: Widths, costs: Sequence[Numbers], goal: Goal) -> None:
    """Refuse a goal that no choice of channels reaches."""
    none_lost = tuple(np.zeros(len(own)) for own in widths)
    choices = Choices(widths, none_lost, tuple(costs))
    least = choices.cheapest() / choices.cost(choices.whole)
    if least <= goal.share:
        return
    possible = (
        f"at least --flops {math.ceil(least * 100) / 100:g}"
        if goal.flops is not None
        else f"at most --speed {math.floor(10 / least) / 10:g}"
    )
    hint = f"ask for less, {possible}"
    if goal.multiple > MIN_CHANNELS:
        hint += f", or let layers be narrower: --round {MIN_CHANNELS}"
    raise UserError(
        f"{goal}: the network cannot be made that small, a layer keeps "
        f"{min(own[0] for own in widths[:-1])} channels and more",
        hint,
    )


def _losses(known: Study, widths: Widths) -> tuple[Numbers, ...]:
    hidden = (
        loss_of(curve.lost[list(own)].numpy())
        for curve, own in zip(known.curves, widths, strict=False)
    )
    return (*hidden, np.zeros(1))


def _reconstruct(
    originals: Sequence[Link],
    inputs: Inputs,
    kept: Sequence[Tensor],
    known: Study,
    progress: Callable[[int], None],
) -> list[Fit | None]:
    """Solve the layers of a network that was cut, from the first to the last.

    The wanted outputs are the original network's, the inputs those that the layers before give by
    now: each layer makes up for the errors of those before it.

    Args:
        originals: links of the original network.
        inputs: of the network that was cut, whose layers are solved in place.
        kept: channels of each link but the predictor.
        known: of the original network.
        progress: called with the number of each link that is done.

    Returns:
        What was found for each link; None for those that give exactly what they gave.
    """
    fits: list[Fit | None] = []
    exact = True  # so far
    for index, link in enumerate(inputs.links):
        if index:
            exact = exact and len(kept[index - 1]) == originals[index - 1].outputs
        if exact:
            fits.append(None)
        else:
            targets = known.targets[index]
            own = kept[index] if index < len(kept) else torch.arange(targets.shape[1])
            guess = None
            if index in known.maps:
                weight, _ = numbers_of(originals[index])
                guess = stand_in(weight[own], *known.maps[index], kept[index - 1])
            one = fit(inputs.rows(index), targets[:, own], *numbers_of(link), link.bend, guess)
            _put(link, one)
            fits.append(one)
        progress(index)
    return fits


def _put(link: Link, found: Fit) -> None:
    """Give a link its new weights; a bias that it lacks is its normalisation's to add."""
    layer = link.layer
    layer.weight.copy_(found.weight.view_as(layer.weight))
    if layer.bias is not None:
        layer.bias.copy_(found.bias)
        return
    assert link.norm is not None
    assert link.norm.running_mean is not None
    link.norm.running_mean -= found.bias


def _with_loss(row: Row, found: Fit | None) -> Row:
    """Add to a row what its link no longer gives to those behind."""
    if found is None:
        return row
    variance = max(float(found.variance.sum()), 1e-30)
    lost, dropped = (float(error.sum()) / variance for error in (found.error, found.dropped))
    return replace(row, lost=lost, dropped=dropped)


def _rows(
    links: Sequence[Link],
    widths: Widths,
    path: Sequence[int],
    flops: Sequence[Numbers],
    times: Sequence[Numbers] | None,
) -> tuple[Row, ...]:
    rows = []
    for number, (link, own, index) in enumerate(zip(links, widths, path, strict=True)):
        at = (path[number - 1] if number else 0, index)
        rows.append(
            Row(
                name=link.name,
                channels=(own[-1], own[index]),
                flops=_before_after(flops[number], at),
                milliseconds=None if times is None else _before_after(times[number], at),
            )
        )
    return tuple(rows)


def _before_after(costs: Numbers, at: tuple[int, int]) -> tuple[float, float]:
    return float(costs[-1, -1]), float(costs[at])
