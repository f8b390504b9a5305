"""What ``yolo detect`` writes, ``yolo eval`` reads: the same boxes in each of its forms."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given

from yolo_cli.data.formats.voc_xml import read_annotation
from yolo_cli.evaluation.results import read_detections
from yolo_cli.files import write_json_list
from yolo_cli.inference.journal import JOURNAL, Journal, read_journal
from yolo_cli.tasks.detect.documents import write_coco
from yolo_cli.tasks.detect.labels import voc_xml, yolo_lines
from yolo_cli.tasks.detect.records import detection_record

from ...property import HEIGHT, WIDTH, examples
from .test_damage import ROWS, Row, sample


@examples(60)
@given(rows=ROWS)
def test_detections_in_all_forms(tmp_path: Path, rows: Sequence[Row]) -> None:
    classes = tuple(dict.fromkeys(name for name, *_ in rows))
    names = ("000012", "שלום 1", "none")
    samples = [sample(name) for name in names]
    labels = [classes.index(name) for name, *_ in rows]
    corners, scores = [box for *_, box in rows], [score for _, score, _ in rows]
    full = [(corners, scores, labels)] * 2
    records = [
        detection_record(f"photos/{name}.jpg", WIDTH, HEIGHT, *arrays, classes)
        for name, arrays in zip(names, [*full, ([], [], [])], strict=True)
    ]
    journal = Journal(tmp_path / JOURNAL)
    for record in records:
        journal.add(record)
    journal.close()
    write_json_list(tmp_path / "all.json", read_journal(journal.path))
    write_coco(read_journal(journal.path), tmp_path / "coco.json", classes)
    folder = tmp_path / "labels"
    folder.mkdir(exist_ok=True)
    for name, record in zip(names, records, strict=True):
        (folder / f"{name}.txt").write_text(yolo_lines(record, classes), encoding="utf-8")

    expected = np.array([box for *_, box in rows])
    found = {
        "lines": read_detections(journal.path, samples, classes, boxes="xyxy"),
        "list": read_detections(tmp_path / "all.json", samples, classes, boxes="xyxy"),
        "coco": read_detections(tmp_path / "coco.json", samples, classes, boxes="xywh"),
        "yolo": read_detections(folder, samples, classes, format="yolo"),
    }
    for form, detections in found.items():
        for one in detections[:2]:
            # Rounded to hundredths; COCO's width on top of that; YOLO's to a millionth of the side.
            assert one["boxes"] == pytest.approx(expected, abs=0.012), form
            assert one["scores"] == pytest.approx(np.array(scores), abs=1.1e-5), form
            assert one["labels"].tolist() == labels, form
        assert len(detections[2]["scores"]) == 0


@examples(40)
@given(rows=ROWS)
def test_annotations(tmp_path: Path, rows: Sequence[Row]) -> None:
    classes = tuple(dict.fromkeys(name for name, *_ in rows))
    labels = [classes.index(name) for name, *_ in rows]
    corners = [box for *_, box in rows]
    record = detection_record("a.jpg", WIDTH, HEIGHT, corners, [0.5] * len(rows), labels, classes)
    assert json.loads(json.dumps(record)) == record
    path = tmp_path / "a.xml"
    path.write_bytes(voc_xml(record, "a.jpg"))
    found = read_annotation(path)
    assert not found.faults
    assert found.size == (WIDTH, HEIGHT)
    assert [item.name for item in found.objects] == [name for name, *_ in rows]
    for item, (x1, y1, x2, y2) in zip(found.objects, corners, strict=True):
        # Whole pixels from 1, at least one of them.
        assert item.written == pytest.approx((x1 + 1, y1 + 1, x2, y2), abs=1.02)
        left, top, right, bottom = item.written
        assert 1 <= left <= right <= WIDTH
        assert 1 <= top <= bottom <= HEIGHT
