from __future__ import annotations

import pytest

from yolo_cli.errors import ExitCode, UserError
from yolo_cli.evaluation.similar import VOC_GROUPS, parse_similar, similar_classes

VOC = [
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
]


def alike(name: str) -> set[str]:
    return {
        other
        for other, is_alike in zip(VOC, similar_classes(VOC)[VOC.index(name)], strict=True)
        if is_alike
    }


def test_groups_of_voc() -> None:
    assert alike("person") == {"bird", "cat", "cow", "dog", "horse", "sheep"}
    assert alike("aeroplane") == {"bicycle", "boat", "bus", "car", "motorbike", "train", "bird"}
    assert alike("bird") == {"cat", "cow", "dog", "horse", "person", "sheep", "aeroplane"}
    assert alike("sofa") == {"chair", "diningtable"}
    assert alike("bottle") == alike("pottedplant") == alike("tvmonitor") == set()
    assert {name for group in VOC_GROUPS for name in group} <= set(VOC)


def test_symmetric_and_never_to_itself() -> None:
    matrix = similar_classes(["a", "b", "c"], [("a", "b"), ("b", "c"), ("x", "a")])
    assert matrix.tolist() == [[False, True, False], [True, False, True], [False, True, False]]


def test_groups_of_the_user_take_the_place_of_vocs() -> None:
    assert parse_similar([], VOC) == VOC_GROUPS
    assert parse_similar(["cat,dog", " car , bus ,car"], VOC) == (("cat", "dog"), ("car", "bus"))


def test_names_with_commas() -> None:
    names = ["screw, long", "nail", "screw"]
    assert parse_similar(["nail,screw, long"], names) == (("nail", "screw, long"),)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("cat,dig", "there is no class 'dig'\ndid you mean dog?"),
        ("cat,zzzzzz", "there is no class 'zzzzzz'\nthe classes are aeroplane, bicycle"),
        ("cat,", "there is no class ''"),
        ("", "there is no class ''"),
        ("cat,cat", "names one class\nname at least two"),
    ],
)
def test_refused(value: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        parse_similar([value], VOC)
    assert message in str(caught.value)
    assert caught.value.code == ExitCode.USAGE
