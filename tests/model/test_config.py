from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.model.builders import tiny
from yolo_cli.errors import UserError
from yolo_cli.model.architectures import ARCHITECTURES
from yolo_cli.model.config import ModelConfig, new_config
from yolo_cli.tasks.detect.grid import Grid

VOC = tuple(f"class{i}" for i in range(20))


def test_the_defaults() -> None:
    config = ModelConfig(VOC)
    assert (config.arch, config.head, config.grid, config.boxes) == ("vgg16", "conv", 7, 2)
    assert (config.image_size, config.dropout, config.width) == (448, 0.5, 1.0)
    assert Grid.of(config).channels == 30  # 5 x 2 + 20: the paper's 7 x 7 x 30
    assert config.stride == 64


def test_a_grid_of_14_has_cells_of_32_pixels() -> None:
    assert ModelConfig(VOC, grid=14).stride == 32
    assert Grid.of(ModelConfig(VOC, boxes=3)).channels == 35


@pytest.mark.parametrize("grid", range(2, 8))
def test_every_grid_from_two_to_seven_has_an_image_size(grid: int) -> None:
    assert ModelConfig(VOC, grid=grid, image_size=64 * grid).stride == 64


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"classes": ()}, "at least one class"),
        ({"classes": ("a", "c\ud800")}, "'c.ud800' is not valid Unicode"),
        ({"classes": ("a", "b", "a")}, "two classes are called 'a'"),
        ({"arch": "resnet"}, "resnet"),
        ({"head": "local"}, "local"),
        ({"output": "tanh"}, "tanh"),
        ({"grid": 0}, "grid 0"),
        ({"grid": 8}, "448"),
        ({"image_size": 0}, "image size of 0"),
        ({"image_size": 450}, "450"),
        ({"boxes": 0}, "boxes 0"),
        ({"boxes": 10**6}, "boxes 1000000"),
        ({"dropout": 1.0}, r"dropout 1\.0"),
        ({"dropout": -0.1}, "dropout"),
        ({"dropout": float("nan")}, "dropout nan"),
        ({"width": 0.0}, "width"),
        ({"width": 1e9}, "width"),
        ({"width": float("nan")}, "width nan"),
        ({"grid": 10**6, "image_size": 64 * 10**6}, "too large"),
        ({"mean": (0.5,)}, "mean"),
        ({"mean": (0.5, 0.5, float("nan"))}, "mean"),
        ({"std": (0.5, 0.5)}, "std"),
        ({"std": (0.5, 0.0, 0.5)}, "std"),
        ({"std": (0.5, -0.5, 0.5)}, "std"),
        ({"std": (0.5, float("inf"), 0.5)}, "std"),
    ],
)
def test_what_is_no_network(options: dict[str, Any], word: str) -> None:
    with pytest.raises(UserError, match=word):
        ModelConfig(**{"classes": VOC, **options})


def test_an_image_size_that_does_not_fit_names_those_that_do() -> None:
    with pytest.raises(UserError) as caught:
        ModelConfig(VOC, grid=5)
    assert "160 or 320" in caught.value.hint  # 5 x 32 and 5 x 64
    assert "\n" not in caught.value.message + caught.value.hint


def test_json_round_trip() -> None:
    config = tiny("yolov1", classes=("Hund", "猫"), head="fc", norm=False, output="linear")
    assert ModelConfig.from_json(json.loads(json.dumps(config.to_json()))) == config


def test_missing_fields_have_their_defaults() -> None:
    assert ModelConfig.from_json({"classes": ["a"]}) == ModelConfig(("a",))


GOOD = json.loads(json.dumps(tiny().to_json()))


BAD: dict[str, list[Any]] = {
    "classes": [None, "abc", {}, [], [1], [None], [["a"]], 3, ["c\ud800"]],
    "widths": ["7", 7, [7], [1.5] * 8, [0] * 8, [10**30] * 8, [[7]] * 8],
    "head_widths": ["7", 7, [0] * 3, [True] * 3],
    "arch": [None, 3, ["fast"], {}, "resnet"],
    "head": [None, 3, "local"],
    "grid": [None, "7", 2.0, [2], True, 0, -2, 10**30],
    "image_size": [None, "128", 128.0, 0, -128, 10**30],
    "boxes": [None, "2", 2.0, 0, 10**9, 10**30],
    "dropout": [None, "0.5", 1, float("nan"), []],
    "width": [None, "1", 0, float("inf"), 10**400],
    "norm": [None, 1, "yes"],
    "output": [None, 1, "tanh"],
    "mean": [None, 0.5, [0.5], ["a"] * 3, [None] * 3, [10**400] * 3],
    "std": [None, 0.5, [0.5], ["a"] * 3, [0, 0, 0]],
    "segmentation": [True],
}


@pytest.mark.parametrize(
    "values",
    [
        *(None, [], "vgg16", 3, {}, {"arch": "vgg16"}),
        *({**GOOD, name: value} for name, values in BAD.items() for value in values),
    ],
)
def test_damaged_json_is_a_users_error(values: Any) -> None:
    with pytest.raises(UserError) as caught:
        ModelConfig.from_json(values)
    assert "\n" not in caught.value.message + caught.value.hint


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"grid": "7"}, "the architecture is not readable: grid is '7'"),
        ({"widths": [7, None]}, "the architecture is not readable: widths is [7, None]"),
        ({"arch": "resnet"}, "unknown arch 'resnet'"),
        ({"colour": 1}, "the architecture has an unknown field: colour"),
    ],
)
def test_damage_is_named(change: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError) as caught:
        ModelConfig.from_json({**GOOD, **change})
    assert caught.value.message == message


def test_no_classes_at_all() -> None:
    with pytest.raises(UserError, match="no classes in it"):
        ModelConfig.from_json({"arch": "fast"})


def test_options_that_are_none_keep_their_default() -> None:
    assert new_config(VOC, arch=None, grid=14, boxes=None) == ModelConfig(VOC, grid=14)


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_a_network_from_scratch_sees_darknets_range(arch: str) -> None:
    # (v - .5) / .5 = 2 v - 1
    config = new_config(VOC, arch=arch)
    assert config.mean == config.std == (0.5, 0.5, 0.5)


def test_other_classes_other_network() -> None:
    assert Grid.of(replace(tiny(), classes=("a", "b", "c"))).channels == 13
