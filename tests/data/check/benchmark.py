"""Measures how well copies are told from other pictures that are alike.

    python -m tests.data.check.benchmark ../shared/data

The folder has ``voc2007/``, ``bccd/`` and ``camvid/`` with ``JPEGImages/`` each.

"""

from __future__ import annotations

import random
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from tests.data.check import pairs
from yolo_cli.data.check.duplicates import near_duplicates
from yolo_cli.data.check.pictures import THUMBNAIL
from yolo_cli.data.images import inspect_image, read_image

SAMPLES = Path(__file__).parents[3] / "samples/JPEGImages"
COUNT = 200  # pairs of a kind

Judged = dict[str, tuple[bool, list[bool]]]
"""By kind: whether its pairs are copies, and whether each was called that."""


def called_copies(made: Iterable[pairs.Pair], folder: Path) -> list[bool]:
    """Whether each pair is found to be the same picture, read as ``yolo check`` reads files."""
    found = []
    for pair in made:
        thumbnails = []
        for content in pair:
            path = folder / "picture.jpg"
            path.write_bytes(content)
            thumbnails.append(inspect_image(path, THUMBNAIL).thumbnail)
        found.append(near_duplicates(np.stack(thumbnails)) == [[0, 1]])
    return found


def measured(
    pictures: Sequence[pairs.Picture], films: Iterable[Sequence[pairs.Picture]], folder: Path
) -> Judged:
    found: Judged = {}
    for seed, kind in enumerate(pairs.COPIES):
        found[kind] = (True, called_copies(pairs.copies(kind, pictures, seed), folder))
    others = {
        "tripod": pairs.tripod(pictures, 100),
        "tripod, one piece": pairs.tripod(pictures, 101, moved=1),
        "film": (pair for one in films for pair in pairs.neighbours(one)),
        "tiles": pairs.tiles(pictures, 102),
        "turned": pairs.turned(pictures, 103),
    }
    for kind, made in others.items():
        found[kind] = (False, called_copies(made, folder))
    return found


def precision_recall(found: Judged) -> tuple[float, float]:
    """Over all pairs of all kinds."""
    right = sum(sum(called) for copies, called in found.values() if copies)
    wrong = sum(sum(called) for copies, called in found.values() if not copies)
    wanted = sum(len(called) for copies, called in found.values() if copies)
    return right / (right + wrong), right / wanted


def show(found: Judged) -> Iterator[str]:
    for kind, (copies, called) in found.items():
        right = sum(one == copies for one in called)
        yield f"{kind:22} {'copies' if copies else 'others'} {right:4} of {len(called):4} right"
    precision, recall = precision_recall(found)
    yield f"precision {precision:.4f}, recall {recall:.4f}"


def main(data: Path) -> None:
    chance = random.Random(0)
    folders = {name: sorted((data / name / "JPEGImages").iterdir()) for name in ("voc2007", "bccd")}
    photographs = chance.sample([p for p in folders["voc2007"] if p.suffix == ".jpg"], 140)
    frames = sorted((data / "camvid/JPEGImages").iterdir())
    chosen = [*photographs, *chance.sample(folders["bccd"], 30), *chance.sample(frames, 30)]
    films: dict[str, list[pairs.Picture]] = {}
    for start in sorted(chance.sample(range(len(frames) - 10), 22)):
        for path in frames[start : start + 11]:
            camera = path.name.partition("_")[0]
            films.setdefault(f"{start}{camera}", []).append(read_image(path))
    with tempfile.TemporaryDirectory() as folder:
        found = measured([read_image(path) for path in chosen], films.values(), Path(folder))
    print("\n".join(show(found)))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
