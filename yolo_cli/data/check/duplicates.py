"""The same picture twice: found by a perceptual hash, confirmed on the pixels.

The hash (pHash) has a bit for each of the 63 lowest frequencies of the thumbnail's cosine
transform: whether it is above their median. Copies that were saved again, scaled, brightened or
cropped a little differ in few bits; so do photographs from one tripod and pictures that merely
have the sky at the same place. :mod:`yolo_cli.data.check.pixels` tells those apart.
"""

from __future__ import annotations

import filecmp
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from yolo_cli.data.check.pixels import Float32, UInt8, same_picture
from yolo_cli.data.images import read_image
from yolo_cli.data.sample import BoolArray
from yolo_cli.errors import UserError

IntPtr = npt.NDArray[np.intp]

ALIKE_BITS = 14
"""Most bits by which the hashes of copies differ: 10 in 2,200 copies of all kinds."""

_FREQUENCIES = 8
_FLAT = 0.5  # mean square of gradients under which a picture shows nothing to compare
_ROWS = 256  # pictures that are compared with all earlier ones at a time
_CHOICES = 16  # earlier pictures that one is compared with on the pixels: the nearest by hash
_CHUNK = 1024  # thumbnails that are transformed at a time


def near_duplicates(thumbnails: UInt8) -> list[list[int]]:
    """Group pictures that are nearly the same.

    Each picture of a group shows the same as the group's first one: alike pictures make no
    chains at whose ends there is something else.

    Args:
        thumbnails: ``[N, S, S]`` grey.

    Returns:
        Indices in groups of two and more, both sorted. Mirrored pictures count as the same; flat
        ones, which show nothing to compare, are in no group.
    """
    shown = np.flatnonzero(~flat(thumbnails))
    hashes = hashed(thumbnails[shown]), hashed(thumbnails[shown][:, :, ::-1])
    first = np.arange(len(shown))  # of each picture's group; itself, if it begins one
    for start in range(0, len(shown), _ROWS):
        rows = np.arange(start, min(start + _ROWS, len(shown)))
        _join_earlier(thumbnails, shown, hashes, first, rows)
        _join_each_other(thumbnails, shown, hashes, first, rows)
    return [shown[group].tolist() for group in _members(first)]


def _join_earlier(
    thumbnails: UInt8, shown: IntPtr, hashes: tuple[Float32, Float32], first: IntPtr, rows: IntPtr
) -> None:
    """Put pictures into the groups that earlier ones have begun, the nearest by hash first."""
    begun = np.flatnonzero(first[: rows[0]] == np.arange(rows[0]))
    row, other, mirrored = _candidates(hashes, rows, begun)
    while len(row):  # each picture with one other at a time: most are done after the first
        _, place = np.unique(row, return_index=True)
        same = _same(thumbnails, shown, row[place], other[place], mirrored[place])
        first[row[place][same]] = other[place][same]
        left = np.ones(len(row), dtype=np.bool_)
        left[place] = False
        left &= first[row] == row
        row, other, mirrored = row[left], other[left], mirrored[left]


def _join_each_other(
    thumbnails: UInt8, shown: IntPtr, hashes: tuple[Float32, Float32], first: IntPtr, rows: IntPtr
) -> None:
    """Make groups of pictures that no earlier one is like."""
    alone = rows[first[rows] == rows]
    row, other, mirrored = _candidates(hashes, alone, alone)
    same = _same(thumbnails, shown, row, other, mirrored)
    for i, j in zip(row[same].tolist(), other[same].tolist(), strict=True):
        if first[i] == i and first[j] == j:
            first[i] = j
        elif first[i] == i and _alike(thumbnails[shown[i]], thumbnails[shown[first[j]]]):
            first[i] = first[j]  # like a member, and like the first one too


def _candidates(
    hashes: tuple[Float32, Float32], rows: IntPtr, others: IntPtr
) -> tuple[IntPtr, IntPtr, BoolArray]:
    """Pairs of a picture and an earlier one whose hashes differ little.

    Returns:
        Pictures, sorted; the earlier ones, of each picture the nearest first; and whether those
        are to be mirrored.
    """
    plain, reflected = hashes
    both = np.concatenate([plain[others], reflected[others]])
    places = np.concatenate([others, others])
    differing = _differing(plain[rows], both)
    differing[places[None] >= rows[:, None]] = np.inf
    if differing.shape[1] > _CHOICES:
        nearest = np.argpartition(differing, _CHOICES, axis=1)[:, :_CHOICES]
    else:
        nearest = np.broadcast_to(np.arange(differing.shape[1]), differing.shape)
    bits = np.take_along_axis(differing, nearest, axis=1)
    row, column = np.nonzero(bits <= ALIKE_BITS)
    chosen = nearest[row, column]
    order = np.lexsort((chosen, bits[row, column], row))
    row, chosen = row[order], chosen[order]
    return rows[row], places[chosen], chosen >= len(others)


def _same(
    thumbnails: UInt8, shown: IntPtr, one: IntPtr, other: IntPtr, mirrored: BoolArray
) -> BoolArray:
    """``[M]`` whether the pictures of each pair are the same on the pixels."""
    same = np.zeros(len(one), dtype=np.bool_)
    for flag, step in ((False, 1), (True, -1)):
        which = np.flatnonzero(mirrored == flag)
        for start in range(0, len(which), _CHUNK):
            part = which[start : start + _CHUNK]
            others = thumbnails[shown[other[part]]][:, :, ::step]
            same[part] = same_picture(thumbnails[shown[one[part]]], others)
    return same


def _alike(one: UInt8, other: UInt8) -> bool:
    both = np.stack([other, other[:, ::-1]])
    return bool(same_picture(np.stack([one, one]), both).any())


def _members(first: IntPtr) -> list[IntPtr]:
    order = np.argsort(first, kind="stable")
    starts = np.flatnonzero(np.diff(first[order], prepend=-1))
    return [part for part in np.split(order, starts[1:]) if len(part) > 1]


def nearest(thumbnail: UInt8, others: UInt8) -> tuple[int, bool]:
    """Find the most similar of some copies of a picture, and whether it is mirrored.

    Args:
        thumbnail: ``[S, S]`` grey.
        others: ``[N, S, S]``.
    """
    both = np.concatenate([others, others[:, :, ::-1]]).astype(np.float32)
    both -= both.mean(axis=(1, 2), keepdims=True)
    one = thumbnail - thumbnail.mean(dtype=np.float32)
    place = int(np.abs(both - one).mean(axis=(1, 2)).argmin())
    return place % len(others), place >= len(others)


def identical(one: Path, other: Path) -> bool:
    """Whether two files have the same bytes."""
    try:
        return filecmp.cmp(one, other, shallow=False)
    except OSError:
        return False


def same_pixels(one: Path, other: Path) -> bool:
    """Whether two image files show the same pixels, however they are stored."""
    try:
        first, second = read_image(one), read_image(other)
    except UserError:
        return False
    return first.size == second.size and first.tobytes() == second.tobytes()


def identical_flat(paths: Sequence[Path], thumbnails: UInt8) -> list[list[int]]:
    """Group files with the same bytes among pictures that show nothing to compare."""
    groups: dict[bytes, list[list[int]]] = {}
    for index in np.flatnonzero(flat(thumbnails)).tolist():
        alike = groups.setdefault(thumbnails[index].tobytes(), [])
        home = next((one for one in alike if identical(paths[one[0]], paths[index])), None)
        if home is None:
            alike.append([index])
        else:
            home.append(index)
    return [group for alike in groups.values() for group in alike if len(group) > 1]


def hashed(thumbnails: UInt8) -> Float32:
    """Return the perceptual hashes of ``[N, S, S]`` thumbnails: ``[N, 63]`` bits as -1 and 1."""
    side = thumbnails.shape[1]
    place = np.arange(side, dtype=np.float32) + 0.5
    waves = np.cos(np.pi * place[:, None] * np.arange(_FREQUENCIES, dtype=np.float32) / side)
    waves = waves.astype(np.float32)
    bits = np.empty((len(thumbnails), _FREQUENCIES**2 - 1), dtype=np.float32)
    for start in range(0, len(thumbnails), _CHUNK):
        grey = thumbnails[start : start + _CHUNK].astype(np.float32)
        transform = (waves.T @ grey @ waves).reshape(len(grey), -1)[:, 1:]
        above = transform > np.median(transform, axis=1, keepdims=True)
        bits[start : start + _CHUNK] = np.where(above, 1, -1)
    return bits


def _differing(one: Float32, other: Float32) -> Float32:
    """``[N, M]`` bits that differ."""
    bits: Float32 = (one.shape[1] - one @ other.T) / 2
    return bits


def flat(thumbnails: UInt8) -> BoolArray:
    """Return ``[N]`` whether a picture shows nothing to compare."""
    found = np.empty(len(thumbnails), dtype=np.bool_)
    for start in range(0, len(thumbnails), _CHUNK):
        grey = thumbnails[start : start + _CHUNK].astype(np.float32)
        across, down = np.diff(grey, axis=2), np.diff(grey, axis=1)
        energy = np.square(across).mean(axis=(1, 2)) + np.square(down).mean(axis=(1, 2))
        found[start : start + _CHUNK] = energy < _FLAT
    return found
