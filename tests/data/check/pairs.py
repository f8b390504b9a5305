"""Pairs of pictures of which it is known whether they are the same, to measure with."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

Picture = Image.Image
Pair = tuple[bytes, bytes]


def saved(picture: Picture, quality: int = 90) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def scaled(picture: Picture, factor: float) -> Picture:
    size = (round(picture.width * factor), round(picture.height * factor))
    return picture.resize(size, Image.Resampling.BICUBIC)


def cropped(picture: Picture, chance: random.Random) -> Picture:
    """Up to 2 % of each side, and 2 % of one."""
    sides = [chance.uniform(0, 0.02) for _ in range(4)]
    sides[chance.randrange(4)] = 0.02
    left, top, right, bottom = sides
    w, h = picture.size
    return picture.crop(
        (round(left * w), round(top * h), round(w - right * w), round(h - bottom * h))
    )


COPIES: dict[str, Callable[[Picture, random.Random], bytes]] = {
    "recompressed": lambda picture, chance: saved(picture, chance.randint(30, 90)),
    "halved": lambda picture, _: saved(scaled(picture, 0.5)),
    "doubled": lambda picture, _: saved(scaled(picture, 2)),
    "cropped": lambda picture, chance: saved(cropped(picture, chance)),
    "cropped on all sides": lambda picture, _: saved(
        ImageOps.crop(picture, round(0.02 * min(picture.size)))
    ),
    "brighter": lambda picture, _: saved(ImageEnhance.Brightness(picture).enhance(1.2)),
    "darker": lambda picture, _: saved(ImageEnhance.Brightness(picture).enhance(0.8)),
    "contrast": lambda picture, chance: saved(
        ImageEnhance.Contrast(picture).enhance(chance.choice([0.8, 1.2]))
    ),
    "grey": lambda picture, _: saved(picture.convert("L")),
    "mirrored": lambda picture, _: saved(ImageOps.mirror(picture)),
}


def copies(kind: str, pictures: Sequence[Picture], seed: int) -> Iterator[Pair]:
    """Each picture as it is, and a copy of it."""
    chance = random.Random(seed)
    for picture in pictures:
        yield saved(picture, 92), COPIES[kind](picture, chance)


def tripod(pictures: Sequence[Picture], seed: int, *, moved: int | None = None) -> Iterator[Pair]:
    """The same board twice, one to three of its pieces elsewhere: 3 to 6 % of the shorter side.

    Each photograph has noise of its own, and at least one piece can be seen where it was or is:
    it differs from what is behind it by 25 grey levels.
    """
    chance, noise = random.Random(seed), np.random.default_rng(seed)
    for board in pictures:
        before = after = board
        while not _visible(before, after):
            pieces = [_piece(board, chance.choice(pictures), chance) for _ in range(7)]
            places = [_place(board, piece, chance) for piece in pieces]
            before = _laid(board, pieces, places)
            for index in chance.sample(range(7), moved or chance.randint(1, 3)):
                places[index] = _place(board, pieces[index], chance)
            after = _laid(board, pieces, places)
        yield _photograph(before, noise), _photograph(after, noise)


def _piece(board: Picture, source: Picture, chance: random.Random) -> Picture:
    side = max(6, round(chance.uniform(0.03, 0.06) * min(board.size)))
    x, y = (chance.randrange(max(1, length - side)) for length in source.size)
    return source.crop((x, y, x + side, y + side))


def _place(board: Picture, piece: Picture, chance: random.Random) -> tuple[int, int]:
    return (
        chance.randrange(board.width - piece.width),
        chance.randrange(board.height - piece.height),
    )


def _laid(board: Picture, pieces: Sequence[Picture], places: Sequence[tuple[int, int]]) -> Picture:
    board = board.copy()
    for piece, place in zip(pieces, places, strict=True):
        disc = Image.new("L", piece.size)
        ImageDraw.Draw(disc).ellipse((0, 0, piece.width - 1, piece.height - 1), fill=255)
        board.paste(piece, place, disc)
    return board


def _visible(before: Picture, after: Picture) -> bool:
    grey = [np.asarray(one.convert("L"), dtype=np.int16) for one in (before, after)]
    change = Image.fromarray(np.abs(grey[0] - grey[1]).astype(np.uint8))
    blurred = change.filter(ImageFilter.BoxBlur(min(before.size) // 120))
    return bool(np.asarray(blurred).max() >= 25)


def _photograph(scene: Picture, noise: np.random.Generator) -> bytes:
    pixels = np.asarray(scene, dtype=np.float64)
    pixels = (pixels + noise.normal(0, 2, pixels.shape)).clip(0, 255)
    return saved(Image.fromarray(pixels.astype(np.uint8)), int(noise.integers(75, 96)))


def tiles(pictures: Sequence[Picture], seed: int) -> Iterator[Pair]:
    """Different pictures with the same black area, 50 to 80 % of them; half of them faint."""
    chance = random.Random(seed)
    rows, columns = np.mgrid[:400, :400]
    for index, picture in enumerate(pictures):
        angle = chance.uniform(0, 2 * np.pi)
        along = columns * np.cos(angle) + rows * np.sin(angle)
        shown = along > np.quantile(along, chance.uniform(0.5, 0.8))
        contrast = chance.choice([1, 0.3])
        other = pictures[(index + 1) % len(pictures)]
        yield _tile(picture, shown, contrast), _tile(other, shown, contrast)


def _tile(picture: Picture, shown: np.ndarray, contrast: float) -> bytes:
    pixels = np.asarray(picture.resize((400, 400)), dtype=np.float64)
    pixels = (pixels if contrast == 1 else 110 + contrast * (pixels - pixels.mean())).clip(0, 255)
    return saved(Image.fromarray((pixels * shown[..., None]).astype(np.uint8)))


def turned(pictures: Sequence[Picture], seed: int) -> Iterator[Pair]:
    """Augmented copies of one original, turned: known by their names, not by the picture."""
    chance = random.Random(seed)
    for picture in pictures:
        yield saved(picture), saved(picture.rotate(chance.choice([90, 180, 270]), expand=True))


def neighbours(pictures: Sequence[Picture]) -> Iterator[Pair]:
    """Frames of a film and those that follow."""
    for one, other in pairwise(pictures):
        yield saved(one, 92), saved(other, 92)


def film(seed: int, count: int) -> list[Picture]:
    """A street as a moving camera sees it: the view widens, and a thing crosses it."""
    noise = np.random.default_rng(seed)
    street = Image.fromarray(noise.integers(0, 256, (30, 40, 3), dtype=np.uint8))
    street = street.resize((800, 600), Image.Resampling.BICUBIC)
    frames = []
    for index in range(count):
        inset = 2 * index
        frame = street.crop((inset, inset, 800 - inset, 600 - inset)).resize((480, 360))
        thing = Image.new("RGB", (24, 40), (20, 20, 40))
        frame.paste(thing, (20 + 12 * index, 200))
        frames.append(frame)
    return frames
