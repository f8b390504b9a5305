"""Average precision by the rules of the Pascal VOC devkit (VOCevaldet.m, VOCap.m).

Everingham et al., "The Pascal Visual Object Classes (VOC) Challenge", IJCV 2010, section 4.2.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from yolo_cli.data.sample import BoolArray, FloatArray, IntArray, Sample
from yolo_cli.evaluation.matching import first_claims, match_best

Detections: TypeAlias = Mapping[str, object]
"""The detections of one image: ``boxes`` [N, 4] xyxy in pixels of the upright image, ``scores``
[N], ``labels`` [N] (indices of classes); NumPy arrays or CPU tensors. Typed as a mapping of
objects because that is what a TypedDict, of whatever kind of array, is assignable to."""

Rule: TypeAlias = Literal["voc07", "voc"]

_T = TypeVar("_T", bound=np.generic)


@dataclass(frozen=True, eq=False)
class ClassScore:
    """The score of one class.

    A detection matched with a difficult object neither counts nor hurts: it is among
    ``detections`` and in none of the arrays.

    Attributes:
        ap: average precision, 0-100; nan without objects.
        objects: objects to be found, difficult ones not among them.
        detections: detections of this class.
        true_positives: detections that claimed an object.
        scores: ``[K]`` scores of the detections that count, descending.
        precision: ``[K]`` precision, 0-1, of the detections up to each of these.
        recall: ``[K]`` recall, 0-1, likewise; nan without objects.
    """

    ap: float
    objects: int
    detections: int
    true_positives: int
    scores: FloatArray
    precision: FloatArray
    recall: FloatArray


@dataclass(frozen=True, eq=False)
class VocScore:
    """The score of a dataset.

    Attributes:
        mean_ap: mean of ``ap``, 0-100; nan if no class has an object.
        ap: average precision, 0-100, of each class with at least one object that is not difficult.
        without_objects: the other classes, which the mean leaves out.
        per_class: details of every class, in the order of the classes.
    """

    mean_ap: float
    ap: dict[str, float]
    without_objects: tuple[str, ...]
    per_class: dict[str, ClassScore]


@dataclass(frozen=True, eq=False)
class _Flat:
    """Boxes of all images in one list, in the order of the images."""

    boxes: FloatArray
    labels: IntArray
    images: IntArray

    def groups(self, classes: int) -> IntArray:
        """One number for each pair of image and class."""
        return self.images * classes + self.labels


def evaluate_voc(
    samples: Sequence[Sample],
    detections: Sequence[Detections],
    classes: Sequence[str],
    *,
    iou_threshold: float = 0.5,
    rule: Rule = "voc07",
) -> VocScore:
    """Score detections as the VOC devkit does.

    Per class, detections of all images are taken by descending score (equal scores in the order
    given, as the devkit's stable sort does). Each belongs to the object of its class and image
    with the highest IoU. From the threshold up it is a true positive if it is the first there, a
    false positive if it is not, and ignored if the object is difficult; below it is a false
    positive. Crowd objects are treated as difficult ones.

    Args:
        samples: the annotated images.
        detections: the detections of each image, in the same order.
        classes: names that the labels of both index.
        iou_threshold: the least IoU of a match, in ``(0, 1]``.
        rule: ``"voc07"`` takes the mean of the precision at 11 recalls (VOC 2007 to 2009),
            ``"voc"`` the area under the precision envelope (VOC 2010 on).

    Raises:
        ValueError: the two lists differ in length, or detections are malformed (shape, a label
            that is no class, a value that is not finite).
    """
    if len(samples) != len(detections):
        raise ValueError(f"{len(samples)} samples, but detections of {len(detections)} images")
    if not 0 < iou_threshold <= 1:
        raise ValueError(f"iou_threshold must be in (0, 1], not {iou_threshold}")
    truth = _flatten([(sample.boxes, sample.labels) for sample in samples])
    ignored = _join([sample.difficult | sample.crowd for sample in samples], np.bool_)
    found, scores = _flatten_detections(detections, len(classes))

    matches = match_best(
        found.boxes,
        found.groups(len(classes)),
        truth.boxes,
        truth.groups(len(classes)),
        iou_threshold=iou_threshold,
    )
    order = np.argsort(-scores, kind="stable")
    counted = np.bincount(truth.labels[~ignored], minlength=len(classes))
    per_class = {}
    for label, name in enumerate(classes):
        of_class = order[found.labels[order] == label]
        per_class[name] = _score_class(
            matches.index[of_class], scores[of_class], ignored, int(counted[label]), rule
        )
    ap = {name: score.ap for name, score in per_class.items() if score.objects}
    return VocScore(
        mean_ap=float(np.mean(list(ap.values()))) if ap else float("nan"),
        ap=ap,
        without_objects=tuple(name for name in classes if name not in ap),
        per_class=per_class,
    )


def average_precision(true_positive: BoolArray, objects: int, rule: Rule) -> float:
    """Average precision of a ranked list of detections.

    Args:
        true_positive: ``[K]`` for each detection by descending score; none that is ignored.
        objects: how many objects there are to find, at least 1.
        rule: see :func:`evaluate_voc`.

    Returns:
        Average precision, 0-1.
    """
    tp = np.cumsum(true_positive)
    precision = tp / np.arange(1, len(tp) + 1)
    # The highest precision at this recall or a higher one.
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    if rule == "voc":
        # Recall rises by 1/objects at each true positive and nowhere else.
        return float(envelope[true_positive].sum() / objects)
    # tp / objects >= k / 10 without a division: neither quotient has to be representable, and
    # 3 of 10 objects reach the threshold 0.3, which 3 * 0.1 in float64 exceeds.
    first = np.searchsorted(10 * tp, np.arange(11) * objects, side="left")
    return float(np.append(envelope, 0.0)[first].sum() / 11)


def _score_class(
    index: IntArray, scores: FloatArray, ignored: BoolArray, objects: int, rule: Rule
) -> ClassScore:
    """Score one class from its matches in descending order of score."""
    counts = np.ones(len(index), dtype=np.bool_)
    matched = index >= 0
    counts[matched] = ~ignored[index[matched]]
    true_positive = first_claims(index)[counts]
    tp = np.cumsum(true_positive)
    return ClassScore(
        ap=100 * average_precision(true_positive, objects, rule) if objects else float("nan"),
        objects=objects,
        detections=len(index),
        true_positives=int(true_positive.sum()),
        scores=scores[counts],
        precision=tp / np.arange(1, len(tp) + 1),
        recall=tp / objects if objects else np.full(len(tp), np.nan),
    )


def _flatten_detections(detections: Sequence[Detections], classes: int) -> tuple[_Flat, FloatArray]:
    """Check the detections of all images and put them into one list, with their scores."""
    parts: list[tuple[FloatArray, IntArray]] = []
    all_scores: list[FloatArray] = []
    for image, detection in enumerate(detections):
        boxes = np.asarray(detection["boxes"], dtype=np.float64)
        scores = np.asarray(detection["scores"], dtype=np.float64)
        labels = np.asarray(detection["labels"], dtype=np.int64)
        if boxes.size == 0:
            boxes = boxes.reshape(-1, 4)
        if boxes.shape != (len(scores), 4) or scores.shape != labels.shape or scores.ndim != 1:
            raise ValueError(
                f"image {image}: boxes {boxes.shape}, scores {scores.shape} and labels "
                f"{labels.shape} should be (N, 4), (N,) and (N,)"
            )
        parts.append((boxes, labels))
        all_scores.append(scores)
    found, joined = _flatten(parts), _join(all_scores, np.float64)
    bad = ~np.isfinite(found.boxes).all(axis=1) | ~np.isfinite(joined)
    bad |= (found.labels < 0) | (found.labels >= classes)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise ValueError(
            f"image {found.images[row]}: bad detection: box {found.boxes[row].tolist()}, "
            f"score {joined[row]}, label {found.labels[row]} of {classes} classes"
        )
    return found, joined


def _join(arrays: Sequence[npt.NDArray[_T]], dtype: type[_T]) -> npt.NDArray[_T]:
    """Concatenate, also when there is nothing to."""
    return np.concatenate([np.zeros(0, dtype=dtype), *arrays])


def _flatten(parts: Sequence[tuple[FloatArray, IntArray]]) -> _Flat:
    counts = [len(labels) for _, labels in parts]
    return _Flat(
        boxes=np.concatenate([np.zeros((0, 4)), *(boxes for boxes, _ in parts)]),
        labels=_join([labels for _, labels in parts], np.int64),
        images=np.repeat(np.arange(len(parts)), counts),
    )
