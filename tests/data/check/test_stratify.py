from __future__ import annotations

import numpy as np
import pytest

from yolo_cli.data.check.stratify import stratify


def test_each_class_has_its_share() -> None:
    """300 images of 5 classes, the rarest with 20: each part has its share, give or take one."""
    rng = np.random.default_rng(0)
    labels = rng.random((300, 5)) < [0.8, 0.4, 0.2, 0.1, 0.0]
    labels[rng.choice(300, 20, replace=False), 4] = True
    parts = stratify(labels, [], (0.8, 0.1, 0.1), 0)
    assert sorted(index for part in parts for index in part) == [*range(300)]
    assert [len(part) for part in parts] == pytest.approx([240, 30, 30], abs=3)
    for share, part in zip((0.8, 0.1, 0.1), parts, strict=True):
        wanted = share * labels.sum(axis=0)
        assert np.abs(labels[part].sum(axis=0) - wanted).max() <= 3
        assert abs(labels[part, 4].sum() - wanted[4]) <= 1


def test_a_class_of_two_images_is_in_two_parts() -> None:
    labels = np.zeros((20, 2), dtype=np.bool_)
    labels[:, 0] = True
    labels[[4, 7], 1] = True
    for seed in range(5):
        parts = stratify(labels, [], (0.5, 0.5), seed)
        assert [labels[part, 1].sum() for part in parts] == [1, 1]


def test_groups_stay_together() -> None:
    labels = np.ones((60, 1), dtype=np.bool_)
    groups = [[*range(start, start + 5)] for start in range(0, 30, 5)]
    parts = stratify(labels, groups, (0.5, 0.25, 0.25), 1)
    assert [len(part) for part in parts] == [30, 15, 15]
    for group in groups:
        assert sum(bool({*group} & {*part}) for part in parts) == 1


def test_background_is_shared_out_too() -> None:
    labels = np.zeros((40, 2), dtype=np.bool_)
    labels[:8, 0] = True
    parts = stratify(labels, [], (0.75, 0.25), 0)
    assert [len(part) for part in parts] == [30, 10]
    assert [int(labels[part, 0].sum()) for part in parts] == [6, 2]


def test_the_seed_decides() -> None:
    labels = np.random.default_rng(0).random((50, 3)) < 0.5
    first, again, other = (stratify(labels, [], (0.8, 0.2), seed) for seed in (1, 1, 2))
    assert first == again != other


def test_no_part_stays_empty_while_there_are_images_for_all() -> None:
    # Five classes once each, and the rest background: 80/10/10 of ten images.
    labels = np.zeros((10, 5), dtype=np.bool_)
    labels[range(5), range(5)] = True
    for seed in range(20):
        parts = stratify(labels, [], (0.8, 0.1, 0.1), seed)
        assert all(parts)
        assert sorted(index for part in parts for index in part) == list(range(10))
    # Two groups cannot be in three parts.
    assert (
        sorted(map(len, stratify(labels, [[0, 1, 2, 3], [4, 5, 6, 7, 8, 9]], (0.8, 0.1, 0.1), 0)))[
            0
        ]
        == 0
    )
