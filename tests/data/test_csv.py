"""Tables of boxes as they are published: columns, numbers, splits, and what is wrong with them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.data.builders import boxes, image, load, write
from tests.data.check.builders import report
from yolo_cli.data.dataset import open_dataset
from yolo_cli.errors import ExitCode, UserError

TENSORFLOW = "filename,width,height,class,xmin,ymin,xmax,ymax\n"
CAT = [10.0, 20.0, 50.0, 60.0]
DOG = [30.0, 10.0, 90.0, 70.5]


def dataset(root: Path, text: str, name: str = "labels.csv", images: Iterable[str] = "ab") -> Path:
    """A table beside 100 x 80 images."""
    for one in images:
        image(root / f"images/{one}.jpg")
    write(root / name, text)
    return root


def named(root: Path, split: str | None = None) -> dict[str, list[tuple[str, list[float]]]]:
    data = load(root, split)
    return {
        one.id: [
            (data.classes[label], box)
            for label, box in zip(one.labels.tolist(), one.boxes.tolist(), strict=True)
        ]
        for one in data.samples
    }


def codes(root: Path) -> list[tuple[str, str, int]]:
    """Findings about labels: the pictures are all alike."""
    others = {"duplicate", "leak", "class-imbalance", "class-missing"}
    return [
        (one.code, one.spot.path.name, one.spot.line)
        for one in report(root).findings
        if one.code not in others
    ]


LAYOUTS = {
    "tensorflow": TENSORFLOW + "a.jpg,100,80,cat,10,20,50,60\nb.jpg,100,80,dog,30,10,90,70.5\n",
    "byte order mark": "\ufeff" + TENSORFLOW + "a.jpg,100,80,cat,10,20,50,60\n"
    "b.jpg,100,80,dog,30,10,90,70.5\n",
    "windows": TENSORFLOW.replace("\n", "\r\n") + "a.jpg,100,80,cat,10,20,50,60\r\n"
    "\r\nb.jpg,100,80,dog,30,10,90,70.5\r\n",
    "semicolons": "Filename;Width;Height;Roi.X1;Roi.Y1;Roi.X2;Roi.Y2;ClassId\n"
    "a.jpg;100;80;10;20;50;60;cat\nb.jpg;100;80;30;10;90;70,5;dog\n",
    "tabs": "image\tlabel\tx\ty\tw\th\na.jpg\tcat\t10\t20\t40\t40\nb.jpg\tdog\t30\t10\t60\t60.5\n",
    "quoted": '"image","category","left","top","right","bottom"\n'
    '"C:\\data\\a.jpg","cat","10","20","50","60"\n"/home/x/b.jpg","dog","30","10","90","70.5"\n',
    "index": ",image_path,x_min,y_min,x_max,y_max,class_id,class_name\n"
    "0,images/a.jpg,10,20,50,60,7,cat\n1,images/b.jpg,30,10,90,70.5,3,dog\n",
    "blood cells": "image_names,cell_type,xmin,xmax,ymin,ymax\na.jpg,cat,10,50,20,60\n"
    "b.jpg,dog,30,90,10,70.5\n",
    "retinanet": "images/a.jpg,10,20,50,60,cat\nimages/b.jpg,30,10,90,70.5,dog\n",
    "class second": "a.jpg,cat,10,20,50,60\nb.jpg,dog,30,10,90,70.5\n",
    "tensorflow without header": "a.jpg,100,80,cat,10,20,50,60\nb.jpg,100,80,dog,30,10,90,70.5\n",
    "open images": "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsGroupOf\n"
    "a,xclick,cat,1,0.1,0.5,0.25,0.75,0,0\nb,xclick,dog,1,0.3,0.9,0.125,0.88125,0,0\n",
    "fractions": "img,name,x_center,y_center,width,height\n"
    "a.jpg,cat,0.3,0.5,0.4,0.5\nb.jpg,dog,0.6,0.503125,0.6,0.75625\n",
    "one column": 'image_id,width,height,bbox,label\na,100,80,"[10, 20, 40, 40]",cat\n'
    'b,100,80,"[30.0, 10.0, 60.0, 60.5]",dog\n',
    "automl": "TRAIN,gs://bucket/a.jpg,cat,0.1,0.25,,,0.5,0.75,,\n"
    "TRAIN,gs://bucket/b.jpg,dog,0.3,0.125,,,0.9,0.88125,,\n",
}


@pytest.mark.parametrize("text", LAYOUTS.values(), ids=LAYOUTS)
def test_layouts(tmp_path: Path, text: str) -> None:
    found: dict[str, object] = {**named(dataset(tmp_path, text))}
    assert found == {
        "a": [("cat", pytest.approx(CAT, abs=1e-9))],
        "b": [("dog", pytest.approx(DOG, abs=1e-9))],
    }
    assert codes(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("labels.csv", "."),
        ("data/labels.csv", "images"),
        ("annotations/boxes.csv", "images"),
        ("images/labels.csv", "images"),
        ("csv/labels.csv", "JPEGImages"),
    ],
)
def test_places(tmp_path: Path, name: str, folder: str) -> None:
    image(tmp_path / folder / "a.jpg")
    write(tmp_path / name, TENSORFLOW + "a.jpg,100,80,cat,10,20,50,60\n")
    assert list(boxes(load(tmp_path)).values()) == [[CAT]]


def test_a_table_for_each_split_beside_one_of_all(tmp_path: Path) -> None:
    """As the raccoon dataset is published: the split is in the table's name."""
    rows = {one: f"{one}.jpg,100,80,raccoon,10,20,50,60\n" for one in "abc"}
    dataset(tmp_path, TENSORFLOW + "".join(rows.values()), "data/raccoon_labels.csv", "abc")
    write(tmp_path / "data/train_labels.csv", TENSORFLOW + rows["a"] + rows["c"])
    write(tmp_path / "data/test_labels.csv", TENSORFLOW + rows["b"])
    folder = open_dataset(tmp_path)
    assert (folder.format, set(folder.splits)) == ("csv", {"train", "test"})
    assert [*named(tmp_path, "train")] == ["a", "c"]
    assert [*named(tmp_path, "test")] == ["b"]
    assert sorted(named(tmp_path)) == ["a", "b", "c"]


def test_roboflow(tmp_path: Path) -> None:
    for split, name in (("train", "a"), ("valid", "b"), ("test", "c")):
        image(tmp_path / split / f"{name}.jpg")
        row = f"{name}.jpg,100,80,cat,10,20,50,60\n"
        write(tmp_path / split / "_annotations.csv", TENSORFLOW + row)
    assert set(open_dataset(tmp_path).splits) == {"train", "val", "test"}
    assert named(tmp_path, "val") == {"valid/b": [("cat", CAT)]}
    assert codes(tmp_path) == []


def test_a_column_of_splits(tmp_path: Path) -> None:
    text = (
        "TRAIN,gs://x/a.jpg,cat,0.1,0.25,,,0.5,0.75,,\nVALIDATE,gs://x/b.jpg,,,,,,,,,\n"
        "UNASSIGNED,gs://x/c.jpg,cat,0.1,0.25,,,0.5,0.75,,\n"
    )
    dataset(tmp_path, text, images="abc")
    assert open_dataset(tmp_path).splits == ("train", "val")
    assert named(tmp_path, "val") == {"b": []}
    assert sorted(named(tmp_path)) == ["a", "b", "c"]


def test_rows_of_an_image_apart_and_an_image_without_objects(tmp_path: Path) -> None:
    text = "a.jpg,10,20,50,60,cat\nb.jpg,,,,,\na.jpg,30,10,90,70.5,dog\n"
    assert named(dataset(tmp_path, text)) == {"a": [("cat", CAT), ("dog", DOG)], "b": []}


def test_the_classes_of_retinanet(tmp_path: Path) -> None:
    dataset(tmp_path, "a.jpg,10,20,50,60,cat\nb.jpg,30,10,90,70.5,dog\n", "train.csv")
    write(tmp_path / "classes.csv", "dog,1\nzebra,2\ncat,0\n")
    assert load(tmp_path).classes == ("cat", "dog", "zebra")
    write(tmp_path / "train.csv", "a.jpg,10,20,50,60,0\nb.jpg,30,10,90,70.5,1\n")
    assert named(tmp_path) == {"a": [("cat", CAT)], "b": [("dog", DOG)]}
    write(tmp_path / "train.csv", "a.jpg,10,20,50,60,cat\nb.jpg,30,10,90,70.5,cow\n")
    assert ("class-unknown", "train.csv", 2) in codes(tmp_path)
    with pytest.raises(UserError, match=r"train.csv:2: class 'cow' is not in classes.csv"):
        load(tmp_path)


def test_codes_and_crowds_of_open_images(tmp_path: Path) -> None:
    head = "ImageID,Source,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsGroupOf\n"
    rows = "a,x,/m/01yrx,1,0.1,0.5,0.25,0.75,0,0\na,x,/m/0bt9lr,1,0.3,0.9,0.125,0.88125,0,1\n"
    dataset(tmp_path, head + rows, "train-annotations-bbox.csv", "a")
    write(
        tmp_path / "class-descriptions-boxable.csv",
        "/m/01yrx,Cat\n/m/0bt9lr,Dog\n/m/011k07,Tortoise\n",
    )
    data = load(tmp_path, "train")
    assert data.classes == ("Cat", "Dog")
    assert data.samples[0].crowd.tolist() == [False, True]
    assert boxes(data) == {"a": [pytest.approx(CAT), pytest.approx(DOG)]}


def test_without_a_column_of_classes(tmp_path: Path) -> None:
    """Global wheat names none."""
    text = 'image_id,width,height,bbox,source\na,100,80,"[10, 20, 40, 40]",usask_1\n'
    assert named(dataset(tmp_path, text, images="a")) == {"a": [("object", CAT)]}
    found = report(tmp_path).findings
    assert [(one.code, one.severity) for one in found] == [("class-unnamed", "info")]
    assert found[0].message == (
        "no column names the class (the first row is: image_id, width, height, bbox, source): "
        "all are of one, 'object'"
    )
    data = open_dataset(tmp_path, class_attribute="Source").load(None)
    assert data.classes == ("usask_1",)
    with pytest.raises(UserError, match="no column is called so") as caught:
        open_dataset(tmp_path, class_attribute="sort").load(None)
    assert caught.value.code is ExitCode.USAGE
    assert caught.value.hint.startswith("the first row is: image_id, width, height, bbox, source")


def test_names_in_another_case_without_suffix_or_with_another(tmp_path: Path) -> None:
    text = "file,x1,y1,x2,y2,label\nA.PNG,10,20,50,60,cat\n./b.jpg,30,10,90,70.5,dog\n"
    assert named(dataset(tmp_path, text)) == {"a": [("cat", CAT)], "b": [("dog", DOG)]}


def test_the_file_itself(tmp_path: Path) -> None:
    dataset(tmp_path, TENSORFLOW + "a.jpg,100,80,cat,10,20,50,60\n", "annotations/all.csv")
    assert named(tmp_path / "annotations/all.csv") == {"a": [("cat", CAT)]}


OTHERS = {
    "results of a training": "epoch,train/box_loss,x,y,w,h\n0,0.1,1,2,3,4\n1,0.1,1,2,3,4\n",
    "classification": "filename,label\na.jpg,cat\nb.jpg,dog\n",
    "table": "x1,y1,x2,y2,label\n1,2,3,4,cat\n5,6,7,8,dog\n",
    "features": "id,x,y,w,h,label\n17,1,2,3,4,cat\n18,5,6,7,8,dog\n",
    "no such ids": "image_id,x,y,w,h,label\n17,1,2,3,4,cat\n18,5,6,7,8,dog\n",
    "detections": "filename,class,score,xmin,ymin,xmax,ymax\na.jpg,cat,0.9,1,2,3,4\n",
    "other names": "imagem,esquerda,topo,direita,base,classe\na.jpg,1,2,3,4,cat\nb.jpg,1,2,3,4,x\n",
    "submission": "image_id,PredictionString\na,1.0 0 0 50 50\n",
    "binary": "\0\1\2",
}


@pytest.mark.parametrize("text", OTHERS.values(), ids=OTHERS)
def test_other_tables(tmp_path: Path, text: str) -> None:
    dataset(tmp_path, text)
    with pytest.raises(UserError, match="not recognised as a dataset"):
        open_dataset(tmp_path)


def test_columns_are_named_where_the_user_is_sure(tmp_path: Path) -> None:
    dataset(tmp_path, OTHERS["other names"])
    with pytest.raises(UserError) as caught:
        open_dataset(tmp_path, format="csv")
    assert caught.value.path == tmp_path / "labels.csv"
    assert "the first row is: imagem, esquerda, topo, direita, base, classe" in str(caught.value)
    assert "filename, xmin, ymin, xmax, ymax, class" in caught.value.hint


BROKEN = {
    "no number": ("a.jpg,100,80,cat,10,20,x,60", "label-syntax", "'x' is no number"),
    "cut off": ("a.jpg,100,80,cat,10", "label-syntax", "5 columns where 8 are wanted"),
    "too many": ("a.jpg,100,80,a cat, black,10,20,50,60", "label-syntax", "9 columns where 8"),
    "no image": (",100,80,cat,10,20,50,60", "label-syntax", "names no image"),
    "no class": ("a.jpg,100,80,,10,20,50,60", "label-syntax", "names no class"),
    "half a box": ("a.jpg,100,80,cat,10,,50,60", "label-syntax", "four numbers"),
    "infinite": ("a.jpg,100,80,cat,10,20,50,1e999", "box-not-finite", "is not finite"),
    "swapped": ("a.jpg,100,80,cat,50,20,10,60", "box-swapped", "swapped corners"),
    "outside": ("a.jpg,100,80,cat,50,20,500,60", "box-outside", "over the right edge"),
}  # fmt: skip


@pytest.mark.parametrize(("row", "code", "what"), BROKEN.values(), ids=BROKEN)
def test_broken_rows(tmp_path: Path, row: str, code: str, what: str) -> None:
    """A quoted name of two lines comes before: lines are those of the file."""
    text = TENSORFLOW + '\nb.jpg,100,80,"two\nlines",10,20,50,60\n' + row + "\n"
    dataset(tmp_path, text)
    with pytest.raises(UserError, match=what) as caught:
        load(tmp_path)
    assert (caught.value.path, caught.value.line) == (tmp_path / "labels.csv", 5)
    assert (code, "labels.csv", 5) in codes(tmp_path)
    data = load(tmp_path, skip_bad=True)
    assert (
        data.classes == (("two lines", "cat") if code.startswith("box") else ("two lines",))[::-1]
    )
    assert boxes(data)["b"] == [CAT]
    assert len(data.skipped) == 1


def test_an_image_that_is_missing_is_a_warning(tmp_path: Path) -> None:
    text = TENSORFLOW + "c.jpg,100,80,cat,10,20,50,60\na.jpg,100,80,cat,10,20,50,60\n"
    dataset(tmp_path, text, images="a")
    assert named(tmp_path) == {"a": [("cat", CAT)]}
    (found,) = report(tmp_path).findings
    assert (found.code, found.severity, found.spot.line) == ("no-image", "warning", 2)
    assert "looked in images and all 1 images below" in found.message


def test_an_image_of_another_split(tmp_path: Path) -> None:
    for split, name in (("train", "a"), ("test", "b")):
        image(tmp_path / split / f"{name}.jpg")
    rows = [f"{name}.jpg,100,80,cat,10,20,50,60\n" for name in "ab"]
    write(tmp_path / "train/_annotations.csv", TENSORFLOW + "".join(rows))
    write(tmp_path / "test/_annotations.csv", TENSORFLOW + rows[1])
    assert [*named(tmp_path, "train")] == ["train/a"]
    found = [one for one in report(tmp_path).findings if one.code == "no-image"]
    assert [(one.severity, one.spot.line) for one in found] == [("warning", 3)]
    assert "its image is in another split" in found[0].message


def test_tables_in_pixels_and_in_fractions(tmp_path: Path) -> None:
    for split, numbers in (("train", "10,20,50,60"), ("test", "0.1,0.25,0.5,0.75")):
        names = ["a.jpg", "b.jpg"] if split == "test" else ["c.jpg"]
        for name in names:
            image(tmp_path / split / name)
        rows = [f"{name},100,80,cat,{numbers}\n" for name in names]
        write(tmp_path / split / "_annotations.csv", TENSORFLOW + "".join(rows))
    with pytest.raises(UserError) as caught:
        load(tmp_path, "train")
    table = tmp_path / "train/_annotations.csv"
    assert caught.value.path == table
    assert caught.value.reason == (
        f"boxes are in pixels, but those of {tmp_path / 'test/_annotations.csv'} in fractions of "
        "the image's sides"
    )
    assert ("label-unreadable", "_annotations.csv", 0) in codes(tmp_path)


def test_one_fraction_beyond_1(tmp_path: Path) -> None:
    rows = [f"a.jpg,100,80,cat,0.1,0.25,0.5,{y}\n" for y in (0.5, 0.75, 1.5)]
    dataset(tmp_path, TENSORFLOW + "".join(rows), images="a")
    with pytest.raises(UserError, match="40 px over the lower edge") as caught:
        load(tmp_path)
    assert caught.value.line == 4


UNREADABLE = {
    "quotation": ('a.jpg,100,80,"cat,10,20,50,60\n', "broken CSV", 2),
    "field": (f"a.jpg,100,80,{'c' * 200_000},10,20,50,60\n", "broken CSV", 2),
    "latin": ("a.jpg,100,80,cat,10,20,50,60\nb.jpg,100,80,\xe4,10,20,50,60\n", "not UTF-8", 3),
}


@pytest.mark.parametrize(("rows", "what", "line"), UNREADABLE.values(), ids=UNREADABLE)
def test_unreadable(tmp_path: Path, rows: str, what: str, line: int) -> None:
    dataset(tmp_path, "")
    text = f"{TENSORFLOW}b.jpg,100,80,cat,10,20,50,60\n{rows}"
    line += 1
    (tmp_path / "labels.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match=what) as caught:
        open_dataset(tmp_path, format="csv").load(None)
    assert (caught.value.path, caught.value.line) == (tmp_path / "labels.csv", line)


def test_utf_16(tmp_path: Path) -> None:
    dataset(tmp_path, "", images="a")
    text = TENSORFLOW + "a.jpg,100,80,cät,10,20,50,60\n"
    (tmp_path / "labels.csv").write_text(text, encoding="utf-16")
    assert named(tmp_path) == {"a": [("cät", CAT)]}


def test_stated_sizes(tmp_path: Path) -> None:
    text = TENSORFLOW + "a.jpg,200,160,cat,20,40,100,120\nb.jpg,100,80,cat,10,20,50,60\n"
    dataset(tmp_path, text)
    with pytest.raises(UserError, match="resized after it was labelled"):
        load(tmp_path)
    assert ("image-resized", "labels.csv", 2) in codes(tmp_path)


def test_labels_alone(tmp_path: Path) -> None:
    write(tmp_path / "labels.csv", TENSORFLOW + "x/a.jpg,100,80,cat,10,20,50,60\n")
    data = open_dataset(tmp_path, images=False).load(None)
    assert boxes(data) == {"a": [CAT]}
    assert (data.samples[0].width, data.samples[0].height) == (100, 80)
