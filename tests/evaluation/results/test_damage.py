"""Detections come back as they were written; damaged ones give finite boxes, or `UserError`."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from yolo_cli.data.sample import Sample
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.evaluation.results import DetectionArrays, read_detections
from yolo_cli.pictures.save import output_path, taken_by
from yolo_cli.tasks.detect.records import detection_record

from ...property import HEIGHT, NAMES, WIDTH, boxes, damaged, examples

CLASSES = ("cat", "traffic light")
Row = tuple[str, float, tuple[float, float, float, float]]
ROWS = st.lists(st.tuples(NAMES, st.floats(0, 1), boxes()), min_size=1, max_size=5)


def sample(name: str) -> Sample:
    return Sample(
        id=name,
        image=Path(f"{name}.jpg"),
        width=WIDTH,
        height=HEIGHT,
        boxes=np.zeros((0, 4)),
        labels=np.zeros(0, dtype=np.int64),
        difficult=np.zeros(0, dtype=np.bool_),
        crowd=np.zeros(0, dtype=np.bool_),
        area=np.zeros(0),
    )


def check(found: DetectionArrays, rows: Sequence[Row], classes: Sequence[str]) -> None:
    assert found["boxes"] == pytest.approx(np.array([box for *_, box in rows]), abs=1e-9)
    assert found["scores"].tolist() == [score for _, score, _ in rows]
    assert [classes[label] for label in found["labels"]] == [name for name, *_ in rows]


@examples(60)
@given(rows=ROWS, image=NAMES)
def test_what_is_written_is_read(tmp_path: Path, rows: Sequence[Row], image: str) -> None:
    classes = list(dict.fromkeys(name for name, *_ in rows))
    samples = [sample("other"), sample(image.replace("/", "_").replace("\\", "_"))]
    folder = tmp_path / "text"
    folder.mkdir(exist_ok=True)

    lines = "".join(f"{name} {s!r} {' '.join(map(repr, box))}\n" for name, s, box in rows)
    (folder / "other.txt").write_text(lines, encoding="utf-8")
    check(read_detections(folder, samples, classes, boxes="xyxy")[0], rows, classes)

    lines = ""
    for name, score, (x1, y1, x2, y2) in rows:
        middle = ((x1 + x2) / 2 / WIDTH, (y1 + y2) / 2 / HEIGHT)
        numbers = (*middle, (x2 - x1) / WIDTH, (y2 - y1) / HEIGHT, score)
        lines += f"{classes.index(name)} {' '.join(map(repr, numbers))}\n"
    (folder / "other.txt").write_text(lines, encoding="utf-8")
    check(read_detections(folder, samples, classes, format="yolo")[0], rows, classes)

    results = [
        {
            "image_id": samples[1].id,
            "category_id": classes.index(name) + 1,
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "score": score,
        }
        for name, score, (x1, y1, x2, y2) in rows
    ]
    path = tmp_path / "results.json"
    path.write_text(json.dumps(results), encoding="utf-8")
    found = read_detections(path, samples, classes, boxes="xywh", class_base=1)
    check(found[1], rows, classes)

    labels = [classes.index(name) for name, *_ in rows]
    corners, scores = [box for *_, box in rows], [score for _, score, _ in rows]
    record = detection_record(samples[1].image, WIDTH, HEIGHT, corners, scores, labels, classes)
    path.write_text(json.dumps(record), encoding="utf-8")
    found = read_detections(path, samples, classes, boxes="xyxy")
    rounded = [
        (name, round(score, 5), tuple(round(value, 2) for value in box))
        for name, score, box in rows
    ]
    assert found[1]["boxes"] == pytest.approx(np.array([box for *_, box in rounded]), abs=0.011)
    assert found[1]["scores"] == pytest.approx([score for _, score, _ in rounded], abs=1.1e-5)
    assert found[1]["labels"].tolist() == labels


@examples(60)
@given(rows=ROWS)
def test_voc_files_are_read(tmp_path: Path, rows: Sequence[Row]) -> None:
    images = list(dict.fromkeys(name.replace("/", "_").replace("\\", "_") for name, *_ in rows))
    samples = [sample(name) for name in images]
    lines = ""
    for name, score, (x1, y1, x2, y2) in rows:
        image = name.replace("/", "_").replace("\\", "_")
        lines += f"{image} {score!r} {x1 + 1!r} {y1 + 1!r} {x2!r} {y2!r}\n"
    (tmp_path / "comp4_det_test_traffic_light.txt").write_text(lines, encoding="utf-8")
    found = read_detections(tmp_path, samples, CLASSES, boxes="voc")
    for one, image in zip(found, images, strict=True):
        own = [row for row in rows if row[0].replace("/", "_").replace("\\", "_") == image]
        check(one, [("traffic light", *row[1:]) for row in own], CLASSES)


RECORD = {"image_id": "a", "category_id": 0, "bbox": [61, 41, 30, 30], "score": 0.5}
LINE = {"label": "cat", "score": 0.5, "box": [61, 41, 90, 70]}
FILES = {
    "coco": ("r.json", json.dumps([RECORD, {**RECORD, "category_id": 1, "image_id": "b"}])),
    "voc": ("comp4_det_test_cat.txt", "a .5 61 41 90 70\nb .25 62.5 41 90 70.5\n"),
    "text": ("a.txt", "cat .5 61 41 90 70\ntraffic light .25 62.5 41 90 70.5\n"),
    "yolo": ("a.txt", "0 .8 .8 .1 .2 .5\n1 .7 .9 .1 .1 .25\n"),
    "jsonl": ("d.jsonl", f"{json.dumps({'image': 'a.jpg', 'detections': [LINE, LINE]})}\n" * 2),
}


@pytest.mark.parametrize(("name", "text"), FILES.values(), ids=FILES)
def test_damage(tmp_path: Path, name: str, text: str) -> None:
    samples = [sample("a"), sample("b")]
    target = tmp_path / name
    target.write_text(text)
    outcomes = set()

    @examples(150)
    @given(data=damaged(text.encode()), ignore_unknown=st.booleans())
    def survives(data: bytes, ignore_unknown: bool) -> None:
        target.write_bytes(data)
        start = time.process_time()
        try:
            found = read_detections(tmp_path, samples, CLASSES, ignore_unknown=ignore_unknown)
            for one in found:
                assert np.isfinite(one["boxes"]).all()
                assert (one["boxes"][:, 2:] >= one["boxes"][:, :2]).all()
                assert np.abs(one["boxes"]).max(initial=0) <= 1e7
                assert np.isfinite(one["scores"]).all()
                assert np.isin(one["labels"], range(len(CLASSES))).all()
                assert len(one["boxes"]) == len(one["scores"]) == len(one["labels"])
            outcomes.add("fine")
        except UserError as error:
            assert "\n" not in error.message + error.hint
            assert str(tmp_path) in error.message
            assert len(error.message) < 600
            outcomes.add("refused")
        assert time.process_time() - start < 2

    survives()
    assert outcomes == {"fine", "refused"}


@pytest.mark.parametrize("where", ["image_id", "category_id", "bbox", "score"])
def test_json_as_deep_as_can_be_read(tmp_path: Path, where: str) -> None:
    # Near the interpreter's limit what is read, and what is said of it, can go too deep as well.
    path = tmp_path / "r.json"
    for depth in range(800, 1001, 4):
        text = json.dumps([{**RECORD, where: "?"}]).replace('"?"', "[" * depth + "]" * depth)
        path.write_text(text)
        with pytest.raises(UserError, match=r"r\.json") as error:
            read_detections(path, [sample("a")], CLASSES)
        assert error.value.code == ExitCode.BAD_INPUT
        assert len(error.value.message) < 600


def test_a_folder_of_5_000_files(tmp_path: Path) -> None:
    count = 5_000
    (tmp_path / "0.txt").write_text("cat .5 61 41 90 70\n")
    for number in range(1, count):
        os.link(tmp_path / "0.txt", tmp_path / f"{number}.txt")
    samples = [sample(str(number)) for number in range(count)]
    start = time.process_time()
    found = read_detections(tmp_path, samples, CLASSES, boxes="xyxy")
    assert time.process_time() - start < 10  # on the slowest machine; 0.3 here
    assert all(len(one["scores"]) == 1 for one in found)


@examples(30)
@given(names=st.lists(st.tuples(NAMES, st.sampled_from([".jpg", ".JPG", ".gif", ".png", ""]))))
def test_no_two_outputs_have_one_name(tmp_path: Path, names: Sequence[tuple[str, str]]) -> None:
    sources = [
        tmp_path / str(number % 2) / f"{name.replace('/', '_')}{suffix}"
        for number, (name, suffix) in enumerate(names)
    ]
    taken = taken_by(sources)
    outputs = [output_path(tmp_path / "0", source, taken) for source in sources]
    keys = {str(path).casefold() for path in outputs}
    assert len(keys) == len(outputs)
    assert keys.isdisjoint(str(source).casefold() for source in sources)
    assert {path.parent for path in outputs} <= {tmp_path / "0"}
