"""Top-1, top-5, the accuracy of each class, and who is taken for whom."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from yolo_cli.data.sample import Sample
from yolo_cli.evaluation.bootstrap import RESAMPLES, draw, interval_of
from yolo_cli.evaluation.plain import PlainScores
from yolo_cli.model.config import ModelConfig
from yolo_cli.tasks.classify.output import Classification
from yolo_cli.tasks.classify.worst import draw_worst
from yolo_cli.tasks.contract.training import Score

TOP1, TOP5, MEAN = "top-1 accuracy", "top-5 accuracy", "mean of the classes' recalls"
MANY = 5  # classes; with no more than these, the right one is always among the first five


def ranks(probabilities: npt.ArrayLike, labels: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """Return how many classes come before the right one, ``[N]``; of equal ones the first does.

    Args:
        probabilities: ``[N, C]``, or anything of the same order.
        labels: ``[N]`` the right classes.
    """
    order = np.argsort(-np.asarray(probabilities, dtype=np.float64), axis=1, kind="stable")
    found: npt.NDArray[np.int64] = (order == np.asarray(labels)[:, None]).argmax(axis=1)
    return found


def score_outputs(
    outputs: Sequence[Classification], samples: Sequence[Sample], classes: tuple[str, ...]
) -> PlainScores:
    """Score classifications.

    Args:
        outputs: for each image.
        samples: their images; those without a class that counts are left out.
        classes: names that both index.
    """
    pairs = [(o, s) for o, s in zip(outputs, samples, strict=True) if len(s.labels)]
    labels = np.array([sample.labels[0] for _, sample in pairs], dtype=np.int64)
    shape = (-1, len(classes))
    found = np.array([one["probabilities"].numpy() for one, _ in pairs]).reshape(shape)
    rank, taken = ranks(found, labels), found.argmax(axis=1)
    confusion = np.zeros((len(classes), len(classes)), dtype=np.int64)
    np.add.at(confusion, (labels, taken), 1)
    hits, images, named = confusion.diagonal(), confusion.sum(axis=1), confusion.sum(axis=0)
    recall = [_percent(hit, count) for hit, count in zip(hits, images, strict=True)]
    precision = [_percent(hit, count) for hit, count in zip(hits, named, strict=True)]
    defined = [value for value in recall if not math.isnan(value)]
    metrics = {TOP1: _percent((rank < 1).sum(), len(rank))}
    if len(classes) > MANY:
        metrics[TOP5] = _percent((rank < MANY).sum(), len(rank))
    metrics[MEAN] = float(np.mean(defined)) if defined else math.nan
    columns: dict[str, Sequence[float]] = {
        "images": [int(count) for count in images],
        "recall": recall,
        "precision": precision,
    }
    worst = partial(draw_worst, [one for one, _ in pairs], [one for _, one in pairs], classes)
    return PlainScores(TOP1, metrics, classes, columns, "image", confusion, worst)


def _percent(part: int | np.integer, whole: int | np.integer) -> float:
    return 100 * int(part) / int(whole) if whole else math.nan


class ClassScorer:
    """See :class:`yolo_cli.tasks.contract.training.Scorer`."""

    def __init__(self) -> None:
        self._ranks: list[npt.NDArray[np.int64]] = []

    def add(self, raw: Tensor, samples: Sequence[Sample]) -> None:
        """Take ``[N, C]`` logits of as many images."""
        labels = [sample.labels[0] for sample in samples]
        self._ranks.append(ranks(raw.float().cpu().numpy(), labels))

    def score(self) -> Score:
        """Return top-1; top-5 stands beside it in the record."""
        rank = np.concatenate(self._ranks)
        value = _percent((rank < 1).sum(), len(rank))
        record = {
            "top1": round(value, 2),
            "top5": round(_percent((rank < MANY).sum(), len(rank)), 2),
        }
        return Score(value, record, outputs={"hits": torch.from_numpy(rank < 1)})


def difference(
    first: Mapping[str, Tensor],
    second: Mapping[str, Tensor],
    samples: Sequence[Sample],
    config: ModelConfig,
) -> tuple[float, float]:
    """Compare top-1, see :meth:`yolo_cli.tasks.contract.training.TrainingTask.difference`."""
    if not (first and second):
        return math.nan, math.nan
    more = second["hits"].numpy().astype(np.int64) - first["hits"].numpy().astype(np.int64)
    weights = draw(len(more), RESAMPLES, 0)
    return interval_of(100 * (weights @ more) / len(more))
