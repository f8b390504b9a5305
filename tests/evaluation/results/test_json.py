"""JSON that goes by names, and our own in its other forms."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from yolo_cli.data.sample import Dataset
from yolo_cli.errors import UserError
from yolo_cli.evaluation.results import detections_of, read_detections

from .test_damage import CLASSES, sample

BOX = [61, 41, 30, 30]


def write(path: Path, value: object) -> Path:
    path.write_text(json.dumps(value), encoding="utf-8")
    return path


def test_coco_results_with_names_go_by_those(tmp_path: Path) -> None:
    samples = (sample("a"), sample("000012"))
    # The ids are those of another list of images and of classes.
    record = {"image_id": 12, "category_id": 7, "bbox": BOX, "score": 1}
    named = {**record, "file_name": "photos/a.jpg", "category_name": "traffic_light"}
    path = write(tmp_path / "r.json", [named])
    coco = Dataset(tmp_path, "coco", "val", CLASSES, samples, category_ids={1: 0, 7: 0, 9: 1})
    for found in (read_detections(path, samples, CLASSES), detections_of(coco, path)):
        assert [one["labels"].tolist() for one in found] == [[1], []]
    write(path, [named, record])  # not all of them have names
    with pytest.raises(UserError, match=r"detection 0 .*class '7'"):
        read_detections(path, samples, CLASSES, class_base=0)
    found = read_detections(path, samples[1:], CLASSES, class_base=6)
    assert [one["labels"].tolist() for one in found] == [[1, 1]]


def test_a_list_of_our_objects(tmp_path: Path) -> None:
    record = {"image": "x/a.jpg", "detections": [{"label": "cat", "score": 1, "box": [1, 2, 3, 4]}]}
    path = write(tmp_path / "d.json", [record, {"image": "b.jpg", "detections": []}])
    found = read_detections(path, [sample("b"), sample("a")], CLASSES)
    assert [one["boxes"].tolist() for one in found] == [[], [[1, 2, 3, 4]]]
    write(path, [record, {"image": "b.jpg"}])
    with pytest.raises(UserError, match=r"image 1 \(from 0\): no 'image' or no 'detections'"):
        read_detections(path, [sample("a")], CLASSES)
    write(path, [{**record, "detections": [{"label": "cat", "score": 1}]}])
    with pytest.raises(UserError, match=r"image 0 \(from 0\): detection 0 \(from 0\): .*'box'"):
        read_detections(path, [sample("a")], CLASSES)
    write(path, [])
    assert len(read_detections(path, [sample("a")], CLASSES, format="jsonl")[0]["scores"]) == 0
