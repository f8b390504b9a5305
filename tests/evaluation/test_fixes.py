from __future__ import annotations

import numpy as np
import pytest

from yolo_cli.evaluation.breakdown import judge
from yolo_cli.evaluation.fixes import MEANINGS, Fix, fix_each
from yolo_cli.evaluation.similar import similar_classes

from .scenes import Found, Scene, Thing, random_scene, ranking

CLASSES = ("cat", "dog", "car")
CAT, DOG, CAR = range(3)


def fixes(scene: Scene) -> dict[str, Fix]:
    ranks = ranking(scene, CLASSES)
    fixed = fix_each(ranks, judge(ranks, similar_classes(CLASSES)), rule="voc")
    return {fix.name: fix for fix in fixed}


def test_each_kind_by_itself() -> None:
    things = [
        Thing(CAT, (0, 0, 20, 20)),
        Thing(CAT, (100, 0, 120, 20)),
        Thing(CAT, (200, 0, 220, 20)),
        Thing(DOG, (0, 100, 20, 120)),
        Thing(CAR, (100, 100, 120, 120)),
    ]
    found = [
        Found(CAT, (300, 200, 320, 220), 0.95),  # background
        Found(CAT, (0, 0, 20, 20), 0.90),  # correct
        Found(CAT, (110, 0, 130, 20), 0.80),  # .33 of the second cat
        Found(CAT, (0, 0, 20, 20), 0.70),  # the first cat again
        Found(CAT, (0, 100, 20, 120), 0.60),  # the dog
        Found(CAT, (100, 100, 120, 120), 0.50),  # the car
    ]
    fixed = fixes([(things, found)])
    # Before: cat fp tp fp fp fp fp of 3: 1/2 * 1/3 = 1/6; dog 0; car 0. Mean 1/18.
    # Localization: cat fp tp tp: 2/3 * 2/3 = 4/9. Mean 4/27.
    # Similar (other): dog (car) 1, cat 1/6 as before. Mean 7/18.
    # Background: cat 1/3, as with every false positive gone. Mean 1/9.
    # Missed: the third cat alone, as the others would be found: cat of 2: 1/4. Mean 1/12.
    # All misses: cat of 1: 1/2; dog and car have nothing to miss: 1. Mean 5/6.
    expected = {
        "localization": (4 / 27, 1),
        "duplicates": (1 / 18, 1),
        "similar": (7 / 18, 1),
        "other": (7 / 18, 1),
        "background": (1 / 9, 1),
        "missed": (1 / 12, 1),
        "all false positives": (1 / 9, 5),
        "all misses": (5 / 6, 4),
    }
    assert list(fixed) == list(MEANINGS) == list(expected)
    for name, (mean, errors) in expected.items():
        assert fixed[name].mean_ap == pytest.approx(100 * mean), name
        assert fixed[name].gain == pytest.approx(100 * (mean - 1 / 18)), name
        assert fixed[name].errors == errors, name


def test_of_several_poor_boxes_the_surest_is_moved_and_the_rest_goes() -> None:
    things = [Thing(CAT, (0, 0, 20, 20)), Thing(CAT, (100, 0, 120, 20))]
    found = [
        Found(CAT, (10, 0, 30, 20), 0.9),  # .33 of the first
        Found(CAT, (12, 0, 32, 20), 0.8),  # .25 of the first
        Found(CAT, (0, 100, 20, 120), 0.7),  # background
        Found(CAT, (100, 0, 120, 20), 0.6),  # the second
        Found(CAT, (110, 0, 130, 20), 0.5),  # .33 of the second, which is found
    ]
    # tp fp tp of 2: 1/2 * 1 + 1/2 * 2/3 = 5/6.
    assert fixes([(things, found)])["localization"].mean_ap == pytest.approx(100 * 5 / 6)


def test_a_wrong_class_is_fixed_where_the_box_fits_and_the_object_is_free() -> None:
    cat, dog = Thing(CAT, (0, 0, 20, 20)), Thing(DOG, (100, 0, 120, 20))
    poor, good = Found(CAT, (110, 0, 130, 20), 0.9), Found(CAT, (100, 0, 120, 20), 0.8)
    # Neither fits: both go. Cat 0, dog 0.
    assert fixes([([cat, dog], [poor])])["similar"].mean_ap == 0
    # One fits: dog 1, cat 0.
    assert fixes([([cat, dog], [poor, good])])["similar"].mean_ap == pytest.approx(50)
    # It fits, but the dog is found below it: the dog keeps its own detection, at rank 1.
    own = Found(DOG, (100, 0, 120, 20), 0.1)
    assert fixes([([cat, dog], [good, own])])["similar"].mean_ap == pytest.approx(50)
    # A difficult dog need not be found.
    difficult = dog._replace(difficult=True)
    assert fixes([([cat, difficult], [good])])["similar"].mean_ap == 0


def test_nothing_to_find() -> None:
    fixed = fixes([([], [Found(CAT, (0, 0, 9, 9), 0.5)])])
    assert all(np.isnan(fix.mean_ap) and np.isnan(fix.gain) for fix in fixed.values())
    assert fixed["background"].to_json() == {"mAP": None, "gain": None, "errors": 1}


@pytest.mark.parametrize("seed", range(20))
def test_no_fix_makes_it_worse_and_the_errors_add_up(seed: int) -> None:
    fixed = fixes(random_scene(np.random.default_rng(seed), images=10, classes=3))
    kinds = ("localization", "duplicates", "similar", "other", "background")
    assert sum(fixed[k].errors for k in kinds) == fixed["all false positives"].errors
    for fix in fixed.values():
        assert fix.gain >= -1e-9
