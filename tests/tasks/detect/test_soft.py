from __future__ import annotations

from math import log

import torch

from yolo_cli.tasks.detect.grid import Grid
from yolo_cli.tasks.detect.soft import soft_loss


def logit(p: float) -> float:
    return log(p / (1 - p))


def test_soft_loss_of_a_worked_example() -> None:
    # One cell, one box, two classes. Teacher: confidence .5, classes .8 and .2; student:
    # confidence .25, classes .5 and .5; x differs by .25 - .5.
    # Confidence: .5 ln(.5/.25) + .5 ln(.5/.75). Box: 5 · .5 · .25². Classes: .5 · (.8 ln(.8/.5) +
    # .2 ln(.2/.5)).
    grid = Grid(1, 1, 2, "sigmoid")
    teacher = torch.tensor([[[[0.0, 0, 0, 0, 0, log(0.8), log(0.2)]]]])
    student = torch.tensor([[[[logit(0.25), 0, 0, 0, logit(0.25), 0, 0]]]])
    expected = 0.5 * log(2) + 0.5 * log(2 / 3)
    expected += 5 * 0.5 * 0.25**2
    expected += 0.5 * (0.8 * log(1.6) + 0.2 * log(0.4))
    torch.testing.assert_close(soft_loss(grid, student, teacher), torch.tensor(expected))
    torch.testing.assert_close(soft_loss(grid, teacher, teacher), torch.tensor(0.0))
