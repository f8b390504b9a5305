"""What ``yolo check`` calls an error of a label or an image is what stops training, at its place.

The one is a report, the other an exception: they must agree on the file and the line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.data.check.builders import report
from tests.data.check.test_planted import KINDS, Plant
from tests.data.test_damage import MAKERS
from tests.property import damaged, examples
from yolo_cli.data.check.preflight import preflight
from yolo_cli.data.check.survey import split_order
from yolo_cli.data.dataset import DatasetFolder, open_dataset
from yolo_cli.data.formats.common import canonical_split
from yolo_cli.data.formats.loading import load_samples
from yolo_cli.errors import UserError

Place = tuple[Path | None, int]

OF_SPLITS = frozenset({"split-overlap", "leak", "box-normalised"})
"""Errors of a dataset as a whole, which training reports and does not stop at."""

NOTHING_THERE = frozenset({"split-empty", "no-labels"})
"""Errors that may follow from others: all that would be there is bad."""


def own_splits(folder: DatasetFolder) -> list[str | None]:
    """The splits in the order of training: train, val, others."""
    names = sorted(folder.reader.splits, key=lambda one: (split_order(canonical_split(one)), one))
    return [*names] or [None]


def stopped(root: Path) -> UserError | None:
    """What stops the reading of all splits, and of all images."""
    try:
        folder = open_dataset(root)
        loaded = [folder.load(split) for split in own_splits(folder)]
        preflight(loaded[0], loaded[-1])
    except UserError as error:
        return error
    return None


def dropped(root: Path) -> list[Place]:
    """What is dropped where bad ones are skipped, in the order of reading."""
    folder = open_dataset(root, skip_bad=True)
    return [
        (error.path, error.line)
        for split in own_splits(folder)
        for error in load_samples(folder.reader, split, folder.reading)[1]
    ]


def agree(root: Path) -> UserError | None:
    """Hold `check` and training against each other; return what stops training."""
    stop = stopped(root)
    try:
        found = [one for one in report(root).findings if one.severity == "error"]
    except UserError as error:  # no dataset at all
        assert stop is not None
        assert (stop.message, stop.path, stop.line) == (error.message, error.path, error.line)
        return stop
    errors: dict[Place, str] = {}
    for one in found:
        if one.code not in OF_SPLITS:
            errors.setdefault((one.spot.path, one.spot.line), one.code)
    if stop is None:
        assert not errors
        return None
    place = (stop.path, stop.line)
    assert place in errors, (stop.message, errors)
    follow = {one for one, code in errors.items() if code in NOTHING_THERE} - {place}
    assert stop.line == min(line for path, line in {*errors} - follow if path == stop.path)
    if errors[place] == "dataset-unreadable":
        return stop
    bad = dropped(root)
    assert not bad or bad[0] == place
    follow |= {place} - {*bad}  # nothing there, and nothing bad
    if "columns-order" in errors.values():  # one error for the many that it explains
        assert {*errors} - follow <= {*bad}
    else:
        assert {*errors} - follow == {*bad} - follow
    return stop


@pytest.mark.parametrize(
    ("layout", "plant"), KINDS, ids=[f"{layout}-{plant.__name__}" for layout, plant in KINDS]
)
def test_planted(copy: Callable[[str], Path], layout: str, plant: Plant) -> None:
    root = copy(layout)
    plant(root)
    agree(root)


def test_sound_datasets(clean: dict[str, Path]) -> None:
    assert [agree(root) for root in clean.values()] == [None] * len(clean)


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_random_damage(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    target = make(tmp_path)
    whole = target.read_bytes()
    outcomes: Counter[bool] = Counter()

    @examples(60)
    @given(data=damaged(whole))
    @example(data=whole)
    @example(data=b"")
    def agrees(data: bytes) -> None:
        target.write_bytes(data)
        outcomes[agree(tmp_path) is None] += 1

    agrees()
    assert outcomes[True]
    assert outcomes[False]


@given(corners=st.tuples(*[st.one_of(st.integers(-3, 104), st.floats()) for _ in range(4)]))
@examples(150)
def test_any_box(tmp_path: Path, corners: tuple[float, ...]) -> None:
    target = MAKERS["text"](tmp_path)
    target.write_text(f"cat {' '.join(map(repr, corners))}\n", encoding="utf-8")
    stop = agree(tmp_path)
    x1, y1, x2, y2 = corners
    if stop is None:  # images are 100 x 80 pixels, counted from 1, and may be left by one
        assert -1e-6 <= x1 <= x2 <= 101 + 1e-6
        assert -1e-6 <= y1 <= y2 <= 81 + 1e-6
    else:
        assert (stop.path, stop.line) == (target, 1)
