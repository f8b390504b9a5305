from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.evaluation.cases import Box, found, random_dataset, sample
from yolo_cli.data.sample import Sample
from yolo_cli.evaluation.coco import METRICS, evaluate_coco
from yolo_cli.evaluation.flat import Detections

A: Box = (0, 0, 40, 40)  # 1600 px²: medium
B: Box = (100, 0, 140, 40)


def test_all_found() -> None:
    score = evaluate_coco([sample([A, B])], [found([A, B], [0.9, 0.8])], ["a", "b"])
    # One detection finds one of two objects: AR1 is 50. No object is small or large.
    assert score.metrics == pytest.approx(
        {
            "AP": 100, "AP50": 100, "AP75": 100, "APs": math.nan, "APm": 100, "APl": math.nan,
            "AR1": 50, "AR10": 100, "AR100": 100, "ARs": math.nan, "ARm": 100, "ARl": math.nan,
        },
        nan_ok=True,
    )  # fmt: skip
    assert list(score.metrics) == list(METRICS)
    assert score.ap == pytest.approx({"a": 100})


def test_overlap_by_hand() -> None:
    # 40 × 28 of 40 × 40: IoU .7. A match at .5, .55, .6, .65 and .7, half of the ten thresholds.
    score = evaluate_coco([sample([A])], [found([(0, 0, 40, 28)], [0.9])], ["a"])
    assert score.metrics["AP"] == pytest.approx(50)
    assert score.metrics["AP50"] == pytest.approx(100)
    assert score.metrics["AP75"] == 0


def test_the_size_is_the_annotated_area() -> None:
    samples = [sample([A], area=[900])]
    metrics = evaluate_coco(samples, [found([A], [0.9])], ["a"]).metrics
    assert metrics["APs"] == pytest.approx(100)
    assert math.isnan(metrics["APm"])


def test_a_crowd_takes_any_number_of_detections() -> None:
    # Within the crowd region each detection is ignored, however small its IoU with it.
    inside: list[Box] = [(100, 0, 110, 10), (110, 0, 120, 10), (120, 0, 130, 10)]
    samples = [sample([A, B], crowd=[False, True])]
    detections = [found([*inside, A], [0.9, 0.8, 0.7, 0.6])]
    assert evaluate_coco(samples, detections, ["a"]).metrics["AP"] == pytest.approx(100)
    plain = evaluate_coco([sample([A])], detections, ["a"])
    assert plain.metrics["AP"] == pytest.approx(25)  # three wrong ones before the right one


def test_a_difficult_object_neither_counts_nor_hurts() -> None:
    samples = [sample([A, B], difficult=[False, True])]
    for detections in (found([A], [0.6]), found([B, A], [0.9, 0.6])):
        assert evaluate_coco(samples, [detections], ["a"]).metrics["AP"] == pytest.approx(100)
    # The second detection of it is a false one, as with an object of another size.
    twice = evaluate_coco(samples, [found([B, B, A], [0.9, 0.8, 0.6])], ["a"])
    assert twice.metrics["AP"] == pytest.approx(50)


def test_nothing_to_score() -> None:
    for score in (
        evaluate_coco([], [], ["a"]),
        evaluate_coco([sample([])], [found([], [])], ["a"]),
        evaluate_coco([sample([])], [found([A], [0.5])], ["a"]),
    ):
        assert all(math.isnan(value) for value in score.metrics.values())
        assert score.ap == {}
    nothing_found = evaluate_coco([sample([A])], [found([], [])], ["a"])
    assert nothing_found.metrics["AP"] == nothing_found.metrics["AR100"] == 0
    assert nothing_found.ap == {"a": 0}


def test_the_lists_have_one_length() -> None:
    with pytest.raises(ValueError, match="1 samples, but detections of 0 images"):
        evaluate_coco([sample([])], [], ["a"])


def test_of_equal_scores_the_image_with_the_lower_id_goes_first() -> None:
    # One object; in the other image a false detection of the same score.
    samples = [sample([]), sample([A])]
    detections = [found([A], [0.5]), found([A], [0.5])]
    assert evaluate_coco(samples, detections, ["a"]).metrics["AP"] == pytest.approx(50)
    numbered = [replace(samples[0], key=10), replace(samples[1], key=9)]
    assert evaluate_coco(numbered, detections, ["a"]).metrics["AP"] == pytest.approx(100)


@pytest.mark.parametrize("seed", range(60))
def test_agrees_with_pycocotools(seed: int) -> None:
    pytest.importorskip("pycocotools")
    rng = np.random.default_rng(seed)
    samples, detections = random_dataset(rng, images=8, crowded=seed % 3 == 0)
    classes = ["a", "b", "c", "never"]
    expected = pycocotools(samples, detections, classes)
    ours = evaluate_coco(samples, detections, classes)
    for name, value in zip(METRICS, expected, strict=True):
        if value == -1:
            assert math.isnan(ours.metrics[name])
        else:
            assert ours.metrics[name] == pytest.approx(100 * value, rel=0, abs=1e-9), name
    if ours.ap:
        assert np.mean(list(ours.ap.values())) == pytest.approx(ours.metrics["AP"], abs=1e-9)


def test_the_random_datasets_exercise_every_rule() -> None:
    seen = {"crowd": 0, "difficult": 0, "empty": 0, "ties": 0, "beyond 100": 0, "size": 0}
    for seed in range(60):
        rng = np.random.default_rng(seed)
        for s, d in zip(*random_dataset(rng, images=8, crowded=seed % 3 == 0), strict=True):
            scores, labels = np.asarray(d["scores"]), np.asarray(d["labels"])
            seen["crowd"] += bool(s.crowd.any())
            seen["difficult"] += bool(s.difficult.any())
            seen["empty"] += not len(s)
            seen["ties"] += len(np.unique(scores)) < len(scores)
            seen["beyond 100"] += bool((np.bincount(labels, minlength=1) > 100).any())
            sides = s.boxes[:, 2:] - s.boxes[:, :2]
            box_area = sides.prod(axis=1)
            seen["size"] += bool(((s.area < 32**2) & (box_area >= 32**2)).any())
    assert min(seen.values()) >= 10, seen


def pycocotools(
    samples: Sequence[Sample], detections: Sequence[Detections], classes: Sequence[str]
) -> list[float]:
    """The twelve numbers of pycocotools, 0-1 or -1."""
    from pycocotools.coco import COCO  # type: ignore[import-untyped]
    from pycocotools.cocoeval import COCOeval  # type: ignore[import-untyped]

    class WithIgnored(COCOeval):  # type: ignore[misc]
        """Ignores objects as it does those of another size, where they are marked so."""

        def _prepare(self) -> None:
            super()._prepare()
            for objects in self._gts.values():
                for item in objects:
                    item["ignore"] = item["ignore"] or item["difficult"]

    annotations: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for image, (s, d) in enumerate(zip(samples, detections, strict=True)):
        for i in range(len(s)):
            x1, y1, x2, y2 = s.boxes[i].tolist()
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image + 1,
                    "category_id": int(s.labels[i]) + 1,
                    "bbox": [x1, y1, x2 - x1, y2 - y1],
                    "area": float(s.area[i]),
                    "iscrowd": int(s.crowd[i]),
                    "difficult": int(s.difficult[i]),
                }
            )
        columns = (np.asarray(d[key]).tolist() for key in ("boxes", "scores", "labels"))
        for (x1, y1, x2, y2), score, label in zip(*columns, strict=True):
            box = [x1, y1, x2 - x1, y2 - y1]
            results.append(
                {"image_id": image + 1, "category_id": label + 1, "bbox": box, "score": score}
            )
    truth = COCO()
    truth.dataset = {
        "info": {},
        "images": [{"id": i + 1} for i in range(len(samples))],
        "categories": [{"id": i + 1, "name": name} for i, name in enumerate(classes)],
        "annotations": annotations,
    }
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        evaluation = WithIgnored(truth, truth.loadRes(results), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return [float(value) for value in evaluation.stats]
