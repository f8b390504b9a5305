"""Darknet's files as weights: the place of every number, worked by hand, and what is refused."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.darknet.builders import CONV, NET, POOL, classifier, detector, numbers_of, write_network
from yolo_cli.darknet.header import Header
from yolo_cli.darknet.read import REST, read_darknet
from yolo_cli.darknet.target import VOC
from yolo_cli.errors import UserError
from yolo_cli.model.weights import read_weights, write_tensors
from yolo_cli.tasks.networks import load_weights, network_of

NAMES = "cat\ndog\nhorse\n"


def names(folder: Path, text: str = NAMES) -> Path:
    path = folder / "net.names"
    path.write_text(text, "utf-8")
    return path


def test_outputs_go_from_darknets_order_to_ours(tmp_path: Path) -> None:
    # A grid of 1×1, 2 boxes, 2 classes on one pixel: classes, confidences, then boxes.
    cfg, weights = tmp_path / "net.cfg", tmp_path / "net.weights"
    conv = "[convolutional]\nfilters=1\nsize=1\nstride=1\npad=1\nactivation=linear\n"
    cfg.write_text(detector(conv, side=1, grid=1, classes=2), "utf-8")
    bias = [1, 2, 10, 20, 101, 102, 103, 104, 201, 202, 203, 204]  # c c | p p | xywh xywh
    numbers = [0.5, 0.1, 0.2, 0.3, *bias, *([0] * 12)]
    weights.write_bytes(Header().encode() + np.array(numbers, dtype="<f4").tobytes())
    network = network_of(read_darknet(cfg, weights, names(tmp_path, "a\nb\n")).weights).eval()
    raw = network(torch.zeros(1, 3, 1, 1, dtype=torch.uint8))
    assert raw.flatten().tolist() == [101, 102, 103, 104, 10, 201, 202, 203, 204, 20, 1, 2]


def test_a_normalised_convolution_is_bias_factor_mean_variance_weights(tmp_path: Path) -> None:
    cfg, weights = tmp_path / "net.cfg", tmp_path / "net.weights"
    conv = CONV.replace("filters=4", "filters=1").replace("size=3", "size=1")
    cfg.write_text(detector(conv, side=1, grid=1, boxes=1, classes=3), "utf-8")
    # bias, factor, mean, variance, then the weights of red, green and blue.
    layer = [0.5, 3.0, 0.25, 4.0, 1.0, 2.0, -4.0]
    weights.write_bytes(
        Header().encode() + np.array([*layer, *([0] * 8), *([1] * 8)], dtype="<f4").tobytes()
    )
    network = network_of(read_darknet(cfg, weights, names(tmp_path)).weights).eval()
    image = torch.tensor([255, 51, 0], dtype=torch.uint8).view(1, 3, 1, 1)  # 1, 0.2, 0
    # 1.4 in; (1.4 - 0.25) / (2 + 1e-6) · 3 + 0.5
    expected = 1.15 / 2.000001 * 3 + 0.5
    assert network(image).flatten().tolist() == pytest.approx([expected] * 8, rel=1e-6)


def test_a_tiny_variance_counts_as_in_darknet(tmp_path: Path) -> None:
    cfg, weights = tmp_path / "net.cfg", tmp_path / "net.weights"
    conv = CONV.replace("filters=4", "filters=1").replace("size=3", "size=1")
    cfg.write_text(detector(conv, side=1, grid=1, boxes=1, classes=3), "utf-8")
    layer = [0.0, 1.0, 0.0, 1e-12, 1.0, 0.0, 0.0]  # √1e-12 + 1e-6 = 2e-6
    weights.write_bytes(
        Header().encode() + np.array([*layer, *([0] * 8), *([1] * 8)], dtype="<f4").tobytes()
    )
    network = network_of(read_darknet(cfg, weights, names(tmp_path)).weights).eval()
    image = torch.full((1, 3, 1, 1), 255, dtype=torch.uint8)
    assert float(network(image).detach()[0, 0, 0, 0]) == pytest.approx(5e5, rel=1e-4)
    fast = network.to_inference(torch.float32, torch.device("cpu"))
    assert float(fast(image)[0, 0, 0, 0]) == pytest.approx(5e5, rel=1e-4)


@pytest.mark.parametrize(
    ("content", "version", "seen", "size"),
    [
        (struct.pack("<4i", 0, 1, 0, 77), (0, 1, 0), 77, 16),  # 32 bits until version 0.2
        (struct.pack("<3iq", 0, 2, 0, 2**40), (0, 2, 0), 2**40, 20),
        (struct.pack("<3iq", 1, 0, 0, 5), (1, 0, 0), 5, 20),
        (struct.pack("<4i", 1001, 0, 0, 5), (1001, 0, 0), 5, 16),
    ],
)
def test_headers(content: bytes, version: tuple[int, ...], seen: int, size: int) -> None:
    header = Header.decode(content + bytes(20 - len(content)), Path("a.weights"))
    assert (header.version, header.seen, header.size) == (version, seen, size)
    assert header.encode() == content
    assert header.transposed == (version[0] > 1000)


def test_connected_weights_may_be_transposed(tmp_path: Path) -> None:
    layers = (CONV, POOL, "[connected]\noutput=6\nbatch_normalize=1\nactivation=leaky\n")
    plain, other = (tmp_path / name for name in ("plain", "other"))
    plain.mkdir()
    other.mkdir()
    cfg, weights = write_network(plain, detector(*layers, side=8))
    numbers = numbers_of(cfg)
    conv, hidden, last = 4 * (3 * 9 + 4), 6 * 64, 52 * 6
    first = conv + 6
    second = first + hidden + 3 * 6 + 52
    turned = numbers.copy()
    turned[first : first + hidden] = numbers[first : first + hidden].reshape(6, 64).T.ravel()
    turned[second:] = numbers[second:].reshape(52, 6).T.ravel()
    assert len(numbers) == second + last
    (other / "net.weights").write_bytes(Header((1001, 0, 0)).encode() + turned.tobytes())
    found = [
        read_darknet(cfg, path, names(tmp_path)).weights.tensors
        for path in (weights, other / "net.weights")
    ]
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])


def test_the_file_is_one_that_every_command_reads(tmp_path: Path) -> None:
    cfg, weights = write_network(tmp_path, detector(CONV, POOL))
    read = read_darknet(cfg, weights, names(tmp_path)).weights
    path = tmp_path / "net.safetensors"
    write_tensors(path, read.config, read.tensors, read.info)
    again = load_weights(path)
    assert again.config == read.config
    assert again.config.classes == ("cat", "dog", "horse")
    assert (again.config.mean, again.config.std) == ((0, 0, 0), (1, 1, 1))
    assert again.info["darknet"]["seen"] == 2**33 + 5
    assert all(torch.equal(again.tensors[name], read.tensors[name]) for name in read.tensors)


def test_a_crop_says_how_pixels_are_scaled(tmp_path: Path) -> None:
    crop = "[crop]\ncrop_height=32\ncrop_width=32\nflip=0\nangle=0\nsaturation=1.5\nexposure=1.5\n"
    for text, mean in ((crop, 0.5), (crop + "noadjust=1\n", 0.0)):  # 2x - 1, or x
        cfg, weights = write_network(tmp_path, detector(text, CONV))
        config = read_darknet(cfg, weights, names(tmp_path)).weights.config
        assert config.mean == (mean,) * 3
        assert config.std == (1 - mean,) * 3


def test_twenty_classes_are_vocs(tmp_path: Path) -> None:
    cfg, weights = write_network(tmp_path, detector(CONV, classes=20))
    read = read_darknet(cfg, weights, None)
    assert read.weights.config.classes == VOC
    assert "VOC" in read.target.notes[0]


AVERAGED = classifier(CONV, POOL, CONV, classes=10)


def test_a_classifiers_classes_have_numbers_or_names(tmp_path: Path) -> None:
    cfg, weights = write_network(tmp_path, AVERAGED)
    read = read_darknet(cfg, weights, None)
    assert read.weights.config.classes == tuple("0123456789")
    assert "called 0 to 9" in read.target.notes[0]
    ten = "\n".join("abcdefghij")
    read = read_darknet(cfg, weights, names(tmp_path, ten))
    assert read.weights.config.classes == tuple("abcdefghij")
    assert not read.target.notes
    read = read_darknet(cfg, weights, names(tmp_path, f"b\n{ten}\nk\n"))
    assert read.weights.config.classes == ("b", "a", "b (2)", *"cdefghi")
    assert read.target.notes == ("--names: the first 10 of 12 names",)
    with pytest.raises(UserError, match=r"3 names, but \[softmax\] in line 36 of .* 10 classes"):
        read_darknet(cfg, weights, names(tmp_path))


def test_a_mean_of_classes_is_the_classes_of_a_mean(tmp_path: Path) -> None:
    """By hand: two places with 1 and 3, weights 2 and -1, biases 0 and 10."""
    conv = "[convolutional]\nfilters={}\nsize=1\nstride=1\npad=1\nactivation=linear\n"
    net = NET.format(side=2) + conv.format(1) + conv.format(2) + "[avgpool]\n[softmax]\n"
    cfg, weights = write_network(tmp_path, net)
    numbers = [0.0, 255.0, 0, 0, 0, 10, 2, -1]  # red as it is, then two classes
    weights.write_bytes(Header().encode() + np.array(numbers, dtype="<f4").tobytes())
    network = network_of(read_darknet(cfg, weights, None).weights).eval()
    image = torch.zeros(1, 3, 2, 2, dtype=torch.uint8)
    image[0, 0] = torch.tensor([[1, 3], [1, 3]])
    assert network(image).tolist() == [pytest.approx([4, 8])]


def test_a_softmax_over_a_tree_leaves_the_backbone(tmp_path: Path) -> None:
    text = AVERAGED.replace("groups=1", "groups=1\ntree=data/9k.tree")
    cfg, weights = write_network(tmp_path, text)
    read = read_darknet(cfg, weights, None)
    assert read.target.notes == ("[softmax] tree=data/9k.tree is not known here: a backbone alone",)
    assert not read.target.whole
    assert len(read.weights.config.architecture.channels) == 2
    assert [section.name for section in read.left_out] == ["convolutional"]
    assert read.weights.tensors[REST].numel() == 10 * (4 + 1)
    path = tmp_path / "net.safetensors"
    write_tensors(path, read.weights.config, read.weights.tensors, read.weights.info)
    assert load_weights(path, part=True).backbone_alone
    with pytest.raises(UserError, match="a backbone alone"):
        load_weights(path)
    assert read_weights(path).info["darknet"]["cfg"] == text


def test_a_connected_classifier_keeps_all_convolutions(tmp_path: Path) -> None:
    tail = "[avgpool]\n[connected]\noutput=10\nactivation=linear\n[softmax]\n"
    cfg, weights = write_network(tmp_path, NET.format(side=32) + CONV + POOL + CONV + tail)
    assert len(read_darknet(cfg, weights, None).weights.config.architecture.channels) == 2


def test_vgg16_is_vgg16(tmp_path: Path) -> None:
    layers = []
    for channels in (64, 64, 0, 128, 128, 0, *(256,) * 3, 0, *(512,) * 3, 0, *(512,) * 3, 0):
        conv = CONV.replace("batch_normalize=1\n", "").replace("leaky", "relu")
        layers.append(conv.replace("filters=4", f"filters={channels}") if channels else POOL)
    cfg = tmp_path / "net.cfg"
    cfg.write_text(NET.format(side=224) + "".join(layers), "utf-8")
    weights = tmp_path / "net.weights"
    weights.write_bytes(Header().encode() + bytes(4 * 14714688))  # torchvision's 13 convolutions
    assert read_darknet(cfg, weights, None).weights.config.arch == "vgg16"


def test_the_first_layers_alone_are_a_backbone(tmp_path: Path) -> None:
    tail = "[avgpool]\n[connected]\noutput=10\nactivation=linear\n[softmax]\n"
    cfg, weights = write_network(
        tmp_path, NET.format(side=32) + CONV + POOL + CONV + tail, layers=2
    )
    assert [s.name for s in read_darknet(cfg, weights, None).missing] == ["connected"]


# What is refused.


def refusal(folder: Path, cfg: str, change: bytes | None = None, text: str = NAMES) -> UserError:
    paths = folder / "net.cfg", folder / "net.weights"
    paths[0].write_text(cfg, "utf-8")
    paths[1].write_bytes(Header().encode() + bytes(400) if change is None else change)
    with pytest.raises(UserError) as caught:
        read_darknet(*paths, names(folder, text))
    assert caught.value.hint or "net.cfg:" in caught.value.message
    return caught.value


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content[:-4], "ends after 53,423 of 53,424 numbers, within"),
        (lambda content: content[:-3], "no whole number of float32"),
        (lambda content: content + bytes(8), "2 numbers more than the 53,424 of"),
        (lambda content: content[:400], r"within layer 1 of 2 with weights, \[convolutional\] in"),
        (lambda content: content[:18], "ends within its header"),
        (lambda content: content[:7], "7 bytes are no weights file"),
        (lambda content: b"PK\x03\x04" + content, "no version in it"),
        (
            lambda content: content[:-4] + b"\xff\xff\xff\x7f",
            r"no finite numbers, in \[connected\]",
        ),
    ],
)
def test_damaged_weights(tmp_path: Path, change: Callable[[bytes], bytes], message: str) -> None:
    cfg, weights = write_network(tmp_path, detector(CONV, POOL))
    error = refusal(tmp_path, cfg.read_text(), change(weights.read_bytes()))
    assert re.search(message, error.message), error.message
    assert error.message.startswith(str(weights))


@pytest.mark.parametrize(
    ("cfg", "line", "message"),
    [
        (detector(CONV, "[shortcut]\nfrom=-2"), 16, r"\[shortcut\] a section that is not known"),
        (detector(CONV + "dilation=2\n"), 15, r"option that is not known here: dilation=2"),
        (detector(CONV.replace("leaky", "mish")), 14, "activation=mish is not supported"),
        (detector(CONV + "groups=2\n"), 15, "groups=2 is not supported"),
        (detector(CONV.replace("filters=4", "filters=x")), 10, "filters=x: not a whole number"),
        (detector(CONV.replace("filters=4", "filters=0")), 10, "filters=0: from 1 to"),
        (detector(CONV).replace("width=32", "width=16"), 5, "width=16 and height=32"),
        (detector(CONV).replace("channels=3", "channels=1"), 6, "channels=1"),
        (detector(CONV).replace("output=52", "output=50"), 17, "of 52 outputs"),
        (detector(CONV).replace("sqrt=1", "sqrt=0"), 26, "sqrt=0 is not supported"),
        (detector(CONV).replace("coords=4", "coords=5"), 22, "coords=5 is not supported"),
        (detector(CONV) + "objectness=1\n", 27, "objectness=1 is not known"),
        (detector(CONV) + "[softmax]\n", 27, r"after \[detection\]"),
        (detector(CONV, "[maxpool]\nsize=64\npadding=0"), 17, "nothing is left of 32×32"),
        (detector(CONV, "[local]\nsize=5\npad=1"), 18, "gets this layer's size wrong"),
        ("[net]\nwidth=3\nheight\n[local]\n", 3, "neither"),
        ("[conv]\nsize=3\n", 1, r"first section is not \[net\]"),
        ("<html>\n", 1, "neither"),
    ],
)
def test_bad_cfgs_are_named_with_their_line(
    tmp_path: Path, cfg: str, line: int, message: str
) -> None:
    error = refusal(tmp_path, cfg)
    assert re.search(message, error.message), error.message
    assert error.message.startswith(f"{tmp_path / 'net.cfg'}:{line}: ")


def test_names_have_to_fit(tmp_path: Path) -> None:
    assert "2 names" in refusal(tmp_path, detector(CONV), text="cat\ndog\n").message
    cfg, weights = write_network(tmp_path, detector(CONV))
    with pytest.raises(UserError, match="what are the 3 classes called"):
        read_darknet(cfg, weights, None)


def test_missing_files_are_named(tmp_path: Path) -> None:
    cfg, weights = write_network(tmp_path, detector(CONV))
    with pytest.raises(UserError, match=r"gone\.cfg: No such file"):
        read_darknet(tmp_path / "gone.cfg", weights, None)
    with pytest.raises(UserError, match=r"gone\.weights: No such file"):
        read_darknet(cfg, tmp_path / "gone.weights", names(tmp_path))
    with pytest.raises(UserError, match="a folder, not a weights file"):
        read_darknet(cfg, tmp_path, names(tmp_path))
