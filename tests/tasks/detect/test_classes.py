from __future__ import annotations

import pytest
import torch

from yolo_cli.errors import ExitCode, UserError
from yolo_cli.tasks.classes import class_indices
from yolo_cli.tasks.detect.classes import ClassMap
from yolo_cli.tasks.detect.postprocess import Detection

CLASSES = ("person", "potted plant", "tv/monitor")


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ("person", (0,)),
        (" Potted-Plant ,person", (1, 0)),
        ("pottedplant,", (1,)),
        ("TV/Monitor", (2,)),
    ],
)
def test_names_become_indices(names: str, expected: tuple[int, ...]) -> None:
    assert class_indices(names, CLASSES) == expected


@pytest.mark.parametrize(
    ("names", "message"),
    [("dog,person,cow", "no such class: dog, cow"), (" ,", "--classes names no class")],
)
def test_names_that_are_no_class(names: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        class_indices(names, CLASSES)
    assert caught.value.message == message
    assert caught.value.hint == "the weights know: person, potted plant, tv/monitor"
    assert caught.value.code == ExitCode.USAGE


def test_names_in_a_list_are_taken_whole() -> None:
    assert class_indices(["red, cell", " white"], ("white", "red, cell")) == (1, 0)
    assert class_indices("white", ("white", "red, cell")) == (0,)
    with pytest.raises(UserError, match="--classes names no class"):
        class_indices([], CLASSES)


def test_a_comma_may_be_part_of_a_name() -> None:
    assert class_indices("red, cell", ("white", "red, cell")) == (1,)
    with pytest.raises(UserError, match='white, "red, cell"'):
        class_indices("red", ("white", "red, cell"))


def test_the_very_same_name_goes_before_its_like() -> None:
    assert class_indices("A,a", ("a", "A")) == (1, 0)
    matching = ClassMap.between(("A", "b"), ("a", "A", "c"))
    assert matching.classes == ("A",)
    assert matching.only_weights == ("b",)
    assert matching.only_dataset == ("a", "c")


def test_detections_get_the_datasets_labels() -> None:
    matching = ClassMap.between(("cat", "dog", "cow"), ("Cow", "cat"))
    found = Detection(
        boxes=torch.arange(16.0).reshape(4, 4),
        scores=torch.tensor([0.9, 0.8, 0.7, 0.6]),
        labels=torch.tensor([2, 1, 0, 2]),
    )
    result = matching.output(found)
    assert result["labels"].tolist() == [0, 1, 0]  # cow, cat, cow; the dog is left out
    assert result["scores"].tolist() == pytest.approx([0.9, 0.7, 0.6])
    assert result["boxes"][:, 0].tolist() == [0.0, 8.0, 12.0]
