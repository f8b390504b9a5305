from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from yolo_cli.data.sample import Sample
from yolo_cli.evaluation.voc import VocScore, evaluate_voc
from yolo_cli.model.config import new_config
from yolo_cli.model.network import Network
from yolo_cli.training.calibration import calibrated

BIAS = "head.predictor.layer.bias"


def score_at(threshold: float) -> VocScore:
    """One object, found with this score."""
    box, nothing = np.array([[0.0, 0, 10, 10]]), np.zeros(1, dtype=bool)
    label = np.zeros(1, dtype=np.int64)
    sample = Sample("a", Path("a"), 20, 20, box, label, nothing, nothing, np.full(1, 100.0))
    found = {"boxes": box, "scores": np.array([threshold]), "labels": label}
    return evaluate_voc([sample], [found], ["a", "b"])


def network(output: str = "sigmoid", head: str = "conv") -> Network:
    config = new_config(
        ("a", "b"), grid=2, image_size=64, width=0.0625, output=output, head=head, norm=True
    )
    return Network(config)


@pytest.mark.parametrize(("head", "cells"), [("conv", 1), ("fc", 4)])
def test_confidence_alone_is_shifted(head: str, cells: int) -> None:
    before = network(head=head)
    after = calibrated(before, score_at(0.1))
    # logit(.25) - logit(.1) = ln(1/3) - ln(1/9) = ln 3; confidence stands at 4 and 9 of 12.
    expected = torch.zeros(12)
    expected[[4, 9]] = math.log(3)
    change = (after.get_parameter(BIAS) - before.get_parameter(BIAS)).view(cells, 12)
    torch.testing.assert_close(change, expected.expand(cells, 12))


def test_the_network_in_training_stays_as_it_is() -> None:
    before = network()
    bias = before.get_parameter(BIAS).clone()
    calibrated(before, score_at(0.9))
    assert torch.equal(before.get_parameter(BIAS), bias)


def test_the_shift_is_limited() -> None:
    before = network()
    change = calibrated(before, score_at(1e-9)).get_parameter(BIAS) - before.get_parameter(BIAS)
    assert change[4].item() == pytest.approx(3.0)


def test_linear_networks_and_empty_scores_change_nothing() -> None:
    linear, empty = network("linear"), evaluate_voc([], [], ["a", "b"])
    assert calibrated(linear, score_at(0.1)) is linear
    sigmoid = network()
    assert calibrated(sigmoid, empty) is sigmoid
