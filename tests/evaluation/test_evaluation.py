from __future__ import annotations

import json
import subprocess
import sys
import time

import numpy as np
import pytest

from tests.evaluation.cases import Box, found, random_dataset, sample
from yolo_cli.evaluation.coco import METRICS, evaluate_coco
from yolo_cli.evaluation.evaluation import evaluate
from yolo_cli.evaluation.voc import evaluate_voc

A: Box = (0, 0, 40, 40)
B: Box = (100, 0, 140, 40)
AWAY: Box = (300, 300, 340, 340)


def test_the_document_by_hand() -> None:
    # cat: tp .9 (IoU .7), fp .5 of 2 objects; dog: nothing found of 1; bird has no object.
    samples = [sample([A, B, (0, 100, 40, 140)], [0, 0, 1])]
    detections = [found([(0, 0, 40, 28), AWAY], [0.9, 0.5], [0, 0])]
    document = evaluate(
        samples, detections, ("cat", "dog", "bird"), iou_thresholds=(0.5, 0.75), conf=0.6
    ).to_json()
    # 11 points: precision 1 at 0 .. .5 (six); all points: half of the recall at precision 1.
    assert document["voc07"] == {
        "mAP": pytest.approx(300 / 11),
        "AP": {"cat": pytest.approx(600 / 11), "dog": 0},
        "by_threshold": {
            "0.5": {
                "mAP": pytest.approx(300 / 11),
                "AP": {"cat": pytest.approx(600 / 11), "dog": 0},
            },
            "0.75": {"mAP": 0, "AP": {"cat": 0, "dog": 0}},
        },
    }
    assert document["voc"] == {
        "mAP": 25,
        "AP": {"cat": 50, "dog": 0},
        "by_threshold": {
            "0.5": {"mAP": 25, "AP": {"cat": 50, "dog": 0}},
            "0.75": {"mAP": 0, "AP": {"cat": 0, "dog": 0}},
        },
    }
    coco = document["coco"]
    assert isinstance(coco, dict)
    assert list(coco) == list(METRICS)
    assert coco["APl"] is None
    # 101 points: 51 of them (0 .. .5) at precision 1, at five of ten thresholds, in one of two
    # classes.
    assert coco["AP"] == pytest.approx(100 * 51 / 101 / 4)
    # Both points keep the one detection that is right: precision 1, recall 1/2, F1 2/3.
    cat = {"precision": 100, "recall": 50, "f1": pytest.approx(200 / 3)}
    # Together: recall 1/3, F1 2/4.
    both = {"precision": 100, "recall": pytest.approx(100 / 3), "f1": 50}
    assert document["operating_points"] == {
        "conf": 0.6,
        "iou": 0.5,
        "all": {"best": {"conf": 0.9, **both}, "at_conf": {"conf": 0.6, **both}},
        "by_class": {
            "cat": {"best": {"conf": 0.9, **cat}, "at_conf": {"conf": 0.6, **cat}},
            # No detection: its precision is not defined.
            "dog": {
                "best": None,
                "at_conf": {"conf": 0.6, "precision": None, "recall": 0, "f1": 0},
            },
        },
    }
    assert document["confusion"] == {
        "conf": 0.6,
        "iou": 0.5,
        "rows": "true",
        "columns": "detected",
        "labels": ["cat", "dog", "bird", "background"],
        "matrix": [[1, 0, 0, 1], [0, 0, 0, 1], [0, 0, 0, 0], [0, 0, 0, 0]],
    }


def test_iou_half_is_always_there_and_only_those_asked_for_are_told() -> None:
    result = evaluate(
        [sample([A])], [found([A], [0.9])], ("cat",), iou_thresholds=(0.9,), conf=0.25
    )
    assert list(result.voc) == [0.5, 0.9]
    voc = result.to_json()["voc"]
    assert isinstance(voc, dict)
    assert voc["mAP"] == 100
    assert list(voc["by_threshold"]) == ["0.9"]


def test_nothing_to_find_is_valid_json() -> None:
    document = evaluate([sample([])], [found([A], [0.9])], ("cat",), conf=0.25).to_json()
    assert json.loads(json.dumps(document, allow_nan=False)) == document
    assert document["voc07"] == {
        "mAP": None,
        "AP": {},
        "by_threshold": {"0.5": {"mAP": None, "AP": {}}},
    }
    assert document["coco"] == dict.fromkeys(METRICS)


def test_the_parts_are_those_of_each_protocol() -> None:
    samples, detections = random_dataset(np.random.default_rng(3), images=20)
    classes = ("a", "b", "c", "d")
    result = evaluate(samples, detections, classes, iou_thresholds=(0.4, 0.6), conf=0.25)
    for threshold in (0.4, 0.5, 0.6):
        for rule, scores in (("voc07", result.voc07), ("voc", result.voc)):
            alone = evaluate_voc(
                samples,
                detections,
                classes,
                iou_threshold=threshold,
                rule=rule,  # type: ignore[arg-type]
            )
            assert scores[threshold].ap == alone.ap
    assert result.coco.metrics == pytest.approx(
        evaluate_coco(samples, detections, classes).metrics, nan_ok=True
    )


def test_scoring_needs_no_torch() -> None:
    code = (
        "import sys; from yolo_cli.evaluation.evaluation import evaluate; "
        "evaluate([], [], ['a'], conf=0.25);"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_thousand_images_take_no_time() -> None:
    rng = np.random.default_rng(0)
    few = [random_dataset(rng, images=50) for _ in range(2)]
    samples = [s for part, _ in few for s in part] * 10
    detections = [d for _, part in few for d in part] * 10
    start = time.process_time()
    evaluate(samples, detections, ("a", "b", "c", "d"), iou_thresholds=[0.3, 0.5, 0.7], conf=0.25)
    assert time.process_time() - start < 5  # it takes about 0.4
