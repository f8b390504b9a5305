"""Weights in eight bits: worked by hand, and as near as rounding can be."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from yolo_cli.errors import UserError
from yolo_cli.model.compact import LARGEST, SCALE, compact, expand
from yolo_cli.model.config import new_config
from yolo_cli.model.weights import PREDICTOR, read_weights, save_weights, write_tensors
from yolo_cli.tasks.networks import build_network, load_weights, network_of


def test_by_hand() -> None:
    weight = torch.tensor([[127.0, -1.0, 0.4], [-2.54, 0.0, 1.28]])
    small = compact({"a.weight": weight, "a.bias": torch.ones(2)})
    assert small["a.weight"].tolist() == [[127, -1, 0], [-127, 0, 64]]
    assert small["a.weight"].dtype == torch.int8
    assert small["a.weight" + SCALE].tolist() == pytest.approx([1, 0.02])
    assert small["a.bias"].tolist() == [1, 1]
    whole = expand(small)
    assert list(whole) == ["a.weight", "a.bias"]
    assert whole["a.weight"].tolist() == [[127, -1, 0], pytest.approx([-2.54, 0, 1.28])]


def test_each_weight_is_off_by_half_a_step_at_most() -> None:
    weight = torch.randn(32, 8, 3, 3, generator=torch.Generator().manual_seed(0))
    weight[5] = 0
    error = (expand(compact({"w": weight}))["w"] - weight).abs().flatten(1).amax(1)
    step = weight.abs().flatten(1).amax(1) / LARGEST
    assert (error <= step / 2 + 1e-7).all()
    assert error[5] == 0


def test_what_is_kept_and_what_is_small_stays() -> None:
    tensors = {"p.weight": torch.randn(2, 3), "n.running_mean": torch.randn(4)}
    small = compact(tensors, ("p.weight",))
    assert all(torch.equal(small[name], tensors[name]) for name in tensors)
    assert expand(small).keys() == tensors.keys()


def test_a_small_file_holds_the_same_network(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = build_network(new_config(("cat", "dog"), grid=2, image_size=64, width=0.25)).eval()
    whole, small = tmp_path / "whole.safetensors", tmp_path / "small.safetensors"
    save_weights(whole, network, {"data": "none"})
    written = read_weights(whole)
    write_tensors(small, written.config, written.tensors, written.info, small=True)
    assert small.stat().st_size < 0.55 * whole.stat().st_size
    read = load_weights(small)
    assert (read.config, read.info) == (written.config, written.info)
    assert all(torch.equal(read.tensors[name], written.tensors[name]) for name in PREDICTOR)
    image = torch.randint(0, 256, (1, 3, 64, 64), dtype=torch.uint8)
    with torch.inference_mode():
        torch.testing.assert_close(
            network_of(read).eval()(image), network(image), atol=0.02, rtol=0
        )


@pytest.mark.parametrize("scale", [None, torch.ones(3), torch.ones(2, 1)])
def test_eight_bits_without_their_factors_are_refused(scale: torch.Tensor | None) -> None:
    tensors = {"w": torch.zeros(2, 5, dtype=torch.int8)}
    if scale is not None:
        tensors["w" + SCALE] = scale
    with pytest.raises(UserError, match="w is in eight bits"):
        expand(tensors)
