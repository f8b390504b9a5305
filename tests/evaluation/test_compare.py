from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from yolo_cli.data.sample import Sample
from yolo_cli.evaluation.bootstrap import RULES, difference_interval, draw, resampled_ap
from yolo_cli.evaluation.compare import Comparison, compare
from yolo_cli.evaluation.evaluation import Evaluation, evaluate
from yolo_cli.evaluation.flat import Detections
from yolo_cli.evaluation.ranking import rank
from yolo_cli.evaluation.voc import evaluate_voc

from .scenes import Found, Scene, Thing, detections, random_scene, split

CLASSES = ("cat", "dog", "car")


def distinct(scene: Scene, rng: np.random.Generator) -> Scene:
    """The same with scores that are all different: which of two equal ones goes first in a
    resample depends on the order of the images."""
    return [(ts, [f._replace(score=float(rng.random())) for f in fs]) for ts, fs in scene]


def literally(
    samples: list[Sample], found: list[Detections], weights: list[int]
) -> dict[str, dict[str, float]]:
    """AP with every image there as often as it was drawn."""
    order = [image for image, number in enumerate(weights) for _ in range(number)]
    many = [samples[i] for i in order], [found[i] for i in order]
    return {rule: evaluate_voc(*many, CLASSES, rule=rule).ap for rule in RULES}


@pytest.mark.parametrize("seed", range(8))
def test_weights_are_as_good_as_copies(seed: int) -> None:
    rng = np.random.default_rng(seed)
    samples, found = split(distinct(random_scene(rng, images=9, classes=3), rng))
    evaluation = evaluate(samples, found, CLASSES, conf=0.25)
    weights = draw(len(samples), 12, seed)
    ap = resampled_ap(rank(evaluation.matching), weights)
    for r, row in enumerate(weights.tolist()):
        expected = literally(samples, found, row)
        for rule in RULES:
            got = dict(zip(CLASSES, ap[rule][r].tolist(), strict=True))
            assert {n for n, v in got.items() if not np.isnan(v)} == set(expected[rule])
            for name, value in expected[rule].items():
                assert got[name] == pytest.approx(value, abs=1e-9)


def two(seed: int, images: int) -> tuple[Evaluation, Evaluation]:
    rng = np.random.default_rng(seed)
    scene = distinct(random_scene(rng, images, classes=3), rng)
    samples, found = split(scene)
    other = [detections(fs[::2]) for _, fs in scene]
    return evaluate(samples, found, CLASSES, conf=0.25), evaluate(
        samples, other, CLASSES, conf=0.25
    )


def test_the_interval_is_that_of_a_literal_resampling() -> None:
    first, second = two(seed=1, images=8)
    comparison = compare(first, second, resamples=40, seed=5)
    differences = []
    for row in draw(8, 40, seed=5).tolist():
        aps = [
            literally(list(e.samples), list(e.detections), row)["voc07"] for e in (first, second)
        ]
        if aps[0]:
            means = [sum(ap.values()) / len(ap) for ap in aps]
            differences.append(means[1] - means[0])
    low, high = np.percentile(differences, [2.5, 97.5])
    assert (comparison.voc07.low, comparison.voc07.high) == pytest.approx((low, high))
    interval = difference_interval(first.matching, second.matching, 8, resamples=40, seed=5)
    assert interval == pytest.approx((low, high))
    assert comparison.voc07.first == pytest.approx(first.voc07[0.5].mean_ap)
    assert comparison.voc07.second == pytest.approx(second.voc07[0.5].mean_ap)
    assert comparison.voc.difference == pytest.approx(
        second.voc[0.5].mean_ap - first.voc[0.5].mean_ap
    )
    for name, one in comparison.per_class.items():
        assert one.first == pytest.approx(first.voc07[0.5].ap[name])
    json.dumps(comparison.to_json(), allow_nan=False)


def test_a_draw_holds_as_many_images_and_its_seed_decides() -> None:
    weights = draw(7, 100, seed=3)
    assert weights.shape == (100, 7)
    assert (weights.sum(axis=1) == 7).all()
    assert np.array_equal(weights, draw(7, 100, seed=3))
    assert not np.array_equal(weights, draw(7, 100, seed=4))


def compared(scene: Scene, other: Scene) -> Comparison:
    samples, found = split(scene)
    return compare(
        evaluate(samples, found, CLASSES, conf=0.25),
        evaluate(samples, split(other)[1], CLASSES, conf=0.25),
        resamples=50,
    )


CAT = Thing(0, (0, 0, 20, 20))
HIT, MISS = Found(0, (0, 0, 20, 20), 0.9), Found(0, (99, 99, 120, 120), 0.9)


def test_equal_detectors_differ_by_nothing() -> None:
    same = compared([([CAT], [HIT])] * 3, [([CAT], [HIT])] * 3)
    assert (same.voc07.difference, same.voc07.low, same.voc07.high) == (0, 0, 0)
    assert not same.voc07.certain


def test_a_difference_in_every_image_is_certain() -> None:
    better = compared([([CAT], [MISS])] * 3, [([CAT], [HIT])] * 3)
    assert (better.voc07.difference, better.voc07.low, better.voc07.high) == (100, 100, 100)
    assert better.voc07.certain
    assert list(better.per_class) == ["cat"]


def test_nothing_to_find_and_no_image() -> None:
    nothing = compared([([], [HIT])], [([], [])])
    assert np.isnan(nothing.voc07.low)
    assert not nothing.voc07.certain
    assert nothing.voc07.to_json()["difference"] is None
    assert compared([], []).per_class == {}


def test_only_the_same_images_compare() -> None:
    first, second = two(seed=1, images=4)
    with pytest.raises(ValueError, match="classes differ"):
        compare(first, replace(second, classes=("a", "b", "c")))
    renamed = tuple(replace(sample, id="other") for sample in second.samples)
    with pytest.raises(ValueError, match="images or their objects differ"):
        compare(first, replace(second, samples=renamed))
