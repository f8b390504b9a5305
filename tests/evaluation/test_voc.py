from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest

from tests.evaluation import reference_voc
from tests.evaluation.cases import Box, found, sample
from yolo_cli.data.sample import Sample
from yolo_cli.evaluation.flat import Detections
from yolo_cli.evaluation.voc import (
    Rule,
    VocMatching,
    average_precision,
    evaluate_voc,
    match_voc,
    score_voc,
)


def both(samples: Sequence[Sample], detections: Sequence[Detections]) -> tuple[float, float]:
    """AP of the only class under the two rules."""
    rules: tuple[Rule, Rule] = ("voc07", "voc")
    first, second = (evaluate_voc(samples, detections, ["a"], rule=rule).ap["a"] for rule in rules)
    return first, second


A: Box = (0, 0, 10, 10)
B: Box = (20, 0, 30, 10)
C: Box = (40, 0, 50, 10)
AWAY: Box = (100, 100, 110, 110)


def test_one_hit_one_miss_one_false_alarm() -> None:
    # Ranked: tp, fp, tp of 3 objects. Recall 1/3, 1/3, 2/3; precision 1, 1/2, 2/3.
    # 11 points: t = 0 .. 0.3 -> 1 (four), 0.4 .. 0.6 -> 2/3 (three), 0.7 .. 1 -> 0.
    #   (4 + 3 * 2/3) / 11 = 6/11
    # Envelope: 1/3 * 1 + 1/3 * 2/3 = 5/9
    ap07, ap = both([sample([A, B, C])], [found([A, AWAY, B], [0.9, 0.8, 0.7])])
    assert ap07 == pytest.approx(600 / 11, abs=1e-12)
    assert ap == pytest.approx(500 / 9, abs=1e-12)


def test_the_ranking_runs_over_all_images() -> None:
    # Image 1 gives tp .6, image 2 gives fp .9 and tp .3: fp, tp, tp of 2 objects.
    # Recall 0, 1/2, 1; precision 0, 1/2, 2/3. The envelope is 2/3 everywhere: AP = 2/3 by both.
    ap07, ap = both([sample([A]), sample([A])], [found([A], [0.6]), found([AWAY, A], [0.9, 0.3])])
    assert ap07 == pytest.approx(200 / 3, abs=1e-12)
    assert ap == pytest.approx(200 / 3, abs=1e-12)


def test_precision_and_recall_are_those_of_each_detection_that_counts() -> None:
    samples = [sample([A, B, C], difficult=[False, True, False])]
    score = evaluate_voc(samples, [found([A, B, AWAY, C], [0.5, 0.75, 0.25, 0.125])], ["a"])
    # By score: B (difficult, ignored), A tp, AWAY fp, C tp; two objects count.
    details = score.per_class["a"]
    assert details.scores.tolist() == [0.5, 0.25, 0.125]
    assert details.precision.tolist() == [1, 1 / 2, 2 / 3]
    assert details.recall.tolist() == [1 / 2, 1 / 2, 1]
    assert (details.objects, details.detections, details.true_positives) == (2, 4, 2)
    # 11 points: t = 0 .. 0.5 -> 1 (six), 0.6 .. 1 -> 2/3 (five): (6 + 10/3) / 11 = 28/33
    assert details.ap == pytest.approx(2800 / 33, abs=1e-12)


def test_a_second_detection_of_an_object_is_a_false_positive() -> None:
    # tp, fp of 1 object: all recall is reached at precision 1.
    assert both([sample([A])], [found([A, A], [0.9, 0.8])]) == (100, 100)
    # The other way round the worse box claims the object: IoU (0..8 of 0..10) = .8; tp, fp again.
    assert both([sample([A])], [found([(0, 0, 8, 10), A], [0.9, 0.8])]) == (100, 100)


def test_the_best_object_is_taken_even_if_it_is_claimed() -> None:
    # Objects side by side: D = 0..10, E = 4..14. The second detection 1..11 has
    # IoU 9/11 with D and 7/13 (>= .5) with E. D is claimed: a false positive, not a hit on E.
    samples = [sample([(0, 0, 10, 10), (4, 0, 14, 10)])]
    score = evaluate_voc(samples, [found([A, (1, 0, 11, 10)], [0.9, 0.8])], ["a"])
    assert score.per_class["a"].true_positives == 1
    assert score.per_class["a"].precision.tolist() == [1, 0.5]


def test_difficult_objects_neither_count_nor_hurt_however_often_they_are_found() -> None:
    samples = [sample([A, B], difficult=[True, False])]
    assert both(samples, [found([A, A, B], [0.9, 0.8, 0.7])]) == (100, 100)
    assert both(samples, [found([B], [0.7])]) == (100, 100)
    assert both([sample([A, B], crowd=[True, False])], [found([A, B], [0.9, 0.8])]) == (100, 100)


def test_overlap_counts_inclusive_pixels_and_half_is_enough() -> None:
    # VOC box 1..10 x 1..10 is 100 pixels. Detection 1..20 x 1..10 is 200: IoU exactly 0.5.
    # (Without the +1 it would be 81 / 171 = 0.474.)
    assert both([sample([A])], [found([(0, 0, 20, 10)], [0.9])]) == (100, 100)
    # One column more, 1..21: 100 / 210 < 0.5.
    assert both([sample([A])], [found([(0, 0, 21, 10)], [0.9])]) == (0, 0)


# 3 * 0.1, 6 * 0.1 and 7 * 0.1 are more than 3/10, 6/10 and 7/10 in float64, in the devkit's
# loop over 0:0.1:1 as here; the other multiples are the same number as the quotient.
REACHED = {0: 1, 1: 2, 2: 3, 3: 3, 4: 5, 5: 6, 6: 6, 7: 7, 8: 9, 9: 10, 10: 11}


@pytest.mark.parametrize("objects", [10, 30, 70, 110, 3000])
def test_recall_of_k_tenths_reaches_the_thresholds_that_the_devkit_says(objects: int) -> None:
    # The first k tenths of the objects are found: precision 1 at the thresholds reached.
    for k, reached in REACHED.items():
        ap = average_precision(np.ones(k * objects // 10, dtype=np.bool_), objects, "voc07")
        assert ap == pytest.approx((reached if k else 0) / 11, abs=1e-12)


@pytest.mark.parametrize("objects", [30, 70, 110, 3000])
def test_one_object_less_falls_short(objects: int) -> None:
    for k in range(1, 11):
        short = average_precision(np.ones(k * objects // 10 - 1, dtype=np.bool_), objects, "voc07")
        assert short == pytest.approx(k / 11, abs=1e-12)


def test_equal_scores_keep_the_order_given() -> None:
    # fp before tp: precision 1/2 at recall 1; tp before fp: 1.
    assert both([sample([A])], [found([AWAY, A], [0.5, 0.5])]) == pytest.approx((50, 50))
    assert both([sample([A])], [found([A, AWAY], [0.5, 0.5])]) == (100, 100)
    two = [sample([]), sample([A])]
    assert both(two, [found([AWAY], [0.5]), found([A], [0.5])]) == pytest.approx((50, 50))


def test_classes_do_not_mix_and_those_without_objects_are_left_out() -> None:
    samples = [sample([A, B, C], labels=[0, 1, 3], difficult=[False, False, True])]
    detections = [found([A, B, C, C], [0.9, 0.8, 0.7, 0.6], labels=[0, 0, 2, 3])]
    score = evaluate_voc(samples, detections, ["a", "b", "c", "d"])
    # a: tp, fp of 1 object: 100. b: not found: 0. c: no object. d: only a difficult one.
    assert score.ap == {"a": 100, "b": 0}
    assert score.mean_ap == 50
    assert score.without_objects == ("c", "d")
    assert list(score.per_class) == ["a", "b", "c", "d"]
    assert math.isnan(score.per_class["c"].ap)
    assert score.per_class["c"].precision.tolist() == [0]
    assert score.per_class["d"].detections == 1
    assert score.per_class["d"].precision.tolist() == []


def test_nothing_to_score() -> None:
    assert math.isnan(evaluate_voc([], [], ["a"]).mean_ap)
    score = evaluate_voc([sample([])], [found([], [])], ["a"])
    assert math.isnan(score.mean_ap)
    assert score.without_objects == ("a",)
    assert evaluate_voc([sample([A])], [found([], [])], ["a"]).mean_ap == 0


def test_a_higher_threshold() -> None:
    # IoU of 0..8 and 0..10 is 0.8.
    for threshold, ap in ((0.8, 100), (0.81, 0)):
        score = evaluate_voc(
            [sample([A])], [found([(0, 0, 8, 10)], [0.9])], ["a"], iou_threshold=threshold
        )
        assert score.mean_ap == ap


def test_tensors_do_as_well_as_arrays() -> None:
    torch = pytest.importorskip("torch")
    arrays = found([A, AWAY, B], [0.9, 0.8, 0.7])
    tensors = {key: torch.as_tensor(value) for key, value in arrays.items()}
    samples = [sample([A, B, C])]
    expected = evaluate_voc(samples, [arrays], ["a"])
    assert evaluate_voc(samples, [tensors], ["a"]).mean_ap == expected.mean_ap


def test_malformed_detections_are_named() -> None:
    samples = [sample([]), sample([A])]
    none = found([], [])
    with pytest.raises(ValueError, match="2 samples, but detections of 1"):
        evaluate_voc(samples, [none], ["a"])
    with pytest.raises(ValueError, match="label 1 of 1 classes"):
        evaluate_voc(samples, [none, found([A], [0.5], labels=[1])], ["a"])
    with pytest.raises(ValueError, match=r"image 1: bad detection: .* score nan"):
        evaluate_voc(samples, [none, found([A], [math.nan])], ["a"])
    with pytest.raises(ValueError, match=r"image 1: boxes \(1, 4\), scores \(2,\)"):
        evaluate_voc(samples, [none, {**found([A], [0.5]), "scores": np.zeros(2)}], ["a"])
    with pytest.raises(ValueError, match="iou_threshold"):
        evaluate_voc(samples, [none, none], ["a"], iou_threshold=0)


CLASSES = ("a", "b", "c", "d", "never")


def random_case(
    rng: np.random.Generator,
) -> tuple[list[reference_voc.Truth], list[reference_voc.Found], int]:
    """Small integer boxes close together: equal scores, duplicates and IoU 1/2 are frequent."""
    images = int(rng.integers(1, 8))
    used = int(rng.integers(1, 5))

    def box() -> Box:
        x, y = rng.integers(1, 12, size=2)
        w, h = rng.integers(1, 9, size=2)
        return (float(x), float(y), float(x + w - 1), float(y + h - 1))

    truths = [
        reference_voc.Truth(
            int(rng.integers(images)), int(rng.integers(used)), box(), bool(rng.random() < 0.2)
        )
        for _ in range(int(rng.integers(0, 30)))
    ]
    detections = []
    for _ in range(int(rng.integers(0, 60))):
        score = float(rng.integers(0, 10)) / 8
        if truths and rng.random() < 0.7:
            near = truths[int(rng.integers(len(truths)))]
            x1, y1, x2, y2 = near.box
            shift = rng.integers(-1, 3, size=4) if rng.random() < 0.7 else np.zeros(4)
            if rng.random() < 0.2:
                shift = shift + rng.normal(0, 0.3, size=4)
            moved = (x1 + shift[0], y1 + shift[1], x2 + abs(shift[2]), y2 + abs(shift[3]))
            values = tuple(float(v) for v in moved)
            detections.append(
                reference_voc.Found(near.image, near.label, values, score)  # type: ignore[arg-type]
            )
        else:
            place = int(rng.integers(images)), int(rng.integers(4))
            detections.append(reference_voc.Found(*place, box(), score))
    # The devkit ranks the lines of its results file; here they are sorted by image.
    detections.sort(key=lambda f: f.image)
    return truths, detections, images


def stored(box: Box) -> Box:
    return (box[0] - 1, box[1] - 1, box[2], box[3])


def ours(
    truths: Sequence[reference_voc.Truth], detections: Sequence[reference_voc.Found], images: int
) -> VocMatching:
    samples, outputs = [], []
    for image in range(images):
        t = [x for x in truths if x.image == image]
        f = [x for x in detections if x.image == image]
        samples.append(
            sample([stored(x.box) for x in t], [x.label for x in t], [x.difficult for x in t])
        )
        outputs.append(
            found([stored(x.box) for x in f], [x.score for x in f], [x.label for x in f])
        )
    return match_voc(samples, outputs, CLASSES)


# Quotients of small integers, and so often the IoU of two boxes; the second one is not exact.
THRESHOLDS = (0.5, 0.3, 0.75)


@pytest.mark.parametrize("rule", ["voc07", "voc"])
def test_agrees_with_the_literal_rules_on_random_datasets(rule: Rule) -> None:
    seen = dict.fromkeys(["tp", "fp", "ignored", "nan", "on recall", *THRESHOLDS], 0)
    for seed in range(200):
        truths, detections, images = random_case(np.random.default_rng(seed))
        matching = ours(truths, detections, images)
        for threshold in THRESHOLDS:
            score = score_voc(matching, iou_threshold=threshold, rule=rule)
            expected = []
            for label, name in enumerate(CLASSES):
                reference = reference_voc.evaluate(truths, detections, label, rule, threshold)
                details = score.per_class[name]
                assert details.true_positives == reference.marks.count("tp")
                assert details.detections == len(reference.marks)
                assert details.hits.tolist() == [
                    mark == "tp" for mark in reference.marks if mark != "ignored"
                ]
                for mark in reference.marks:
                    seen[mark] += 1
                if math.isnan(reference.ap):
                    assert name in score.without_objects
                    seen["nan"] += 1
                else:
                    assert score.ap[name] == pytest.approx(100 * reference.ap, rel=0, abs=1e-12)
                    expected.append(100 * reference.ap)
                    seen["on recall"] += bool(np.isin(details.recall, [0.3, 0.6, 0.7]).any())
            assert math.isnan(score.mean_ap) == (not expected)
            if expected:
                mean = math.fsum(expected) / len(expected)
                assert score.mean_ap == pytest.approx(mean, rel=0, abs=1e-12)
            seen[threshold] += sum(
                f.image == t.image and reference_voc.overlap(f.box, t.box) == threshold
                for f in detections
                for t in truths
            )
    # The datasets do exercise every rule.
    assert min(seen.values()) > 30, seen
