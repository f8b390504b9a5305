"""Ranks, rates and confusion, worked by hand."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from yolo_cli.data.sample import Sample
from yolo_cli.errors import UserError
from yolo_cli.model.config import new_config
from yolo_cli.tasks.classify.output import Classification, ClassMap, Listed
from yolo_cli.tasks.classify.score import (
    MEAN,
    TOP1,
    TOP5,
    ClassScorer,
    difference,
    ranks,
    score_outputs,
)

CLASSES = ("ape", "bee", "cat")


def sample(*labels: int) -> Sample:
    count = len(labels)
    none = np.zeros(count, dtype=np.bool_)
    return Sample(
        "x", Path("x.jpg"), 8, 8, np.tile([0.0, 0, 8, 8], (count, 1)),
        np.array(labels, dtype=np.int64), none, none, np.full(count, 64.0),
    )  # fmt: skip


def says(*probabilities: float) -> Classification:
    return {"probabilities": torch.tensor(probabilities), "top": 5}


def test_a_rank_counts_the_classes_before_the_right_one() -> None:
    scores = [[0.5, 0.3, 0.2], [0.5, 0.3, 0.2], [0.5, 0.3, 0.2]]
    assert ranks(scores, [0, 1, 2]).tolist() == [0, 1, 2]


def test_of_equal_classes_the_first_one_comes_first() -> None:
    assert ranks([[0.4, 0.4, 0.2], [0.4, 0.4, 0.2]], [0, 1]).tolist() == [0, 1]


def test_scores_of_a_worked_example() -> None:
    # Images of ape, ape, bee, bee, bee; taken for ape, bee, bee, bee, ape: no cat anywhere.
    labels = [0, 0, 1, 1, 1]
    taken = [0, 1, 1, 1, 0]
    outputs = [says(*(0.8 if i == best else 0.1 for i in range(3))) for best in taken]
    scores = score_outputs(outputs, [sample(label) for label in labels], CLASSES)
    assert scores.confusion is not None
    assert scores.confusion.tolist() == [[1, 1, 0], [1, 2, 0], [0, 0, 0]]
    assert scores.value == scores.metrics[TOP1] == pytest.approx(60)  # three of five
    assert TOP5 not in scores.metrics  # of three classes, the right one is among the first five
    assert scores.metrics[MEAN] == pytest.approx((50 + 200 / 3) / 2)
    assert list(scores.columns["images"]) == [2, 3, 0]
    recall, precision = scores.columns["recall"], scores.columns["precision"]
    assert recall[:2] == pytest.approx([50, 200 / 3])
    assert precision[:2] == pytest.approx([50, 200 / 3])  # of two apes one, of three bees two
    assert math.isnan(recall[2])
    assert math.isnan(precision[2])
    assert scores.confused(3) == [("ape", "bee", 1), ("bee", "ape", 1)]
    assert scores.to_json()["classes"]["cat"] == {"images": 0, "recall": None, "precision": None}


def test_top_five() -> None:
    # Seven classes by falling probability: labels 0, 4 and 5 have the ranks 0, 4 and 5.
    falling = [0.4, 0.2, 0.15, 0.1, 0.08, 0.05, 0.02]
    names = tuple("abcdefg")
    found = score_outputs([says(*falling)] * 3, [sample(0), sample(4), sample(5)], names)
    assert found.metrics[TOP1] == pytest.approx(100 / 3)
    assert found.metrics[TOP5] == pytest.approx(200 / 3)


def test_images_without_a_class_that_counts_are_left_out() -> None:
    found = score_outputs([says(1, 0, 0), says(1, 0, 0)], [sample(), sample(0)], CLASSES)
    assert found.value == 100
    nothing = score_outputs([says(1, 0, 0)], [sample()], CLASSES)
    assert math.isnan(nothing.value)


def test_the_score_of_a_validation() -> None:
    scorer = ClassScorer()
    scorer.add(torch.tensor([[2.0, 1, 0], [0, 1, 2]]), [sample(0), sample(0)])
    scorer.add(torch.tensor([[0.0, 5, 1]]), [sample(1)])
    score = scorer.score()
    assert score.value == pytest.approx(200 / 3)
    assert score.record == {"top1": 66.67, "top5": 100.0}
    assert score.outputs["hits"].tolist() == [True, False, True]


def test_the_difference_of_two_validations() -> None:
    config = new_config(CLASSES, task="classify", head="pool", image_size=32)
    right, wrong = {"hits": torch.ones(20, dtype=torch.bool)}, {"hits": torch.zeros(20).bool()}
    assert difference(wrong, right, [], config) == (100, 100)
    assert difference(right, right, [], config) == (0, 0)
    low, high = difference(right, {"hits": torch.arange(20) < 10}, [], config)
    # Half of the images lost: a standard deviation of 50 / √20 = 11.2 points, twice that around.
    assert -78 < low < -66
    assert -34 < high < -22
    assert math.isnan(difference({}, right, [], config)[0])


def test_classes_that_both_know() -> None:
    # The network knows cat, dog, bee; the dataset ape, bee, cat: bee and cat are shared.
    shared = ClassMap.between(("cat", "dog", "bee"), CLASSES)
    assert shared.classes == ("bee", "cat")
    found = shared.output(says(0.5, 0.375, 0.125))
    assert found["probabilities"].tolist() == [0.125, 0.5]
    assert shared.sample(sample(2)).labels.tolist() == [1]
    assert len(shared.sample(sample(0)).labels) == 0


@pytest.mark.parametrize("top", [0, -1, 1.5, True])
def test_a_list_has_at_least_one_class(top: int) -> None:
    with pytest.raises(UserError, match="is not a whole number from 1"):
        Listed(top)
