"""The same numbers as Debian's libdarknet.so, from the same files and the same image."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.darknet.builders import (
    CFGS,
    CONV,
    POOL,
    close,
    darknet_writes,
    detector,
    needs_darknet,
    predict,
    write_network,
)
from yolo_cli.darknet.layout import darknet_order
from yolo_cli.darknet.read import read_darknet
from yolo_cli.darknet.write import to_darknet
from yolo_cli.model.config import ModelConfig, new_config
from yolo_cli.model.network import Network
from yolo_cli.model.weights import Weights, write_tensors
from yolo_cli.tasks.detect.grid import Grid
from yolo_cli.tasks.networks import build_network, load_weights, network_of

pytestmark = needs_darknet

PLAIN = CONV.replace("batch_normalize=1\n", "")
LOCAL = "[local]\nsize=3\nstride=1\npad=1\nfilters=5\nactivation=leaky\n"
HIDDEN = "[connected]\noutput=7\nactivation=leaky\n"
CROP = "[crop]\ncrop_height=32\ncrop_width=32\nflip=0\nangle=0\nsaturation=1\nexposure=1\n"
DETECTORS = {
    "as yolov1-tiny": detector(CONV, POOL, CONV, POOL),
    "as yolov1": detector(CONV, POOL, LOCAL, "[dropout]\nprobability=.5\n", boxes=3),
    "as in 2015": detector(CROP, PLAIN, POOL, HIDDEN, HIDDEN, "[dropout]\n"),
    "odd maps": detector(CONV, POOL, CONV, POOL, side=30),
    "overlapping poolings": detector(CONV, "[maxpool]\nsize=3\nstride=2\n", CONV),
    "poolings of one step": detector(CONV, "[maxpool]\nsize=2\nstride=1\n", CONV),
    "poolings without padding": detector(CONV, "[maxpool]\nsize=3\nstride=2\npadding=0\n"),
    "poolings with padding": detector(CONV, "[maxpool]\nsize=3\nstride=2\npadding=1\n"),
    "normalised connected": detector(CONV, POOL, HIDDEN + "batch_normalize=1\n"),
    "big kernels": detector(CONV.replace("size=3", "size=7").replace("stride=1", "stride=2")),
    "a mean": detector(CONV, POOL, "[avgpool]"),
    "local steps": detector(CONV, LOCAL.replace("stride=1", "stride=2").replace("pad=1\n", "")),
    **{
        name: detector(CONV.replace("leaky", name), POOL, HIDDEN.replace("leaky", name))
        for name in ("relu", "ramp", "logistic", "tanh", "linear")
    },
}


def image_of(side: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(3)
    return torch.randint(0, 256, (1, 3, side, side), dtype=torch.uint8, generator=generator)


def outputs_of(network: Network, image: torch.Tensor) -> torch.Tensor:
    with torch.inference_mode():
        raw: torch.Tensor = network.eval()(image)
    result = torch.empty(raw.numel())
    result[darknet_order(Grid.of(network.config))] = raw.flatten()
    return result


def names(folder: Path) -> Path:
    path = folder / "net.names"
    path.write_text("a\nb\nc\n", "utf-8")
    return path


def compare(cfg: Path, weights: Path, classes: Path | None) -> None:
    network = network_of(read_darknet(cfg, weights, classes).weights)
    image = image_of(network.config.image_size)
    ours = outputs_of(network, image).numpy()
    assert close(ours, predict(cfg, weights, image, len(ours)))


@pytest.mark.parametrize("name", DETECTORS)
def test_detectors(tmp_path: Path, name: str) -> None:
    compare(*write_network(tmp_path, DETECTORS[name]), names(tmp_path))


def test_yolov1_tiny_as_it_is_installed(tmp_path: Path) -> None:
    compare(*write_network(tmp_path, (CFGS / "yolov1-tiny.cfg").read_text()), None)


def smaller(cfg: str) -> str:
    """Return a cfg with an eighth of the channels, and a quarter of the pixels."""
    text = re.sub(r"filters=(\d+)", lambda m: f"filters={max(3, int(m[1]) // 8)}", cfg)
    text = re.sub(r"(height|width)=(448|224|256)", lambda m: f"{m[1]}={int(m[2]) // 2}", text)
    return text.replace("output=4096", "output=64")


def test_yolov1_with_fewer_channels(tmp_path: Path) -> None:
    compare(*write_network(tmp_path, smaller((CFGS / "yolov1.cfg").read_text())), None)


def side_of(cfg: str) -> int:
    """Return the pixels along each side of what a cfg takes."""
    found = re.search(r"(?m)^height=(\d+)", cfg)
    assert found
    return int(found[1])


CLASSIFIERS = {
    "extraction": 20,
    "vgg-16": 13,
    "darknet": 7,
    "alexnet": 5,
    "strided": 20,
    "darknet19": 18,
    "tiny": 15,
}
"""Debian's, with their backbone's convolutions."""


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_classifiers(tmp_path: Path, name: str) -> None:
    text = smaller((CFGS / f"{name}.cfg").read_text())
    cfg, numbers = write_network(tmp_path, text)
    read = read_darknet(cfg, numbers, None)
    config = read.weights.config
    assert read.target.whole
    classes = len(config.classes)
    assert (config.task, classes) == ("classify", 125 if "filters=125" in text else 1000)
    image = image_of(side_of(text))
    edge = (image.shape[-1] - config.image_size) // 2  # what a [crop] cuts away
    middle = image[:, :, edge:, edge:][:, :, : config.image_size, : config.image_size]
    with torch.inference_mode():
        ours = network_of(read.weights).eval()(middle).softmax(1)[0].numpy()
    assert close(ours, predict(cfg, numbers, image, classes))
    stored = tmp_path / "net.safetensors"
    write_tensors(stored, config, read.weights.tensors, read.weights.info)
    files = to_darknet(load_weights(stored))
    assert files.cfg == text
    assert files.weights == numbers.read_bytes()


@pytest.mark.parametrize("name", [*CLASSIFIERS, "extraction.conv", "vgg-conv"])
def test_backbones_of_classifiers(tmp_path: Path, name: str) -> None:
    """The map that they give is what Darknet has there: its cfg ends with the backbone's last."""
    text = smaller((CFGS / f"{name}.cfg").read_text())
    convolutions = CLASSIFIERS.get(name) or (20 if name == "extraction.conv" else 13)
    weights = read_darknet(*write_network(tmp_path, text, layers=convolutions), None).weights
    assert weights.backbone_alone
    assert len(weights.config.architecture.channels) == convolutions
    found = network_of(weights_with_head(weights)).eval()
    sections = re.split(r"(?m)^(?=\[)", text)
    ends = [i for i, one in enumerate(sections) if one.startswith("[convolutional]")]
    last = ends[convolutions - 1] + 1
    while last < len(sections) and sections[last].startswith("[maxpool]"):
        last += 1
    folder = tmp_path / "alone"
    folder.mkdir()
    cfg, numbers = write_network(folder, "".join(sections[:last]))
    side = side_of(text)
    crop = re.search(r"(?m)^crop_height=(\d+)", text)
    inner = int(crop[1]) if crop else side
    image = image_of(side)
    edge = (side - inner) // 2
    middle = image[:, :, edge : edge + inner, edge : edge + inner]
    with torch.inference_mode():
        ours = found.backbone(found.normalise(middle)).flatten().numpy()
    assert close(ours, predict(cfg, numbers, image, len(ours)))


def weights_with_head(weights: Weights) -> Weights:
    """Return weights whose head is whatever chance gives."""
    torch.manual_seed(0)
    fresh = build_network(weights.config).state_dict()
    own = {name: one for name, one in weights.tensors.items() if name in fresh}
    return Weights(weights.config, {**fresh, **own})


@pytest.mark.parametrize(
    "options",
    [
        {"arch": "fast", "head": "pool"},  # normalised before the mean
        {"arch": "alexnet", "head": "fc"},
        {"arch": "yolov1", "head": "pool", "norm": False},
    ],
)
def test_darknet_names_what_classifiers_from_here_name(
    tmp_path: Path, options: dict[str, object]
) -> None:
    torch.manual_seed(1)
    config: ModelConfig = new_config(
        ("a", "b", "c"), width=0.05, image_size=64, task="classify", **options
    )
    network = build_network(config)
    for name, tensor in network.named_buffers():
        if name.endswith("running_var"):
            tensor.uniform_(0.01, 2)
        elif name.endswith("running_mean"):
            tensor.normal_(0, 0.1)
    torch.nn.init.normal_(network.head.predictor.get_parameter("layer.weight"), std=0.5)
    to_darknet(Weights(config, network.state_dict())).write(tmp_path / "out", "net")
    image = image_of(64)
    with torch.inference_mode():
        ours = network.eval()(image).softmax(1)[0].numpy()
    cfg, weights = tmp_path / "out" / "net.cfg", tmp_path / "out" / "net.weights"
    assert close(ours, predict(cfg, weights, image, 3))
    assert (tmp_path / "out" / "net.names").read_text() == "a\nb\nc\n"
    again = network_of(read_darknet(cfg, weights, None).weights).eval()
    with torch.inference_mode():
        assert close(again(image).softmax(1)[0].numpy(), ours)


@pytest.mark.parametrize("name", ["as yolov1", "normalised connected"])
def test_files_are_as_long_as_those_that_darknet_writes(tmp_path: Path, name: str) -> None:
    cfg, weights = write_network(tmp_path, DETECTORS[name])
    theirs = tmp_path / "theirs.weights"
    darknet_writes(cfg, theirs)
    assert theirs.stat().st_size == weights.stat().st_size
    read = read_darknet(cfg, theirs, names(tmp_path))  # Darknet's own header, and its numbers
    assert to_darknet(read.weights).weights == theirs.read_bytes()


@pytest.mark.parametrize(
    "options",
    [
        {"arch": "vgg16"},  # 1×1 convolution for the mean, sigmoids, a convolutional head
        {"arch": "fast", "head": "fc"},
        {"arch": "alexnet", "output": "linear"},
        {"arch": "yolov1", "head": "fc", "output": "linear", "norm": False},
    ],
)
def test_darknet_finds_what_networks_from_here_find(
    tmp_path: Path, options: dict[str, object]
) -> None:
    torch.manual_seed(1)
    config: ModelConfig = new_config(
        ("a", "b", "c"), width=0.05, grid=2, image_size=128, mean=(0.4, 0.5, 0.6), **options
    )
    network = build_network(config)
    for name, tensor in network.named_buffers():
        if name.endswith("running_var"):
            tensor.uniform_(0.01, 2)
    torch.nn.init.normal_(network.head.predictor.get_parameter("layer.weight"), std=0.2)
    to_darknet(Weights(config, network.state_dict())).write(tmp_path / "out", "net")
    image = image_of(128)
    grid = Grid.of(config)
    with torch.inference_mode():
        cells = grid.unpack(network.eval()(image))
    packed = grid.pack(cells.xy, cells.root_wh, cells.confidence, cells.classes).flatten()
    ours = np.empty(len(packed), dtype=np.float32)
    ours[darknet_order(grid).numpy()] = packed.numpy()
    cfg, weights = tmp_path / "out" / "net.cfg", tmp_path / "out" / "net.weights"
    assert close(ours, predict(cfg, weights, image, len(ours)))
