"""There and back: byte by byte, and what was trained here in the layers that Darknet has."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from tests.darknet.builders import CONV, NET, POOL, detector, write_network
from yolo_cli.darknet.header import Header
from yolo_cli.darknet.read import read_darknet
from yolo_cli.darknet.write import to_darknet
from yolo_cli.errors import UserError
from yolo_cli.model.config import new_config
from yolo_cli.model.weights import Weights, write_tensors
from yolo_cli.tasks.networks import build_network, load_weights, network_of

NAMES = "cat\ndog\nhorse\n"
LOCAL = "[local]\nsize=3\nstride=1\npad=1\nfilters=5\nactivation=leaky\n"
CLASSIFIER = (
    NET.format(side=32) + CONV + POOL + CONV + "[avgpool]\n[connected]\noutput=3\n[softmax]\n"
)
CONNECTED = "[connected]\noutput=6\nbatch_normalize=1\nactivation=ramp\n"


def names(folder: Path) -> Path:
    path = folder / "net.names"
    path.write_text(NAMES, "utf-8")
    return path


@pytest.mark.parametrize("version", [(0, 1, 0), (0, 2, 0), (0, 2, 5), (1001, 0, 0)])
@pytest.mark.parametrize(
    "cfg",
    [
        detector(CONV, POOL),
        detector(CONV, POOL, LOCAL, "[dropout]\nprobability=.5\n", CONNECTED).replace("\n", "\r\n"),
        CLASSIFIER,
        NET.format(side=32) + "# only these\n" + CONV + CONV,
    ],
)
def test_there_and_back_is_the_same_to_the_byte(
    tmp_path: Path, cfg: str, version: tuple[int, int, int]
) -> None:
    paths = write_network(tmp_path, cfg, Header(version, 123456))
    read = read_darknet(*paths, names(tmp_path))
    stored = tmp_path / "net.safetensors"
    write_tensors(stored, read.weights.config, read.weights.tensors, read.weights.info)
    files = to_darknet(load_weights(stored, part=True))
    files.write(tmp_path / "out", "net")
    for path in paths:
        assert (tmp_path / "out" / path.name).read_bytes() == path.read_bytes()
    if read.target.whole:
        assert (tmp_path / "out" / "net.names").read_text() == NAMES
    assert len(list((tmp_path / "out").iterdir())) == (3 if read.target.whole else 2)


def test_a_network_without_its_cfg_is_written_anew(tmp_path: Path) -> None:
    """Trained on, a network has no cfg any more: its table says the same."""
    paths = write_network(tmp_path, detector(CONV, POOL, CONV, LOCAL, CONNECTED))
    first = read_darknet(*paths, names(tmp_path)).weights
    to_darknet(replace(first, info={})).write(tmp_path / "out", "net")
    cfg, numbers = (tmp_path / "out" / path.name for path in paths)
    again = read_darknet(cfg, numbers, names(tmp_path)).weights
    assert again.config == first.config
    assert all(torch.equal(again.tensors[name], first.tensors[name]) for name in first.tensors)


@pytest.mark.parametrize("head", ["conv", "fc"])
def test_what_was_written_of_a_detector_from_here_is_read_again(tmp_path: Path, head: str) -> None:
    """Classes as logits and the rest as sigmoids are two layers there, and one again here."""
    torch.manual_seed(1)
    config = new_config(
        ("cat", "dog", "horse"), arch="fast", head=head, width=0.05, grid=2, image_size=128
    )
    network = build_network(config).eval()
    torch.nn.init.normal_(network.head.predictor.get_parameter("layer.weight"))
    files = to_darknet(Weights(config, network.state_dict()))
    files.write(tmp_path, "net")
    cfg, numbers = tmp_path / "net.cfg", tmp_path / "net.weights"
    read = read_darknet(cfg, numbers, names(tmp_path)).weights
    assert (read.config.output, read.config.classes) == ("sigmoid", config.classes)
    image = torch.rand(1, 3, 128, 128)
    with torch.inference_mode():
        expected, found = network(image), network_of(read).eval()(image)
    assert expected.std() > 0.1
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    again = to_darknet(read)
    assert (again.cfg, again.weights) == (files.cfg, files.weights)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("layers=-3,-1", "layers=-1,-3", r"\[route\] a section that is not known here"),
        ("activation=logistic", "activation=tanh", r"\[route\] a section that is not known here"),
        ("layers=-2", "layers=-2\ngroups=2", r"\[route\] a section that is not known here"),
        ("output=40\n", "output=40\nbatch_normalize=1\n", r"\[route\] a section that is"),
        ("[detection]\nclasses=3", "[softmax]\ngroups=1", r"\[route\] a section that is"),
        ("softmax=1", "softmax=0", r"softmax=0 is not supported"),
        ("output=12", "output=13", r"a linear connected layer of 52 outputs"),
    ],
)
def test_of_two_layers_side_by_side_only_those_are_read(
    tmp_path: Path, old: str, new: str, message: str
) -> None:
    config = new_config(("a", "b", "c"), arch="fast", width=0.05, grid=2, image_size=128)
    files = to_darknet(Weights(config, build_network(config).state_dict()))
    assert old in files.cfg
    replace(files, cfg=files.cfg.replace(old, new)).write(tmp_path / "out", "net")
    cfg, numbers = tmp_path / "out" / "net.cfg", tmp_path / "out" / "net.weights"
    with pytest.raises(UserError, match=message):
        read_darknet(cfg, numbers, None)


def test_changed_classes_are_not_those_of_the_cfg(tmp_path: Path) -> None:
    paths = write_network(tmp_path, detector(CONV, POOL))
    weights = read_darknet(*paths, names(tmp_path)).weights
    more = replace(weights.config, classes=("a", "b", "c", "d"))
    tensors = dict(weights.tensors)
    for name in ("head.predictor.layer.weight", "head.predictor.layer.bias"):
        cells = tensors[name].unflatten(0, (4, -1))
        tensors[name] = torch.cat([cells, cells[:, -1:]], dim=1).flatten(0, 1)
    files = to_darknet(Weights(more, tensors, weights.info))
    assert "classes=4\n" in files.cfg
    assert files.names == "a\nb\nc\nd\n"


def test_a_damaged_record_does_not_matter(tmp_path: Path) -> None:
    paths = write_network(tmp_path, detector(CONV, POOL))
    weights = read_darknet(*paths, names(tmp_path)).weights
    for record in (
        {"cfg": "[net]\n", "version": [0, 2, 0], "seen": 0},
        {"cfg": 5, "version": [0, 2, 0], "seen": 0},
        {"cfg": paths[0].read_text(), "version": [2], "seen": 0},
        {"cfg": paths[0].read_text(), "version": [0, 2, 0], "seen": 2**70},
        {},
        7,
    ):
        assert to_darknet(replace(weights, info={"darknet": record})).cfg.startswith("[net]")


def test_trained_on_networks_are_networks_here(tmp_path: Path) -> None:
    """Batch statistics, gradients and another type: what training and inference ask of layers."""
    paths = write_network(tmp_path, detector(CONV, POOL, LOCAL, CONNECTED))
    network = network_of(read_darknet(*paths, names(tmp_path)).weights)
    images = torch.randint(0, 256, (4, 3, 32, 32), dtype=torch.uint8)
    network.train()(images).square().sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())
    exact = network.eval()(images).detach()
    half = network.to_inference(torch.bfloat16, torch.device("cpu"))(images)
    assert (half - exact).abs().max() < 0.05 * exact.abs().max()


def test_another_task_is_refused(tmp_path: Path) -> None:
    paths = write_network(tmp_path, detector(CONV, POOL))
    weights = read_darknet(*paths, names(tmp_path)).weights
    with pytest.raises(UserError, match="not segment"):
        to_darknet(replace(weights, config=replace(weights.config, task="segment")))
