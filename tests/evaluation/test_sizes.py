from __future__ import annotations

import math

import numpy as np
import pytest

from yolo_cli.evaluation.sizes import SizeScore, score_sizes
from yolo_cli.evaluation.voc import evaluate_voc

from .scenes import Found, Scene, Thing, random_scene, ranking, split

CLASSES = ("cat", "dog")
SMALL, MEDIUM, LARGE = (0, 0, 20, 20), (100, 0, 150, 50), (200, 0, 300, 100)


def sizes(scene: Scene) -> dict[str, SizeScore]:
    return score_sizes(ranking(scene, CLASSES), rule="voc")


def test_objects_and_free_detections_of_other_sizes_are_ignored() -> None:
    things = [Thing(0, SMALL), Thing(0, MEDIUM), Thing(0, LARGE), Thing(0, (0, 200, 20, 220))]
    found = [
        Found(0, LARGE, 0.9),  # found
        Found(0, (0, 100, 20, 120), 0.8),  # small, on nothing
        Found(0, SMALL, 0.7),  # found
        Found(0, (200, 200, 300, 300), 0.6),  # large, on nothing
        Found(0, MEDIUM, 0.5),  # found
        Found(0, MEDIUM, 0.4),  # found again
    ]
    scores = sizes([(things, found)])
    # Small: fp tp of 2 objects: 1/2 * 1/2. Medium: tp fp of 1: 1. Large: tp fp of 1: 1.
    assert {name: score.mean_ap for name, score in scores.items()} == pytest.approx(
        {"small": 25, "medium": 100, "large": 100}
    )
    assert [(s.objects, s.found) for s in scores.values()] == [(2, 1), (1, 1), (1, 1)]


def test_an_object_found_by_a_box_of_another_size_is_found() -> None:
    # 30 x 30 = 900 is small, 34 x 34 = 1156 is not; IoU 900/1156 = .78.
    scores = sizes([([Thing(0, (0, 0, 30, 30))], [Found(0, (0, 0, 34, 34), 0.5)])])
    assert scores["small"].mean_ap == 100
    assert scores["medium"].objects == 0
    assert math.isnan(scores["medium"].mean_ap)
    assert scores["medium"].to_json() == {"objects": 0, "found": 0, "mAP": None, "AP": {}}


def test_the_annotated_area_decides_and_limits_belong_to_both() -> None:
    # 32 * 32 is small and medium alike, as in pycocotools; 96 * 96 is medium and large.
    things = [
        Thing(0, LARGE, area=32.0**2),
        Thing(1, LARGE, area=96.0**2),
        Thing(1, SMALL, area=96.5**2),
    ]
    scores = sizes([(things, [])])
    assert [score.objects for score in scores.values()] == [1, 2, 2]


def test_difficult_objects_and_what_is_on_them_are_ignored() -> None:
    things = [Thing(0, SMALL, difficult=True), Thing(0, (0, 100, 20, 120))]
    found = [Found(0, SMALL, 0.9), Found(0, (0, 100, 20, 120), 0.8)]
    assert sizes([(things, found)])["small"].mean_ap == 100


@pytest.mark.parametrize("seed", range(10))
def test_with_one_size_alone_it_is_the_mean_over_all(seed: int) -> None:
    # Boxes of random scenes have sides below 56; blown up by 30, all of them are large.
    def blow(box: tuple[float, ...]) -> tuple[float, float, float, float]:
        x1, y1, x2, y2 = (30 * c for c in box)
        return x1, y1, max(x2, x1 + 120), max(y2, y1 + 120)

    scene: Scene = [
        (
            [t._replace(box=blow(t.box)) for t in things],
            [f._replace(box=blow(f.box)) for f in found],
        )
        for things, found in random_scene(np.random.default_rng(seed), images=10, classes=2)
    ]
    samples, found = split(scene)
    whole = evaluate_voc(samples, found, CLASSES, rule="voc")
    scores = sizes(scene)
    assert scores["large"].ap == pytest.approx(whole.ap)
    assert scores["large"].mean_ap == pytest.approx(whole.mean_ap)
    assert scores["small"].objects == scores["medium"].objects == 0
