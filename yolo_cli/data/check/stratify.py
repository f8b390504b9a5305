"""Divides a dataset so that each part has its share of every class.

Iterative stratification: K. Sechidis, G. Tsoumakas, I. Vlahavas, "On the Stratification of
Multi-Label Data", ECML PKDD 2011, algorithm 1. What is handed out are not images but groups of
them, so that pictures which show nearly the same stay together.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]

TOLERANCE = 0.02
"""Part of all images that a split may have more or less than was asked for."""


def stratify(
    labels: npt.NDArray[np.bool_],
    groups: Sequence[Sequence[int]],
    shares: Sequence[float],
    seed: int,
) -> list[list[int]]:
    """Divide images.

    The class with the fewest images left is handed out first, as it leaves the least choice;
    each of its groups goes to the part that wants most of it, then to the one that wants most
    images, then to any.

    Args:
        labels: ``[N, C]`` whether an image has an object of a class.
        groups: indices of images that have to stay together; the others stand alone.
        shares: of the parts, with a sum of 1.
        seed: of the choice among equals.

    Returns:
        Indices of the images of each part, sorted.
    """
    units = _units(len(labels), groups, seed)
    # One column more, for all images: background is handed out by it at the end.
    everything = np.concatenate([labels, np.ones((len(labels), 1), dtype=np.bool_)], axis=1)
    held = np.array([everything[unit].sum(axis=0) for unit in units], dtype=np.int64)
    wanted = np.outer(shares, held.sum(axis=0)).astype(np.float64)  # [parts, C + 1]
    rng = np.random.default_rng(seed)
    left = np.ones(len(units), dtype=np.bool_)
    given: list[list[int]] = [[] for _ in shares]  # units
    while left.any():
        remaining = held[left].sum(axis=0)
        remaining[-1] = remaining[-1] if not remaining[:-1].any() else remaining.max() + 1
        rarest = int(np.where(remaining > 0, remaining, np.iinfo(np.int64).max).argmin())
        # Large groups first: what fits nowhere later fits now.
        mine = np.flatnonzero(left & (held[:, rarest] > 0))
        for unit in mine[np.argsort(-held[mine, -1], kind="stable")]:
            part = _neediest(wanted, rarest, rng)
            given[part].append(int(unit))
            wanted[part] -= held[unit]
            left[unit] = False
    _fill_empty(given, held[:, -1])
    _meet_shares(given, held, np.asarray(shares, dtype=np.float64))
    return [sorted(index for unit in part for index in units[unit]) for part in given]


def _fill_empty(given: list[list[int]], sizes: Counts) -> None:
    """Let parts without a unit, as few images make them, have a small one of the largest part."""
    for part in given:
        fullest = max(given, key=len)
        if not part and len(fullest) > 1:
            smallest = min(fullest, key=lambda unit: int(sizes[unit]))
            fullest.remove(smallest)
            part.append(smallest)


def _meet_shares(given: list[list[int]], held: Counts, shares: npt.NDArray[np.float64]) -> None:
    """Move units until each part has its share of the images, as closely as one move at a time can.

    Of moves that bring the numbers of images equally close, the one that leaves the classes the
    closest is made.
    """
    wanted = np.outer(shares, held.sum(axis=0))
    off = np.stack([held[part].sum(axis=0) for part in given]) - wanted  # [parts, C + 1]
    tolerance = max(1.0, TOLERANCE * float(held[:, -1].sum()))
    while np.abs(off[:, -1]).max() > tolerance:
        source = int(off[:, -1].argmax())
        best: tuple[float, float, int, int] | None = None
        for target in range(len(given)):
            if target == source or len(given[source]) < 2:
                continue
            moved = held[given[source]]
            after = [np.abs(off[source] - moved), np.abs(off[target] + moved)]
            before = np.abs(off[[source, target], -1]).sum()
            images = after[0][:, -1] + after[1][:, -1] - before
            classes = (after[0] + after[1])[:, :-1].sum(axis=1)
            classes = classes - np.abs(off[[source, target], :-1]).sum()
            place = int(np.lexsort((classes, images))[0])
            choice = (float(images[place]), float(classes[place]), target, place)
            best = choice if best is None else min(best, choice)
        if best is None or best[0] >= 0:
            return
        _, _, target, place = best
        unit = given[source].pop(place)
        given[target].append(unit)
        off[source] -= held[unit]
        off[target] += held[unit]


def _units(count: int, groups: Sequence[Sequence[int]], seed: int) -> list[list[int]]:
    """Groups and single images, in an order that the seed alone decides."""
    together = {index for group in groups for index in group}
    units = [[*group] for group in groups]
    units += [[index] for index in range(count) if index not in together]
    order = np.random.default_rng(seed).permutation(len(units))
    return [units[index] for index in order]


def _neediest(wanted: npt.NDArray[np.float64], column: int, rng: np.random.Generator) -> int:
    """The part that wants most of a class, then most images, then any of those."""
    best = np.flatnonzero(wanted[:, column] == wanted[:, column].max())
    if len(best) > 1:
        best = best[wanted[best, -1] == wanted[best, -1].max()]
    return int(best[rng.integers(len(best))] if len(best) > 1 else best[0])
