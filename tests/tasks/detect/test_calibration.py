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
from yolo_cli.tasks.detect.calibration import calibrated, confidence_shift, shifted
from yolo_cli.tasks.networks import build_network

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
    return build_network(config)


def test_the_best_threshold_becomes_that_of_detect() -> None:
    # logit(.25) - logit(.1) = ln(1/3) - ln(1/9) = ln 3
    assert confidence_shift(network().config, score_at(0.1)) == pytest.approx(math.log(3))
    assert confidence_shift(network().config, score_at(0.25)) == pytest.approx(0)


@pytest.mark.parametrize(("head", "cells"), [("conv", 1), ("fc", 4)])
def test_confidence_alone_is_shifted(head: str, cells: int) -> None:
    before = network(head=head)
    after = calibrated(before, 0.5)
    # Confidence stands at 4 and 9 of 12.
    expected = torch.zeros(12)
    expected[[4, 9]] = 0.5
    change = (after.get_parameter(BIAS) - before.get_parameter(BIAS)).view(cells, 12)
    torch.testing.assert_close(change, expected.expand(cells, 12))


def test_outputs_are_shifted_as_the_network_is() -> None:
    before = network().eval()
    images = torch.rand(2, 3, 64, 64)
    with torch.inference_mode():
        raw = before(images)
        torch.testing.assert_close(
            shifted(raw, before.config, 0.7), calibrated(before, 0.7)(images)
        )
    assert not torch.equal(raw, shifted(raw, before.config, 0.7))


def test_the_network_in_training_stays_as_it_is() -> None:
    before = network()
    bias = before.get_parameter(BIAS).clone()
    calibrated(before, 0.9)
    assert torch.equal(before.get_parameter(BIAS), bias)


def test_the_shift_is_limited() -> None:
    assert confidence_shift(network().config, score_at(1e-9)) == 3.0


def test_linear_networks_and_empty_scores_ask_for_no_shift() -> None:
    assert confidence_shift(network("linear").config, score_at(0.1)) == 0
    assert confidence_shift(network().config, evaluate_voc([], [], ["a", "b"])) == 0
