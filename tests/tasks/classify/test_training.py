"""Head, target, crops and loss of a classifier."""

from __future__ import annotations

from dataclasses import replace
from math import log

import numpy as np
import pytest
import torch
from PIL import Image

from tests.tasks.classify.test_score import CLASSES, sample
from yolo_cli.data.augmentation import Augmentation
from yolo_cli.data.target import Target
from yolo_cli.data.transforms import stretch
from yolo_cli.errors import UserError
from yolo_cli.inference.backends.chain import fused
from yolo_cli.model.config import ModelConfig, new_config
from yolo_cli.tasks.classify.augment import AREA, Preparation, crop_window
from yolo_cli.tasks.classify.loss import ClassLoss
from yolo_cli.tasks.classify.parity import compare
from yolo_cli.tasks.classify.predictor import fit_predictor
from yolo_cli.tasks.classify.target import ClassTarget, encode, scene
from yolo_cli.tasks.contract.training import Window
from yolo_cli.tasks.networks import build_network, shapes_of


def config(**options: object) -> ModelConfig:
    given = {"task": "classify", "head": "pool", "image_size": 224, **options}
    return new_config(CLASSES, **given)


# --- network ------------------------------------------------------------------------------------


def test_published_shapes() -> None:
    # VGG-16 has 138,357,544 parameters for 1000 classes (torchvision's table); three classes
    # instead leave out 997 rows of 4096 weights and a bias.
    network = shapes_of(config(arch="vgg16", head="fc"))
    parameters = sum(p.numel() for p in network.parameters())
    assert parameters == 138_357_544 - 997 * 4097
    assert network.head.layers[1].weight.shape == (4096, 512 * 7 * 7)


def test_yolov1_is_pretrained_as_its_first_20_convolutions() -> None:
    network = shapes_of(config(arch="yolov1"))
    convolutions = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d)]
    assert len(convolutions) == 20
    assert convolutions[-1].out_channels == 1024
    assert network.head.predictor.layer.weight.shape == (3, 1024)
    # Names and shapes are those of a detector's first 20.
    detector = shapes_of(new_config(CLASSES, arch="yolov1")).state_dict()
    for name, tensor in network.backbone.state_dict().items():
        assert detector[f"backbone.{name}"].shape == tensor.shape


@pytest.mark.parametrize("arch", ["vgg16", "alexnet", "yolov1", "fast"])
@pytest.mark.parametrize("head", ["pool", "fc"])
def test_a_number_for_each_class(arch: str, head: str) -> None:
    network = shapes_of(config(arch=arch, head=head, width=0.25))
    images = torch.empty(2, 3, 224, 224, dtype=torch.uint8, device="meta")
    assert network(images).shape == (2, 3)


def test_a_pruned_backbone() -> None:
    widths = tuple(range(4, 17))
    network = shapes_of(config(arch="vgg16", widths=widths))
    assert network.head.predictor.layer.weight.shape == (3, 16)
    with pytest.raises(UserError, match="24 widths for the 20 convolutions of yolov1"):
        config(arch="yolov1", widths=(8,) * 24)


def test_what_no_classifier_has() -> None:
    with pytest.raises(UserError, match="--head conv: there is none to classify"):
        shapes_of(config(head="conv"))
    with pytest.raises(UserError, match="--head pool: there is none to detect"):
        shapes_of(new_config(CLASSES, head="pool"))
    with pytest.raises(UserError, match="an image size of 230 is no multiple of 32"):
        config(image_size=230)


def test_rows_go_to_the_classes_of_their_names() -> None:
    old = replace(config(), classes=("cat", "ape"))
    names = "head.predictor.layer.weight", "head.predictor.layer.bias"
    theirs = {names[0]: torch.tensor([[1.0, 2], [3, 4]]), names[1]: torch.tensor([5.0, 6])}
    own = {names[0]: torch.zeros(3, 2), names[1]: torch.zeros(3)}
    fitted = fit_predictor(own, theirs, old, config())
    assert fitted[names[0]].tolist() == [[3, 4], [0, 0], [1, 2]]  # ape, bee, cat
    assert fitted[names[1]].tolist() == [6, 0, 5]
    assert fit_predictor(own, theirs, new_config(("cat", "ape")), config()) == {}


# --- targets ------------------------------------------------------------------------------------


def one(label: int) -> Target:
    return Target(labels=torch.tensor([label]), shares=torch.ones(1))


def test_a_scene_has_the_classes_of_its_windows_by_area() -> None:
    # A quarter of 4 x 4 pixels: 1 x 1, 3 x 1, 1 x 3, 3 x 3 of 16.
    places = [(0, 0, 1, 1), (1, 0, 3, 1), (0, 1, 1, 3), (1, 1, 3, 3)]
    windows = [Window(0, 0, *map(float, place)) for place in places]
    parts = list(zip(map(one, [0, 1, 1, 2]), windows, strict=True))
    shares = encode([scene(parts)], config()).shares
    assert shares.tolist() == [[1 / 16, 6 / 16, 9 / 16]]


def test_targets_of_a_batch() -> None:
    assert encode([one(2), one(0)], config()).shares.tolist() == [[0, 0, 1], [1, 0, 0]]


# --- images -------------------------------------------------------------------------------------


def test_images_as_they_are() -> None:
    image = Image.new("RGB", (40, 20), (250, 0, 0))
    image.paste((0, 0, 250), (20, 0, 40, 20))
    pixels, target = Preparation(32, None)(image, sample(1), np.random.default_rng(0))
    assert torch.equal(pixels, stretch(image, 32))
    assert target["labels"].tolist() == [1]


def test_crops_lie_inside_and_have_the_area_that_was_drawn() -> None:
    rng = np.random.default_rng(3)
    areas = []
    for _ in range(300):
        left, top, right, bottom = crop_window((400, 300), rng)
        assert 0 <= left < right <= 400
        assert 0 <= top < bottom <= 300
        width, height = right - left, bottom - top
        areas.append(width * height / (400 * 300))
        assert 0.74 < width / height < 1.35
    assert min(areas) == pytest.approx(AREA[0], abs=0.02)
    assert max(areas) > 0.7


def test_where_no_crop_fits_the_whole_image_is_taken() -> None:
    # A quarter of 1000 x 10 pixels in an aspect of up to 4:3 is at least 43 high.
    assert crop_window((1000, 10), np.random.default_rng(0)) == (0, 0, 1000, 10)


def test_chance_comes_from_the_generator_alone() -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (30, 40, 3), dtype=np.uint8))
    prepare = Preparation(32, Augmentation())
    first, again, other = (
        prepare(image, sample(0), np.random.default_rng(seed))[0] for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


# --- loss ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shares", "smoothing", "weights", "expected"),
    [
        # Logits 0 and ln 3 are probabilities of 1/4 and 3/4.
        ([[0.0, 1]], 0.0, [1.0, 1], -log(3 / 4)),
        ([[1.0, 0]], 0.0, [1.0, 1], -log(1 / 4)),
        # A fifth is shared alike: 0.9 of the right class, 0.1 of the other.
        ([[0.0, 1]], 0.2, [1.0, 1], -0.9 * log(3 / 4) - 0.1 * log(1 / 4)),
        ([[0.5, 0.5]], 0.0, [1.0, 1], -(log(3 / 4) + log(1 / 4)) / 2),
        ([[0.0, 1]], 0.0, [1.0, 4], -4 * log(3 / 4)),
        ([[0.0, 1], [1, 0]], 0.0, [2.0, 1], (-log(3 / 4) - 2 * log(1 / 4)) / 2),
    ],
)
def test_losses_worked_by_hand(
    shares: list[list[float]], smoothing: float, weights: list[float], expected: float
) -> None:
    criterion = ClassLoss(torch.tensor(weights), smoothing)
    raw = torch.tensor([[0.0, log(3)]]).repeat(len(shares), 1)
    terms = criterion(raw, ClassTarget(torch.tensor(shares)))
    assert terms["loss"].item() == pytest.approx(expected)
    assert terms["class"] is terms["loss"]


# --- exports ------------------------------------------------------------------------------------


def test_an_export_that_says_the_same_and_one_that_does_not() -> None:
    ours = torch.tensor([[0.0, log(3)], [0.0, 0]])
    assert compare(ours, ours + 5, 0.001).passed  # a shift of all logits changes no probability
    other = compare(ours, torch.tensor([[log(3), 0.0], [0.0, 0]]), 0.001)
    assert not other.passed
    assert other.score == pytest.approx(0.5)
    assert (other.labels, other.agreeing) == (1, 1)
    assert compare(ours, ours * torch.nan, 0.5).agreeing == 0


def test_the_normalisation_becomes_a_part_of_the_connected_layer() -> None:
    torch.manual_seed(0)
    head = build_network(config(arch="fast", width=0.0625)).head.eval()
    norm = head.layers[0]
    assert isinstance(norm, torch.nn.BatchNorm2d)
    with torch.no_grad():
        for tensor in (norm.weight, norm.bias, norm.running_mean, norm.running_var):
            assert tensor is not None
            tensor.uniform_(0.5, 2)
    x = torch.rand(3, norm.num_features, 5, 5)
    chain = list(fused([*head.layers, head.predictor.layer]))
    assert [type(one).__name__ for one in chain] == ["AdaptiveAvgPool2d", "Flatten", "Linear"]
    torch.testing.assert_close(torch.nn.Sequential(*chain)(x), head(x))
