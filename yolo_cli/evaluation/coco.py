"""The COCO protocol, computed by faster-coco-eval, which gives the numbers of pycocotools.

Lin et al., "Microsoft COCO: Common Objects in Context", ECCV 2014, and cocodataset.org (detection
evaluation): average precision at 101 recalls and IoU 0.50, 0.55, ... 0.95.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from yolo_cli.data.sample import FloatArray, IntArray, Sample
from yolo_cli.evaluation.flat import Detections, flatten_detections, flatten_objects

METRICS = (
    "AP", "AP50", "AP75", "APs", "APm", "APl", "AR1", "AR10", "AR100", "ARs", "ARm", "ARl",
)  # fmt: skip
"""The twelve numbers, in the order of pycocotools."""

_OUT_OF_RANGE = 2e10
"""An area beyond COCO's largest range (0 to 1e10), which makes an object ignored in all of them."""


@dataclass(frozen=True, eq=False)
class CocoScore:
    """The score of a dataset.

    Attributes:
        metrics: the twelve numbers by name (:data:`METRICS`), 0-100; nan where pycocotools says
            -1, as there is no object of that size.
        ap: AP of each class that has an object, 0-100: the mean of these is ``metrics["AP"]``.
    """

    metrics: dict[str, float]
    ap: dict[str, float]


def evaluate_coco(
    samples: Sequence[Sample], detections: Sequence[Detections], classes: Sequence[str]
) -> CocoScore:
    """Score detections as pycocotools does, at most 100 per image and class.

    Of equal scores the detection in the image with the lower id goes first, where COCO's ids are
    known (``Sample.key``), else that in the earlier image.

    Sizes are those of ``Sample.area`` (of a detection: of its box). A crowd region takes any number
    of detections, compared by the share of them inside it. COCO has no ``difficult``, and
    pycocotools overwrites the ``ignore`` that converters put in its place, so that such objects
    would count. Here they are ignored as pycocotools ignores objects of another size: they need
    not be found, and the best detection of each is left out.

    Args:
        samples: the annotated images.
        detections: the detections of each image, in the same order.
        classes: names that the labels of both index.

    Raises:
        ValueError: the two lists differ in length, or detections are malformed.
    """
    from faster_coco_eval import COCO, COCOeval_faster  # type: ignore[import-untyped]

    if len(samples) != len(detections):
        raise ValueError(f"{len(samples)} samples, but detections of {len(detections)} images")
    ids = _image_ids(samples)
    images = [{"id": image} for image in ids.tolist()]
    categories = [{"id": label, "name": name} for label, name in enumerate(classes, 1)]
    truth = COCO({
        "info": {}, "images": images, "categories": categories,
        "annotations": _annotations(samples, ids),
    })  # fmt: skip
    found = truth.loadRes(_results(detections, len(classes), ids))
    evaluation = COCOeval_faster(truth, found, "bbox", print_function=_silent)
    if not (samples and classes):
        return CocoScore(dict.fromkeys(METRICS, float("nan")), {})
    evaluation.run()
    precision = np.asarray(evaluation.eval["precision"])[:, :, :, 0, -1]  # IoU, recall, class
    return CocoScore(
        metrics={name: _percent(v) for name, v in zip(METRICS, evaluation.stats, strict=True)},
        ap={
            name: _percent(precision[:, :, label].mean())
            for label, name in enumerate(classes)
            if precision[0, 0, label] > -1
        },
    )


def _image_ids(samples: Sequence[Sample]) -> IntArray:
    """Return ``[images]`` numbers from 1, ascending as COCO's own ids do."""
    keys = [sample.key for sample in samples if isinstance(sample.key, int)]
    ids = np.arange(1, len(samples) + 1)
    if len(keys) == len(samples):
        ids[sorted(range(len(keys)), key=keys.__getitem__)] = ids.copy()
    return ids


def _annotations(samples: Sequence[Sample], ids: IntArray) -> list[dict[str, object]]:
    objects = flatten_objects(samples)
    area = np.where(objects.ignored & ~objects.crowd, _OUT_OF_RANGE, objects.area)
    columns = (
        ids[objects.images].tolist(),
        (objects.labels + 1).tolist(),
        _xywh(objects.boxes),
        objects.crowd.astype(int).tolist(),
        area.tolist(),
    )
    return [
        {"id": i, "image_id": image, "category_id": c, "bbox": box, "iscrowd": crowd, "area": a}
        for i, (image, c, box, crowd, a) in enumerate(zip(*columns, strict=True), 1)
    ]


def _results(
    detections: Sequence[Detections], classes: int, ids: IntArray
) -> list[dict[str, object]]:
    found = flatten_detections(detections, classes)
    columns = (
        ids[found.images].tolist(),
        (found.labels + 1).tolist(),
        _xywh(found.boxes),
        found.scores.tolist(),
    )
    return [
        {"image_id": image, "category_id": label, "bbox": box, "score": score}
        for image, label, box, score in zip(*columns, strict=True)
    ]


def _xywh(boxes: FloatArray) -> list[list[float]]:
    xywh: list[list[float]] = np.concatenate(
        [boxes[:, :2], boxes[:, 2:] - boxes[:, :2]], axis=1
    ).tolist()
    return xywh


def _percent(value: float) -> float:
    return 100 * float(value) if value > -1 else float("nan")


def _silent(*_message: object) -> None:
    """Discard what the library prints about its progress."""
