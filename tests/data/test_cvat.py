"""CVAT for images 1.1: boxes worked by hand, layouts, splits, damage."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.data.builders import boxes, image, load, write
from tests.data.check.builders import told
from yolo_cli.data.dataset import open_dataset
from yolo_cli.errors import UserError

BOX = '<box label="cat" source="manual" occluded="0" xtl="10" ytl="20.5" xbr="50" ybr="60"/>'


def entry(name: str, *shapes: str, more: str = "") -> str:
    """An image of 100 x 80: its tag, then a line for each shape."""
    tag = f'<image id="0" name="{name}" {more} width="100" height="80">'
    return "\n".join((tag, *shapes, "</image>"))


def cvat(*entries: str, labels: str = "", of: str = "task") -> str:
    """A file whose first image is in line 4."""
    return (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        f"<annotations><version>1.1</version>\n<meta><{of}><labels>{labels}</labels></{of}></meta>\n"
        + "\n".join(entries)
        + "\n</annotations>\n"
    )


def only(root: Path, *shapes: str) -> list[list[float]]:
    """Boxes of a dataset of one image with these shapes."""
    image(root / "a.jpg")
    write(root / "annotations.xml", cvat(entry("a.jpg", *shapes)))
    data = load(root)
    assert data.format == "cvat"
    (found,) = boxes(data).values()
    return found


SHAPES = {
    "box": (BOX, [10, 20.5, 50, 60]),
    # 40 x 20 about (50, 40), turned by 90 degrees: 20 x 40.
    "turned": (
        '<box label="cat" xtl="30" ytl="30" xbr="70" ybr="50" rotation="90.0"/>',
        [40, 20, 60, 60],
    ),
    # cos = .8, sin = .6: half the width is 20 * .8 + 10 * .6 = 22, half the height 20.
    "rotated": (
        '<box label="cat" xtl="30" ytl="30" xbr="70" ybr="50" rotation="36.86989764584402"/>',
        [28, 20, 72, 60],
    ),
    "rotated over the edge": (
        '<box label="cat" xtl="80" ytl="30" xbr="100" ybr="70" rotation="90"/>',
        [70, 40, 100, 60],
    ),
    "polygon": ('<polygon label="cat" points="30.5,10;60,40;20,50"/>', [20, 10, 60, 50]),
    "ellipse": ('<ellipse label="cat" cx="50" cy="40" rx="20" ry="10"/>', [30, 30, 70, 50]),
    # hypot(20 * .6, 15 * .8) is hypot(12, 12); hypot(20 * .8, 15 * .6) is hypot(16, 9).
    "turned ellipse": (
        '<ellipse label="cat" cx="50" cy="40" rx="20" ry="10" rotation="90"/>',
        [40, 20, 60, 60],
    ),
    "mask": (
        '<mask label="cat" rle="5, 3" left="7" top="8" width="10" height="20"/>',
        [7, 8, 17, 28],
    ),
}


@pytest.mark.parametrize(("shape", "box"), SHAPES.values(), ids=SHAPES)
def test_shapes(tmp_path: Path, shape: str, box: list[float]) -> None:
    (found,) = only(tmp_path, shape)
    assert found == pytest.approx(box, abs=1e-9)


def test_rotated_boxes_and_shapes_without_a_box_are_said_once(tmp_path: Path) -> None:
    rotated = SHAPES["turned"][0]
    points, line = (
        '<points label="cat" points="1,2"/>',
        '<polyline label="cat" points="1,2;3,4"/>',
    )
    inner = '<skeleton label="man"><points label="eye" points="1,2"/></skeleton>'
    shapes = (rotated, points, line, points, inner, '<tag label="day"/>', SHAPES["rotated"][0])
    assert len(only(tmp_path, *shapes)) == 2
    assert [one for one in told(tmp_path) if one[2]] == [
        ("box-rotated", "annotations.xml", 5),
        ("shape-skipped", "annotations.xml", 6),
        ("shape-skipped", "annotations.xml", 7),
        ("shape-skipped", "annotations.xml", 9),
    ]


@pytest.mark.parametrize("of", ["task", "project", "job"])
def test_declared_classes(tmp_path: Path, of: str) -> None:
    image(tmp_path / "a.jpg")
    labels = "".join(
        f"<label><name>{name}</name><color>#f00</color>{more}"
        "<attributes><attribute><name>colour</name></attribute></attributes></label>"
        for name, more in [
            ("dog", ""),
            ("cat", "<type>rectangle</type>"),
            ("day", "<type>tag</type>"),
            ("eye", "<type>any</type><parent>man</parent>"),
        ]
    )
    write(tmp_path / "annotations.xml", cvat(entry("a.jpg", BOX), labels=labels, of=of))
    data = load(tmp_path)
    assert data.classes == ("dog", "cat")
    assert data.samples[0].labels.tolist() == [1]


LAYOUTS = {
    "beside": ("{}.jpg", "annotations.xml"),
    "images": ("images/{}.jpg", "annotations.xml"),
    "annotations": ("images/{}.jpg", "annotations/any.xml"),
    "elsewhere": ("pictures/of/{}.jpg", "labels/annotations.xml"),
    "default": ("images/default/{}.jpg", "annotations.xml"),
}


@pytest.mark.parametrize(("picture", "label"), LAYOUTS.values(), ids=LAYOUTS)
def test_layouts(tmp_path: Path, picture: str, label: str) -> None:
    for name in "ab":
        image(tmp_path / picture.format(name))
    text = cvat(entry("there/a.jpg", BOX, more='subset="default"'), entry("b.jpg"))
    write(tmp_path / label, text)
    folder = open_dataset(tmp_path)
    assert (folder.format, folder.splits) == ("cvat", ())
    assert [len(sample) for sample in folder.load(None).samples] == [1, 0]


def test_subsets_are_splits(tmp_path: Path) -> None:
    entries = []
    for name, subset in (("a", "Train"), ("b", "Validation"), ("c", "default"), ("d", "Train")):
        image(tmp_path / f"images/{subset}/{name}.jpg")
        entries.append(entry(f"{name}.jpg", BOX, more=f'subset="{subset}"'))
    write(tmp_path / "annotations.xml", cvat(*entries))
    folder = open_dataset(tmp_path)
    assert sorted(folder.splits) == ["train", "val"]
    assert [one.image.name for one in folder.load("train").samples] == ["a.jpg", "d.jpg"]
    assert [one.image.name for one in folder.load("val").samples] == ["b.jpg"]
    assert len(folder.load(None)) == 4


def test_folders_are_splits(tmp_path: Path) -> None:
    for split, x in (("train", 1), ("test", 2)):
        image(tmp_path / split / "images/a.jpg")
        box = BOX.replace('"10"', f'"{x}"')
        write(tmp_path / split / "annotations.xml", cvat(entry("a.jpg", box)))
    folder = open_dataset(tmp_path)
    assert sorted(folder.splits) == ["test", "train"]
    assert folder.load("train").samples[0].boxes[0, 0] == 1
    assert folder.load("test").samples[0].boxes[0, 0] == 2


def test_the_file_itself_is_a_dataset(tmp_path: Path) -> None:
    only(tmp_path, BOX)
    assert boxes(load(tmp_path / "annotations.xml"))


def test_an_image_that_is_missing_and_one_that_is_not_listed(tmp_path: Path) -> None:
    image(tmp_path / "a.jpg")
    image(tmp_path / "z.jpg")
    write(tmp_path / "annotations.xml", cvat(entry("gone.jpg", BOX), entry("a.jpg", BOX)))
    assert [*boxes(load(tmp_path))] == ["a"]
    found = told(tmp_path)
    assert ("no-image", "annotations.xml", 4) in found
    assert ("image-unlisted", "z.jpg", 0) in found


def test_video_is_refused_for_what_it_is(tmp_path: Path) -> None:
    image(tmp_path / "a.jpg")
    track = '<track id="0" label="cat"><box frame="0" xtl="1" ytl="1" xbr="5" ybr="5"/></track>'
    write(tmp_path / "annotations.xml", cvat(track))
    with pytest.raises(UserError, match="CVAT for video") as caught:
        load(tmp_path)
    assert "CVAT for images 1.1" in caught.value.hint
    assert caught.value.line == 4


def test_voc_is_not_cvat(tmp_path: Path) -> None:
    image(tmp_path / "a.jpg")
    write(tmp_path / "a.xml", "<annotation><object><name>cat</name></object></annotation>")
    assert open_dataset(tmp_path).format == "voc"


FAULTS = {
    "no label": (BOX.replace("label", "lable"), "<box> without a label"),
    "no corner": (BOX.replace("xbr", "xbl"), "<box> of 'cat' has no xbr"),
    "text": (BOX.replace('"50"', '"5o"'), "<box> of 'cat' has '5o' for xbr, not a number"),
    "swapped": (BOX.replace('"50"', '"5"'), "box [10, 20.5, 5, 60] of 'cat' has swapped corners"),
    "swapped and rotated": (
        BOX.replace('"50"', '"5" rotation="30"'),
        "box [10, 20.5, 5, 60] of 'cat' has swapped corners",
    ),
    "outside": (BOX.replace('"50"', '"150"'), "50 px over the right edge"),
    "infinite": (BOX.replace('"50"', '"inf"'), "is not finite"),
    "rotation": (BOX.replace('"50"', '"50" rotation="nan"'), "is not finite"),
    "points": ('<polygon label="cat" points="1,2;3"/>', "has '3' for a point, not x,y"),
    "no points": ('<polygon label="cat"/>', "<polygon> of 'cat' has 0 points"),
}


@pytest.mark.parametrize(("shape", "message"), FAULTS.values(), ids=FAULTS)
def test_faults(tmp_path: Path, shape: str, message: str) -> None:
    image(tmp_path / "a.jpg")
    write(tmp_path / "annotations.xml", cvat(entry("a.jpg", BOX, shape)))
    with pytest.raises(UserError) as caught:
        load(tmp_path)
    assert message in caught.value.message
    assert (caught.value.path, caught.value.line) == (tmp_path / "annotations.xml", 6)
    assert boxes(load(tmp_path, skip_bad=True)) == {"a": [[10, 20.5, 50, 60]]}


@pytest.mark.parametrize(
    ("old", "new", "message", "line"),
    [
        ("</image>\n</annotations>", "", "broken XML", 7),
        ('name="a.jpg"', 'name=""', "image without a name", 4),
        ('name="a.jpg"', 'name="b.jpg"', "no images", 0),
        ("<annotations>", '<!DOCTYPE a [<!ENTITY x "y">]><annotations>', "entities", 2),
        ("<box", "<a>" * 200 + "<box", "nested too deeply", 5),
    ],
)
def test_broken_files(tmp_path: Path, old: str, new: str, message: str, line: int) -> None:
    image(tmp_path / "a.jpg")
    write(tmp_path / "annotations.xml", cvat(entry("a.jpg", BOX)).replace(old, new))
    with pytest.raises(UserError) as caught:
        load(tmp_path)
    assert message in caught.value.message
    assert caught.value.line == line


def test_an_image_that_is_listed_twice(tmp_path: Path) -> None:
    image(tmp_path / "a.jpg")
    write(tmp_path / "annotations.xml", cvat(entry("a.jpg", BOX), entry("a.jpg", BOX)))
    with pytest.raises(UserError, match="a second label of") as caught:
        load(tmp_path)
    assert caught.value.line == 7
