"""Whether two thumbnails show the same picture: their largest local difference after a fit.

One thumbnail is moved and stretched onto the other (copies are cropped and scaled), and its
grey values are fitted by a gain and an offset (copies are brightened). What then differs most
within three pixels decides: a mean over the picture would hide an object that has moved.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from yolo_cli.data.sample import BoolArray

Float32 = npt.NDArray[np.float32]
UInt8 = npt.NDArray[np.uint8]

# Measured on 200 pairs of each kind from VOC2007, BCCD and CamVid, see
# tests/data/check/benchmark.py. Largest difference of copies, 98 in 100: saved at quality 30 .44,
# halved .26, doubled .19, cropped by 2 % .44, brightness or contrast changed by 20 % .21, grey
# .17, mirrored .26. Least difference of others, 2 in 100: one object of 3 to 6 % of the side
# moved 1.2, neighbouring frames of a street (1/15 s) .9, two tiles with the same black area 4.1.
_MOST = 0.8
_COARSE = 1.2  # of thumbnails half as large, not moved; of copies 1.18
_LEVELS, _SLOPE = 4.0, 0.5  # what counts as a difference of 1: grey levels, and part of the slope

_ROUNDS = 2  # of the fit after the first
_FURTHEST = 0.05  # of the side that a picture is moved, or stretched at its edges
_STEP = 1.5  # pixels in a round: the fit sees no further
_MARGIN = 2  # pixels that a crop may have cut off
# Darker and brighter pixels may have been clipped when the brightness was changed: they say
# little of the gain. A clipped one lies between what it was and what it should have become.
_DARK, _BRIGHT, _CLIPPED = 12, 200, 0.02
_LAG = 1.5  # as the gain is fitted to some of the clipped ones
_GAIN = 1.8  # highest, and one over the lowest

# Where all that shows is weak, a difference of a few levels is all there is: most of the
# variance must be explained. Variances beyond the second number count as that much.
_UNEXPLAINED, _ENOUGH = 0.3, 50.0
_BLOCK = 6  # pixels

_PAIRS, _GLANCES = 128, 512  # compared at a time


def same_picture(one: UInt8, other: UInt8) -> BoolArray:
    """Return ``[M]`` whether the thumbnails of each pair show the same picture.

    Args:
        one: ``[M, S, S]`` grey thumbnails.
        other: those that they are compared with, of the same shape.
    """
    same = np.zeros(len(one), dtype=np.bool_)
    for start in range(0, len(one), _GLANCES):
        part = slice(start, start + _GLANCES)
        coarse = _difference(_smooth(_halved(one[part])), _smooth(_halved(other[part])), rounds=0)
        near = start + np.flatnonzero(coarse <= _COARSE)
        same[near] = local_difference(one[near], other[near]) <= _MOST
    return same


def local_difference(one: UInt8, other: UInt8) -> Float32:
    """Measure how much the thumbnails of each pair differ where they differ most.

    Args:
        one: ``[M, S, S]`` grey thumbnails.
        other: those that they are compared with, of the same shape.

    Returns:
        ``[M]`` the largest mean difference of 3 x 3 pixels, in units of four grey levels and half
        of the local slope; infinite where no gain and offset explain one picture by the other.
    """
    found = np.empty(len(one), dtype=np.float32)
    for start in range(0, len(one), _PAIRS):
        part = slice(start, start + _PAIRS)
        found[part] = _either_way(_smooth(one[part]), _smooth(other[part]))
    return found


def _either_way(one: Float32, other: Float32) -> Float32:
    """The smaller difference of both ways to fit: a crop is fitted best by what it is part of."""
    found = _difference(one, other)
    near = np.flatnonzero((found > _MOST) & (found < 2 * _MOST))
    if len(near):
        found[near] = np.minimum(found[near], _difference(other[near], one[near]))
    return found


def _difference(one: Float32, other: Float32, rounds: int = _ROUNDS) -> Float32:
    moved, predicted, gain = _fit(one, other, rounds)
    inside = slice(_MARGIN, -_MARGIN)
    target, moved = one[:, inside, inside], moved[:, inside, inside]
    beyond = moved + _LAG * (predicted - moved)
    low = np.minimum(np.minimum(moved, predicted), beyond)
    high = np.maximum(np.maximum(moved, predicted), beyond)
    wrong = np.abs(target - target.clip(low, high))
    # An edge of both may be a fraction of a pixel off; what has moved is an edge of one.
    slope = np.minimum(_slope(target), _slope(moved))
    largest = (_mean3(wrong) / (_LEVELS + _SLOPE * _mean3(slope))).max(axis=(1, 2))
    explained = _unexplained(target, wrong) <= _UNEXPLAINED
    plausible = (gain <= _GAIN) & (gain >= 1 / _GAIN)
    return np.where(explained & plausible, largest, np.float32(np.inf)).astype(np.float32)


def _fit(one: Float32, other: Float32, rounds: int) -> tuple[Float32, Float32, Float32]:
    """Fit each of the other pictures to its counterpart, by iterated weighted least squares.

    Returns:
        The others ``[M, S, S]`` moved and stretched; what they predict of the first ones
        ``[M, S - 4, S - 4]``; and the gains ``[M]``.
    """
    count, side = one.shape[:2]
    inside = slice(_MARGIN, -_MARGIN)
    ramp = np.linspace(-1, 1, side, dtype=np.float32)
    target = one[:, inside, inside].reshape(count, -1)
    place = np.zeros((count, 4), dtype=np.float32)  # along x, then y
    moved, wrong = other, None
    for _ in range(rounds):
        terms = _terms(moved, ramp)
        solution = _solve(terms, target, _weights(target, terms[:, 4], wrong))
        wrong = target - (solution[:, None] @ terms)[:, 0]
        step = solution[:, :4] / np.maximum(solution[:, 4:5], 0.3)
        place = place + step.clip(-_STEP, _STEP)
        place = place.clip(-side * _FURTHEST, side * _FURTHEST).astype(np.float32)
        moved = _move(other, place)
    terms = _terms(moved, ramp)
    solution = _solve(terms, target, _weights(target, terms[:, 4], wrong))
    predicted = (solution[:, None] @ terms)[:, 0]
    return moved, predicted.reshape(one[:, inside, inside].shape), solution[:, 4]


def _terms(moved: Float32, ramp: Float32) -> Float32:
    """``[M, 6, P]`` what a picture changes by when it is moved, stretched, scaled and offset."""
    across, down = _gradients(moved)
    terms = [across, across * ramp, down, down * ramp[:, None], moved, np.ones_like(moved)]
    stacked = np.stack(terms, axis=1)[:, :, _MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
    return stacked.reshape(len(moved), 6, -1)


def _weights(target: Float32, moved: Float32, wrong: Float32 | None) -> Float32:
    """``[M, P]`` how much each pixel says: little if clipped, and little of what has moved."""
    sound = (np.maximum(target, moved) < _BRIGHT) & (np.minimum(target, moved) > _DARK)
    weights = np.where(sound, np.float32(1), np.float32(_CLIPPED))
    if wrong is None:
        return weights
    scale = 2 * np.median(np.abs(wrong), axis=1, keepdims=True) + 1
    weighted: Float32 = weights / (1 + np.square(wrong / scale))
    return weighted


def _solve(terms: Float32, target: Float32, weights: Float32) -> Float32:
    """``[M, 6]`` the weighted least squares; flat pictures are not moved."""
    weighted = terms * weights[:, None]
    normal = (weighted @ terms.transpose(0, 2, 1)).astype(np.float64)
    normal += np.diag([1, 1, 1, 1, 0.01, 0.01])
    solution = np.linalg.solve(normal, (weighted @ target[:, :, None]).astype(np.float64))
    return solution[:, :, 0].astype(np.float32)


def _move(pictures: Float32, place: Float32) -> Float32:
    """Sample each picture where it is moved and stretched to, linearly between pixels."""
    side = pictures.shape[1]
    rows, columns = _sampler(place[:, 2:], side), _sampler(place[:, :2], side)
    moved: Float32 = np.matmul(np.matmul(rows, pictures), columns.transpose(0, 2, 1))
    return moved


def _sampler(place: Float32, side: int) -> Float32:
    """``[M, S, S]`` matrices that sample a line at its pixels' new places."""
    count = len(place)
    ramp = np.linspace(-1, 1, side, dtype=np.float32)
    where: Float32 = np.arange(side, dtype=np.float32) + place[:, :1] + place[:, 1:] * ramp
    where = where.clip(0, side - 1.001)
    first = where.astype(np.intp)
    part = (where - first).astype(np.float32)
    matrix = np.zeros((count, side, side), dtype=np.float32)
    pair, row = np.arange(count)[:, None], np.arange(side)[None]
    matrix[pair, row, first] = 1 - part
    matrix[pair, row, first + 1] = part
    return matrix


def _unexplained(target: Float32, wrong: Float32) -> Float32:
    """``[M]`` part of the variance of small blocks that the fit leaves."""
    count, side = target.shape[:2]
    blocks = side // _BLOCK
    shape = (count, blocks, _BLOCK, blocks, _BLOCK)
    covered = slice(0, blocks * _BLOCK)
    variance = target[:, covered, covered].reshape(shape).var(axis=(2, 4))
    left = np.square(wrong[:, covered, covered]).reshape(shape).mean(axis=(2, 4))
    total = np.minimum(variance, _ENOUGH).sum(axis=(1, 2))
    share: Float32 = np.minimum(left, _ENOUGH).sum(axis=(1, 2)) / np.maximum(total, 1e-3)
    return share


def _halved(pictures: UInt8) -> Float32:
    """``[M, S / 2, S / 2]`` means of 2 x 2 pixels."""
    count, side = pictures.shape[:2]
    cells = pictures.reshape(count, side // 2, 2, side // 2, 2)
    halved: Float32 = cells.mean(axis=(2, 4), dtype=np.float32)
    return halved


def _smooth(pictures: UInt8 | Float32) -> Float32:
    """Smooth by 1 2 1, as the fit takes pictures to be smooth."""
    wide = np.pad(pictures.astype(np.float32), ((0, 0), (1, 1), (1, 1)), mode="edge")
    rows = wide[:, :-2] + 2 * wide[:, 1:-1] + wide[:, 2:]
    smooth: Float32 = (rows[:, :, :-2] + 2 * rows[:, :, 1:-1] + rows[:, :, 2:]) / 16
    return smooth


def _gradients(pictures: Float32) -> tuple[Float32, Float32]:
    """``[M, S, S]`` along x and y, 0 at the edges."""
    across, down = np.zeros_like(pictures), np.zeros_like(pictures)
    across[:, :, 1:-1] = (pictures[:, :, 2:] - pictures[:, :, :-2]) / 2
    down[:, 1:-1] = (pictures[:, 2:] - pictures[:, :-2]) / 2
    return across, down


def _slope(pictures: Float32) -> Float32:
    slope: Float32 = np.hypot(*_gradients(pictures))
    return slope


def _mean3(pictures: Float32) -> Float32:
    """``[M, S - 2, S - 2]`` means of 3 x 3 pixels."""
    rows = pictures[:, :-2] + pictures[:, 1:-1] + pictures[:, 2:]
    mean: Float32 = (rows[:, :, :-2] + rows[:, :, 1:-1] + rows[:, :, 2:]) / 9
    return mean
