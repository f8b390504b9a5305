"""A file that is named instead of its folder: the format is told by what is in it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.data.builders import CAT, image, voc, voc_xml, write
from yolo_cli.data.dataset import open_dataset
from yolo_cli.errors import UserError

RECT = {"name": "rect", "x": 10, "y": 20, "width": 30, "height": 40}
VIA = {
    "a.jpg9": {
        "filename": "a.jpg",
        "regions": [{"shape_attributes": RECT, "region_attributes": {"class": "cat"}}],
    }
}
SIDES = {"x": 25, "y": 40, "width": 30, "height": 40}
CREATEML = [{"image": "a.jpg", "annotations": [{"label": "cat", "coordinates": SIDES}]}]
VALUE = {"x": 10, "y": 25, "width": 30, "height": 50, "rectanglelabels": ["cat"]}
REGION = {"original_width": 100, "original_height": 80, "value": VALUE, "type": "rectanglelabels"}
LABELSTUDIO = [
    {"id": 1, "data": {"image": "/data/upload/1/a.jpg"}, "annotations": [{"result": [REGION]}]}
]
COCO = {
    "images": [{"id": 1, "file_name": "a.jpg"}],
    "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [10, 20, 30, 40]}],
    "categories": [{"id": 1, "name": "cat"}],
}
CVAT = (
    '<annotations><version>1.1</version><image id="0" name="a.jpg" width="100" height="80">'
    '<box label="cat" xtl="10" ytl="20" xbr="40" ybr="60"/></image></annotations>'
)


@pytest.mark.parametrize(
    ("name", "content", "format_name"),
    [
        ("labels.json", json.dumps(VIA), "via"),
        ("labels.json", json.dumps(CREATEML), "createml"),
        ("labels.json", json.dumps(LABELSTUDIO), "labelstudio"),
        ("labels.json", json.dumps(COCO), "coco"),
        ("labels.xml", CVAT, "cvat"),
        (
            "labels.tsv",
            "filename\txmin\tymin\txmax\tymax\tclass\na.jpg\t10\t20\t40\t60\tcat\n",
            "csv",
        ),
    ],
)
@pytest.mark.parametrize("folder", ["", "annotations"])
def test_a_file_of_labels(
    tmp_path: Path, folder: str, name: str, content: str, format_name: str
) -> None:
    image(tmp_path / "images" / "a.jpg")
    for opened in (write(tmp_path / folder / name, content), tmp_path):
        found = open_dataset(opened)
        assert found.format == format_name
        data = found.load(None)
        assert data.classes == ("cat",)
        assert data.samples[0].boxes.tolist() == [[10, 20, 40, 60]]


def test_the_label_of_one_image_is_no_dataset(tmp_path: Path) -> None:
    root = voc(tmp_path / "d", {"a": voc_xml(CAT)})
    with pytest.raises(UserError, match=r"a.xml: the label of one image \(voc\), not a dataset"):
        open_dataset(root / "Annotations" / "a.xml")


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("default.json", {"info": {}, "categories": {"label": {}}, "items": []}, "Datumaro's"),
        (
            "results.json",
            [{"image_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}],
            "a list of objects",
        ),
        ("panoptic_val.json", {**COCO, "annotations": [{}]}, "COCO's for a task without boxes"),
    ],
)
def test_not_every_file_of_annotations_is_coco(
    tmp_path: Path, name: str, content: object, said: str
) -> None:
    image(tmp_path / "images" / "a.jpg")
    write(tmp_path / "annotations" / name, json.dumps(content))
    with pytest.raises(UserError, match=rf"not recognised as a dataset.*{name}: {said}"):
        open_dataset(tmp_path)
