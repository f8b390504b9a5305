"""All scores of a dataset in one go: what ``yolo eval`` prints and its report shows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from yolo_cli.data.sample import Sample
from yolo_cli.evaluation.coco import CocoScore, evaluate_coco
from yolo_cli.evaluation.confusion import Confusion, confusion_matrix
from yolo_cli.evaluation.flat import Detections
from yolo_cli.evaluation.operating_point import (
    OperatingPoint,
    OperatingPoints,
    points_of_all,
    points_of_classes,
)
from yolo_cli.evaluation.voc import IOU_THRESHOLD, VocMatching, VocScore, match_voc, score_voc


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Scores of detections of a dataset. Rates are 0-100, scores of detections 0-1.

    Attributes:
        samples: the annotated images.
        detections: of each image.
        classes: names that the labels of both index.
        iou_thresholds: those asked for.
        conf: score threshold of ``points``, ``points_of_all`` and ``confusion``.
        matching: what ``voc07``, ``voc`` and the points are computed from.
        voc07: VOC2007 (11 points) by IoU threshold: those asked for, and 0.5 in any case.
        voc: VOC2010 and later (all points), likewise.
        coco: the COCO protocol.
        points: precision, recall, F1 of each class that has objects, at IoU 0.5.
        points_of_all: likewise, of all of them taken as one class.
        confusion: the confusion matrix at IoU 0.5.
    """

    samples: tuple[Sample, ...]
    detections: tuple[Detections, ...]
    classes: tuple[str, ...]
    iou_thresholds: tuple[float, ...]
    conf: float
    matching: VocMatching
    voc07: dict[float, VocScore]
    voc: dict[float, VocScore]
    coco: CocoScore
    points: dict[str, OperatingPoints]
    points_of_all: OperatingPoints
    confusion: Confusion

    def to_json(self) -> dict[str, object]:
        """Return the scores as plain values for ``json``; None where a number is not defined.

        ``voc07`` and ``voc`` hold ``mAP``, ``AP`` (by class) at IoU 0.5, and the two again in
        ``by_threshold`` (keys like ``"0.75"``); ``coco`` the twelve numbers; ``operating_points``
        the points ``best`` and ``at_conf`` of each class and of all; ``confusion`` the matrix.
        """
        return {
            "voc07": _voc_json(self.voc07, self.iou_thresholds),
            "voc": _voc_json(self.voc, self.iou_thresholds),
            "coco": {name: _number(value) for name, value in self.coco.metrics.items()},
            "operating_points": {
                "conf": self.conf,
                "iou": IOU_THRESHOLD,
                "all": _points_json(self.points_of_all),
                "by_class": {name: _points_json(points) for name, points in self.points.items()},
            },
            "confusion": {
                "conf": self.confusion.conf,
                "iou": self.confusion.iou_threshold,
                "rows": "true",
                "columns": "detected",
                "labels": [*self.confusion.classes, "background"],
                "matrix": self.confusion.matrix.tolist(),
            },
        }


def evaluate(
    samples: Sequence[Sample],
    detections: Sequence[Detections],
    classes: Sequence[str],
    *,
    iou_thresholds: Sequence[float] = (IOU_THRESHOLD,),
    conf: float,
) -> Evaluation:
    """Score detections under the VOC2007, VOC2010+ and COCO protocols.

    Args:
        samples: the annotated images.
        detections: the detections of each image, in the same order, also those of low score.
        classes: names that the labels of both index.
        iou_thresholds: of the VOC protocols, each in ``(0, 1]``.
        conf: score threshold of the operating points and the confusion matrix.

    Raises:
        ValueError: the two lists differ in length, detections are malformed, or a threshold is
            out of range.
    """
    matching = match_voc(samples, detections, classes)
    thresholds = sorted({IOU_THRESHOLD, *iou_thresholds})
    voc07 = {t: score_voc(matching, iou_threshold=t, rule="voc07") for t in thresholds}
    voc = {t: score_voc(matching, iou_threshold=t, rule="voc") for t in thresholds}
    return Evaluation(
        samples=tuple(samples),
        detections=tuple(detections),
        classes=tuple(classes),
        iou_thresholds=tuple(iou_thresholds),
        conf=conf,
        matching=matching,
        voc07=voc07,
        voc=voc,
        coco=evaluate_coco(samples, detections, classes),
        points=points_of_classes(voc[IOU_THRESHOLD], conf),
        points_of_all=points_of_all(voc[IOU_THRESHOLD], conf),
        confusion=confusion_matrix(
            matching.objects,
            matching.detections,
            classes,
            conf=conf,
            iou_threshold=IOU_THRESHOLD,
        ),
    )


def _voc_json(scores: Mapping[float, VocScore], thresholds: Sequence[float]) -> dict[str, object]:
    return {
        **_map_json(scores[IOU_THRESHOLD]),
        "by_threshold": {str(float(t)): _map_json(scores[t]) for t in thresholds},
    }


def _map_json(score: VocScore) -> dict[str, object]:
    return {"mAP": _number(score.mean_ap), "AP": dict(score.ap)}


def _points_json(points: OperatingPoints) -> dict[str, object]:
    return {"best": _point_json(points.best), "at_conf": _point_json(points.at_conf)}


def _point_json(point: OperatingPoint | None) -> dict[str, object] | None:
    if point is None:
        return None
    return {
        "conf": point.threshold,
        "precision": _number(point.precision),
        "recall": _number(point.recall),
        "f1": _number(point.f1),
    }


def _number(value: float) -> float | None:
    """Return None for nan, which JSON does not have."""
    return None if math.isnan(value) else value
