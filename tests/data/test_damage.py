"""A damaged label file gives a dataset that keeps its promises, or `UserError`; and soon."""

from __future__ import annotations

import json
import time
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from yolo_cli.data.dataset import open_dataset
from yolo_cli.data.formats import files
from yolo_cli.errors import UserError

from ..property import damaged, examples
from .builders import CAT, coco, image, voc, voc_xml, write
from .test_cvat import cvat
from .test_cvat import entry as cvat_entry
from .test_labelme import labelme, shape
from .test_labelstudio import HEIGHT, SHORT_CAT, WIDTH, export, rectangle, region, short, task
from .test_supervisely import mask, meta, thing
from .test_supervisely import pair as supervisely


def make_voc(root: Path) -> Path:
    voc(root, {"a": voc_xml(CAT, CAT), "b": voc_xml(CAT)}, {"train": "a", "val": "b"})
    return root / "Annotations/a.xml"


def make_voc_list(root: Path) -> Path:
    make_voc(root)
    return root / "ImageSets/Main/train.txt"


def make_yolo(root: Path) -> Path:
    for split in ("train", "val"):
        image(root / f"images/{split}/a.jpg")
        write(root / f"labels/{split}/a.txt", "0 .5 .5 .2 .2\n0 .1 .1 .3 .3 .2 .7\n")
    write(root / "data.yaml", "path: .\ntrain: images/train\nval: [images/val]\nnames: {0: cat}\n")
    return root / "labels/train/a.txt"


def make_yaml(root: Path) -> Path:
    make_yolo(root)
    return root / "data.yaml"


def make_darknet(root: Path) -> Path:
    for name in ("a", "b"):
        image(root / f"obj/{name}.jpg")
        write(root / f"obj/{name}.txt", "0 .5 .5 .2 .2\n")
    write(root / "obj.names", "cat\ndog\n")
    return write(root / "train.txt", "obj/a.jpg\nobj/b.jpg\n")


def make_names(root: Path) -> Path:
    make_darknet(root)
    return root / "obj.names"


def make_foreign_list(root: Path) -> Path:
    make_darknet(root)
    write(root / "obj.data", "classes = 2\ntrain = data/train.txt\nnames = data/obj.names\n")
    return write(root / "train.txt", "build/x64/data/obj/a.jpg\nC:\\data\\obj\\b.jpg\n")


def make_nested_yaml(root: Path) -> Path:
    for split in ("train", "valid"):
        image(root / f"{split}/images/a.jpg")
        write(root / f"{split}/labels/a.txt", "0 .5 .5 .2 .2\n")
    text = "train: ../train/images\nval: ../valid/images\nnc: 2\nnames: ['cat', 'dog']\n"
    return write(root / "train/data.yaml", text)


def make_coco(root: Path) -> Path:
    image(root / "images/a.jpg")
    objects = [{"id": n, "image_id": 1, "category_id": 3, "bbox": [1, 2, 30, 4]} for n in (1, 2)]
    for split in ("train", "val"):
        write(root / f"annotations/{split}.json", coco([(1, "a.jpg")], objects, {3: "cat"}))
    return root / "annotations/train.json"


def make_text(root: Path) -> Path:
    for name in ("a", "b"):
        image(root / f"images/{name}.jpg")
        write(root / f"ground-truth/{name}.txt", "cat 11 21 50 60\na dog 1 2 3 4 difficult\n")
    return root / "ground-truth/a.txt"


def make_csv(root: Path) -> Path:
    for name in ("a", "b"):
        image(root / f"images/{name}.jpg")
    rows = "a.jpg,100,80,cat,10,20,50,60\na.jpg,100,80,dog,1,2,30.5,4\nb.jpg,100,80,cat,1,2,3,4\n"
    return write(root / "labels.csv", f"filename,width,height,class,xmin,ymin,xmax,ymax\n{rows}")


def make_retinanet(root: Path) -> Path:
    for name in ("a", "b"):
        image(root / f"images/{name}.jpg")
    write(root / "classes.csv", "cat,0\ndog,1\n")
    rows = "images/a.jpg,10,20,50,60,cat\nimages/a.jpg,1,2,30,4,dog\nimages/b.jpg,,,,,\n"
    return write(root / "annotations.csv", rows)


def via_region(label: str, **shape: object) -> dict[str, object]:
    return {"shape_attributes": shape, "region_attributes": {"label": label}}


def make_via(root: Path) -> Path:
    for name in ("a", "b"):
        image(root / f"{name}.jpg")
    regions = [
        via_region("cat", name="rect", x=1, y=2, width=30, height="4"),
        via_region("dog", name="polygon", all_points_x=[1, 20, 5], all_points_y=[9, 30, 40]),
        via_region("cat", name="ellipse", cx=40, cy=50, rx=20, ry=10, theta=0.5),
    ]
    entries = {
        "a.jpg1": {"filename": "a.jpg", "size": 1, "regions": regions},
        "b.jpg1": {"filename": "b.jpg", "size": 1, "regions": {"0": regions[0]}},
    }
    return write(root / "via_region_data.json", json.dumps(entries, indent=0))


def make_via_csv(root: Path) -> Path:
    for name in ("a", "b"):
        image(root / f"{name}.jpg")
    shape, label = '"{""x"":1,""y"":2,""width"":30,""height"":4}"', '"{""label"":""cat""}"'
    rows = [f"a.jpg,1,{{}},2,{i},{shape},{label}\n" for i in (0, 1)]
    rows.append("b.jpg,1,{},0,0,{},{}\n")
    head = "#filename,file_size,file_attributes,region_count,region_id,region_shape_attributes"
    return write(root / "via.csv", f"{head},region_attributes\n{''.join(rows)}")


def make_createml(root: Path) -> Path:
    coordinates = {"x": 30, "y": 40, "width": 20, "height": "4"}
    objects = [{"label": name, "coordinates": coordinates} for name in ("cat", "dog")]
    for name in ("a", "b"):
        image(root / f"{name}.jpg")
    entries = [{"image": f"{name}.jpg", "annotations": objects} for name in ("a", "b")]
    return write(root / "annotations.createml.json", json.dumps(entries, indent=0))


def make_labelme(root: Path) -> Path:
    shapes = [shape("cat", [1, 2], [30, 40]), shape("dog", [1, 2], [9, 3], [5, 8], kind="polygon")]
    for name in ("train/a", "train/b", "val/a"):
        image(root / f"{name}.jpg")
        labelme(root / f"{name}.json", *shapes, shape("cat", [50, 40], [53, 44], kind="circle"))
    return root / "train/a.json"


def make_cvat(root: Path) -> Path:
    shapes = [
        '<box label="cat" xtl="10" ytl="20.5" xbr="50" ybr="60" rotation="30"/>',
        '<polygon label="cat" points="30.5,10;60,40;20,50"/>',
        '<ellipse label="dog" cx="50" cy="40" rx="20" ry="10" rotation="5"/>',
        '<mask label="dog" rle="5, 3" left="7" top="8" width="10" height="20"/>',
    ]
    for name in "ab":
        image(root / f"images/{name}.jpg")
    labels = "<label><name>cat</name></label>"
    entries = [cvat_entry("a.jpg", *shapes), cvat_entry("b.jpg", *shapes[:1])]
    return write(root / "annotations.xml", cvat(*entries, labels=labels))


def make_supervisely(root: Path) -> Path:
    meta(root, cat="any", dog="any")
    shapes = (thing("cat", [1, 2], [30, 40]), mask("dog", 7, 8, 10, 20))
    for name in ("train", "val"):
        supervisely(root / name, "a.jpg", *shapes)
    return supervisely(root / "train", "b.jpg", *shapes)


def make_meta(root: Path) -> Path:
    make_supervisely(root)
    return root / "meta.json"


def make_labelstudio(root: Path) -> Path:
    for name in "ab":
        image(root / f"images/{name}.jpg", WIDTH, HEIGHT)
    regions = [
        rectangle(10, 20, 30, 40, rotation=5),
        region("polygonlabels", "cat", points=[[10, 20], [40, 10]]),
        region("ellipselabels", "dog", x=50, y=50, radiusX=10, radiusY=25, rotation=0),
    ]
    return export(root, task("/data/upload/1/0123abcd-a.jpg", *regions), task("b.jpg", *regions))


def make_short(root: Path) -> Path:
    """Label Studio's JSON_MIN."""
    for name in "ab":
        image(root / f"images/{name}.jpg", WIDTH, HEIGHT)
    return export(root, short("a.jpg", SHORT_CAT), short("b.jpg", SHORT_CAT, number=2))


MAKERS = {
    "voc": make_voc,
    "voc list": make_voc_list,
    "yolo": make_yolo,
    "yaml": make_yaml,
    "darknet": make_darknet,
    "names": make_names,
    "foreign list": make_foreign_list,
    "nested yaml": make_nested_yaml,
    "coco": make_coco,
    "text": make_text,
    "csv": make_csv,
    "retinanet": make_retinanet,
    "via": make_via,
    "via csv": make_via_csv,
    "createml": make_createml,
    "labelme": make_labelme,
    "cvat": make_cvat,
    "supervisely": make_supervisely,
    "meta": make_meta,
    "labelstudio": make_labelstudio,
    "short": make_short,
}


def read(root: Path, *, skip_bad: bool, images: bool) -> None:
    """Reads all of a dataset of 100 x 80 images, and holds it to what is promised."""
    folder = open_dataset(root, skip_bad=skip_bad, images=images)
    for split in (*folder.splits, None):
        data = folder.load(split)
        assert skip_bad or not data.skipped
        assert all(isinstance(line, str) for line in data.skipped)
        for sample in data.samples:
            x1, y1, x2, y2 = sample.boxes.T
            if sample.width:
                assert ((x1 >= 0) & (y1 >= 0) & (x2 <= sample.width) & (y2 <= sample.height)).all()
            assert ((x2 > x1) & (y2 > y1)).all()
            assert np.isfinite(sample.area).all()
            assert (sample.labels < len(data.classes)).all()


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_damage(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    target = make(tmp_path)
    whole = target.read_bytes()
    read(tmp_path, skip_bad=False, images=True)
    outcomes = set()

    @examples(60)
    @given(data=damaged(whole), skip_bad=st.booleans(), images=st.booleans())
    @example(data=whole, skip_bad=False, images=True)  # not every file has harmless damage
    def survives(data: bytes, skip_bad: bool, images: bool) -> None:
        target.write_bytes(data)
        start = time.process_time()
        try:
            read(tmp_path, skip_bad=skip_bad, images=images)
            outcomes.add("fine")
        except UserError as error:
            assert "\n" not in error.message
            assert str(tmp_path) in error.message
            outcomes.add("refused")
        assert time.process_time() - start < 2

    survives()
    assert outcomes == {"fine", "refused"}


def fill(unit: bytes, start: bytes = b"", end: bytes = b"") -> bytes:
    """A label file as large as it may be."""
    room = files.MAX_LABEL_BYTES - len(start) - len(end)
    return start + unit * (room // len(unit)) + end


XML = b"<annotation>"
LARGE = {
    "xml objects": (make_voc, fill(CAT.encode().replace(b"\n", b""), XML, b"</annotation>")),
    "xml tags": (make_voc, fill(b"<object/>", XML, b"</annotation>")),
    "xml depth": (make_voc, fill(b"<a>", XML)),
    "xml text": (make_voc, fill(b"&lt;", XML)),
    "lines": (make_yolo, fill(b"0 0 0 0 0\n")),
    "broken lines": (make_yolo, fill(b"x\n")),
    "no lines": (make_yolo, fill(b"\n")),
    "one line": (make_yolo, fill(b".5 ", b"0 ")),
    "text": (make_text, fill(b"c 1 2 3 4\n")),
    "cvat boxes": (make_cvat, fill(b'<box label="a"/>', b'<annotations><image name="a.jpg">')),
    "cvat tags": (make_cvat, fill(b"<tag/>", b'<annotations><image name="a.jpg">')),
    "shapes": (make_labelme, fill(b"{},", b'{"imagePath": "", "shapes": [', b"0]}")),
    "points": (
        make_labelme,
        fill(b"[1,2],", b'{"shapes": [{"label": "a", "points": [', b"[3,4]]}]}"),
    ),
    "objects": (make_supervisely, fill(b"{},", b'{"size": 0, "objects": [', b"0]}")),
    "tasks": (make_labelstudio, fill(b"0,", b'[{"data": 0, "annotations": 0},', b"0]")),
    "names": (make_names, fill(b"%06d\n" % 7)),
    "yaml": (make_yaml, fill(b"[],", b"names: [")),
    "half a yaml": (make_yaml, fill(b"[],", b"names: [", b"]")[: 500 * 1024] + b"]"),
}


def seconds_of(work: Callable[[], object]) -> float:
    """Return the processor's time for some work."""
    start = time.process_time()
    work()
    return time.process_time() - start


def read_anyway(folder: Path) -> None:
    """Read a dataset, whatever is wrong with it."""
    with suppress(UserError):
        read(folder, skip_bad=False, images=True)


@pytest.mark.parametrize(("make", "data"), LARGE.values(), ids=LARGE)
def test_the_largest_files_take_about_a_second(
    tmp_path: Path, make: Callable[[Path], Path], data: bytes
) -> None:
    make(tmp_path).write_bytes(data)
    pairs = f"[{'[1,2],' * 500_000}0]"
    unit = seconds_of(lambda: json.loads(pairs))  # as the machine slows down, this does
    taken = seconds_of(lambda: read_anyway(tmp_path))
    assert taken < 10 * unit  # 5 s on a quiet Xeon, where the slowest takes 4 units


def test_the_largest_files_take_little_memory(tmp_path: Path) -> None:
    make, data = LARGE["broken lines"]
    make(tmp_path).write_bytes(data)
    tracemalloc.start()
    try:
        with pytest.raises(UserError):
            read(tmp_path, skip_bad=False, images=True)
        assert tracemalloc.get_traced_memory()[1] < 200e6
    finally:
        tracemalloc.stop()


BOMBS = {
    "entities": '<!DOCTYPE a [<!ENTITY x "xxxxxxxxxx"><!ENTITY y "&x;&x;&x;">]><annotation>&y;',
    "outside": '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation>&x;',
    "parameter": '<!DOCTYPE a [<!ENTITY % x "y"> %x;]><annotation/>',
}


@pytest.mark.parametrize("make", [make_voc, make_cvat])
@pytest.mark.parametrize("text", BOMBS.values(), ids=BOMBS)
def test_entities_are_not_read(tmp_path: Path, make: Callable[[Path], Path], text: str) -> None:
    path = make(tmp_path)
    text = text if make is make_voc else text.replace("annotation>", "annotations>")
    path.write_text(text.replace("<annotation/>", "<annotations/>"), encoding="utf-8")
    with pytest.raises(UserError, match="entities"):
        read(tmp_path, skip_bad=False, images=True)


OF_MANY = [make_coco, make_cvat, make_labelstudio, make_labelme, make_supervisely]
"""Whose files may be larger: of many images, or with one inside."""


@pytest.mark.parametrize("make", [make_voc, make_voc_list, make_yolo, make_text, *OF_MANY])
def test_a_file_of_100_mb(tmp_path: Path, make: Callable[[Path], Path]) -> None:
    target = make(tmp_path)
    with target.open("r+b") as file:
        file.truncate(100 * 1024**2)  # sparse: takes no room
    start = time.process_time()
    with pytest.raises(UserError) as caught:
        read(tmp_path, skip_bad=False, images=True)
    if make not in OF_MANY:  # which may be larger, but not of zeros
        assert "100.0 MB is too large" in caught.value.message
        assert "at most" in caught.value.hint
    assert time.process_time() - start < 5


@pytest.mark.parametrize("where", ["id", "image_id", "category_id", "bbox", "area", "iscrowd"])
def test_json_as_deep_as_can_be_read(tmp_path: Path, where: str) -> None:
    """What is just not too deep to be parsed must not be too deep to be told of."""
    target = make_coco(tmp_path)
    annotation = {"image_id": 1, "category_id": 3, "bbox": [1, 2, 3, 4]}
    for depth in range(800, 1001, 8):
        deep = json.dumps({**annotation, where: "?"}).replace('"?"', "[" * depth + "]" * depth)
        text = coco([(1, "a.jpg")], [{"?": 1}], {3: "cat"})
        target.write_text(text.replace(json.dumps({"?": 1}, indent=0), deep), encoding="utf-8")
        for skip_bad in (False, True):
            with suppress(UserError):
                read(tmp_path, skip_bad=skip_bad, images=True)
