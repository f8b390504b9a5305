from __future__ import annotations

import csv
import errno
import json
import os
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import torch
from PIL import Image

from tests.inference.conftest import jpeg
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.files import write_json_list
from yolo_cli.inference.formats import SHARED, parse_formats
from yolo_cli.inference.inputs import Input
from yolo_cli.inference.journal import Journal, read_journal
from yolo_cli.inference.outputs import Done, Outputs
from yolo_cli.tasks.detect import documents
from yolo_cli.tasks.detect.labels import voc_xml, yolo_lines
from yolo_cli.tasks.detect.records import DetectionRecord, detection_record
from yolo_cli.tasks.detect.result import DetectResult
from yolo_cli.tasks.detect.writers import WRITERS
from yolo_cli.tasks.image_ids import ImageIds
from yolo_cli.tasks.result import Failure, Origin

FORMATS = (*SHARED, *WRITERS)
CLASSES = ("cat", "traffic light")
RECORD: DetectionRecord = detection_record(
    "photos/a.jpg", 200, 100,
    np.array([[20, 10, 60.4, 40.6], [0, 0, 200, 100], [199.7, 99.8, 200, 100]]),
    [0.9, 0.5, 0.25], [1, 0, 0], CLASSES,
)  # fmt: skip


def source(path: Path) -> Input:
    return Input(str(path), "image", path)


def result(path: Path, size: tuple[int, int] = (200, 100)) -> DetectResult:
    return DetectResult(
        boxes=torch.tensor([[20.0, 10, 60.4, 40.6], [0, 0, 200, 100]]),
        scores=torch.tensor([0.9, 0.5]),
        labels=torch.tensor([1, 0]),
        names=CLASSES,
        width=size[0],
        height=size[1],
        origin=Origin(str(path), path),
    )


def files(folder: Path) -> list[str]:
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def write(outputs: Outputs, *results: DetectResult) -> None:
    for one in results:
        done = outputs.finish(one)
        assert isinstance(done, Done)
        outputs.record(done)


def test_yolo_lines() -> None:
    # (20 + 60.4) / 2 / 200 = .201, (10 + 40.6) / 2 / 100 = .253, 40.4 / 200 = .202, .306
    assert yolo_lines(RECORD, CLASSES).splitlines()[:2] == [
        "1 0.201000 0.253000 0.202000 0.306000 0.90000",
        "0 0.500000 0.500000 1.000000 1.000000 0.50000",
    ]


def test_voc_xml() -> None:
    root = ET.fromstring(voc_xml(RECORD, "a.jpg"))
    assert root.findtext("filename") == "a.jpg"
    assert [root.findtext(f"size/{name}") for name in ("width", "height", "depth")] == [
        "200", "100", "3",
    ]  # fmt: skip
    boxes = [[int(edge.text or "") for edge in box] for box in root.iter("bndbox")]
    # Columns 20 … 59 count as 21 … 60 from 1; rows 10 … 40 as 11 … 41. The last one lies in the
    # last pixel.
    assert boxes == [[21, 11, 60, 41], [1, 1, 200, 100], [200, 100, 200, 100]]
    assert [name.text for name in root.iter("name")] == ["traffic light", "cat", "cat"]


def test_every_format_of_one_image(tmp_path: Path) -> None:
    photo = jpeg(tmp_path / "photos/a.jpg")
    out = tmp_path / "out"
    with Outputs(out, frozenset(FORMATS), [source(photo)], CLASSES, WRITERS) as outputs:
        assert outputs.needs_pictures
        write(outputs, result(photo))
    assert files(out) == [
        "Annotations/a.xml", "a.jpg", "crops/cat/a-2.jpg", "crops/traffic light/a-1.jpg",
        "detections.coco.json", "detections.csv", "detections.json", "detections.jsonl",
        "labels/a.txt", "labels/classes.txt",
    ]  # fmt: skip
    with Image.open(out / "crops/traffic light/a-1.jpg") as crop:
        assert crop.size == (41, 31)  # columns 20 … 60, rows 10 … 40: all that it touches
    assert (out / "labels/classes.txt").read_text() == "cat\ntraffic light\n"
    (record,) = json.loads((out / "detections.json").read_text())
    assert record == json.loads((out / "detections.jsonl").read_text())
    assert (record["image"], record["width"], record["height"]) == (str(photo), 200, 100)
    rows = read_csv(out / "detections.csv")
    assert rows[0] == {
        "image": str(photo), "frame": "", "time": "", "width": "200", "height": "100",
        "label": "traffic light", "score": "0.9", "x1": "20.0", "y1": "10.0", "x2": "60.4",
        "y2": "40.6",
    }  # fmt: skip
    first, _ = json.loads((out / "detections.coco.json").read_text())
    assert first == {
        "image_id": "a", "category_id": 2, "bbox": [20.0, 10.0, 40.4, 30.6], "score": 0.9,
        "file_name": str(photo), "category_name": "traffic light",
    }  # fmt: skip


@pytest.mark.parametrize("name", FORMATS)
def test_one_format_leaves_little_else(tmp_path: Path, name: str) -> None:
    photo = jpeg(tmp_path / "7.jpg")
    formats = parse_formats(f" {name.upper()},", WRITERS)
    with Outputs(tmp_path / "out", formats, [source(photo)], CLASSES, WRITERS) as outputs:
        write(outputs, result(photo))
    journal = ["detections.jsonl"]
    assert (
        files(tmp_path / "out")
        == {
            "image": ["7.jpg"],
            "json": ["detections.json", *journal],
            "jsonl": journal,
            "csv": ["detections.csv", *journal],
            "yolo": ["labels/7.txt", "labels/classes.txt"],
            "voc": ["Annotations/7.xml"],
            "coco": ["detections.coco.json", *journal],
            "crops": ["crops/cat/7-2.jpg", "crops/traffic light/7-1.jpg", *journal],
        }[name]
    )


def test_coco_takes_the_number_of_a_files_name(tmp_path: Path) -> None:
    (tmp_path / "j").write_text(json.dumps({**RECORD, "image": "val/000139.jpg"}) + "\n")
    documents.write_coco(read_journal(tmp_path / "j"), tmp_path / "c", CLASSES)
    assert {item["image_id"] for item in json.loads((tmp_path / "c").read_text())} == {139}


def test_coco_keeps_images_of_one_name_apart(tmp_path: Path) -> None:
    names = ("a/7.jpg", "b/007.png", "a/7.jpg", "a/x.jpg", "b/x.jpg")
    frames: list[dict[str, Any]] = [
        {"image": name, "frame": 3} for name in ("a/x.mp4", "b/x.mp4", "a/x.mp4")
    ]
    ids = ImageIds()
    assert [ids({"image": name}) for name in names] == [7, "b/007.png", 7, "x", "b/x.jpg"]
    assert [ids(record) for record in frames] == ["x-3", "b/x.mp4-3", "x-3"]


def test_nothing_found_is_something(tmp_path: Path) -> None:
    record = {**RECORD, "detections": []}
    (tmp_path / "j").write_text(json.dumps(record) + "\n")
    write_json_list(tmp_path / "a", read_journal(tmp_path / "j"))
    documents.write_coco(read_journal(tmp_path / "j"), tmp_path / "b", CLASSES)
    documents.write_csv(read_journal(tmp_path / "j"), tmp_path / "c")
    assert json.loads((tmp_path / "a").read_text()) == [record]
    assert json.loads((tmp_path / "b").read_text()) == []
    assert (tmp_path / "c").read_text().splitlines() == [",".join(documents.COLUMNS)]
    (tmp_path / "j").write_text("")
    write_json_list(tmp_path / "a", read_journal(tmp_path / "j"))
    assert json.loads((tmp_path / "a").read_text()) == []


def test_formats_that_are_none() -> None:
    for text, message in (("image,xml", "no such format: xml"), (" ,", "names nothing")):
        with pytest.raises(UserError, match=message) as caught:
            parse_formats(text, WRITERS)
        assert caught.value.code == ExitCode.USAGE


def test_label_files_of_images_that_differ_in_suffix(tmp_path: Path) -> None:
    photos = [jpeg(tmp_path / "photos" / name) for name in ("a.jpg", "a.png", "A.jpeg")]
    with Outputs(
        tmp_path / "out", frozenset({"yolo", "image"}), [*map(source, photos)], CLASSES, WRITERS
    ) as outputs:
        write(outputs, *map(result, photos))
    assert files(tmp_path / "out") == [
        "A-3.jpeg", "a-2.png", "a.jpg", "labels/A-3.txt", "labels/a-2.txt", "labels/a.txt",
        "labels/classes.txt",
    ]  # fmt: skip


def test_what_is_done_is_known_the_next_time(tmp_path: Path) -> None:
    photos = [jpeg(tmp_path / f"{i}.jpg") for i in range(4)]
    sources = [*map(source, photos)]
    out = tmp_path / "out"
    formats = parse_formats("image,csv", WRITERS)
    with Outputs(out, formats, sources, CLASSES, WRITERS) as outputs:
        write(outputs, *map(result, photos[:3]))
    (out / "1.jpg").unlink()
    with (out / "detections.jsonl").open("a") as file:
        file.write('{"image": "')  # where a power cut ended it
    with Outputs(out, formats, sources, CLASSES, WRITERS, resume=True) as outputs:
        assert outputs.is_done(sources) == [True, False, True, False]
        write(outputs, result(photos[1]), result(photos[3]))
    images = [record["image"] for record in read_journal(out / "detections.jsonl")]
    assert images == [str(photos[i]) for i in (0, 2, 1, 3)]
    rows = read_csv(out / "detections.csv")
    assert len(rows) == 8
    # Without that, all begins anew.
    with Outputs(out, formats, sources, CLASSES, WRITERS) as outputs:
        write(outputs, result(photos[3]))
    assert [record["image"] for record in read_journal(out / "detections.jsonl")] == [
        str(photos[3])
    ]


def test_a_run_in_which_nothing_was_done_leaves_the_last_one_alone(tmp_path: Path) -> None:
    photo = jpeg(tmp_path / "a.jpg")
    for results in ([result(photo)], []):
        with Outputs(
            tmp_path / "o", frozenset({"csv"}), [source(photo)], CLASSES, WRITERS
        ) as outputs:
            write(outputs, *results)
    assert len((tmp_path / "o/detections.csv").read_text().splitlines()) == 3
    assert not (tmp_path / "new").exists()


def test_a_folder_that_disappears(tmp_path: Path) -> None:
    photo = jpeg(tmp_path / "a.jpg")
    out = tmp_path / "out"
    with (
        pytest.raises(UserError, match="the folder has disappeared") as caught,
        Outputs(out, frozenset({"image", "json"}), [source(photo)], CLASSES, WRITERS) as outputs,
    ):
        write(outputs, result(photo))
        shutil.rmtree(out)
        write(outputs, result(photo))
    assert caught.value.code == ExitCode.FAILURE
    assert not (out / "a.jpg").exists()


def test_a_full_disk_leaves_whole_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    journal = Journal(tmp_path / "j.jsonl")
    journal.add(RECORD)
    assert journal._file is not None
    file = journal._file

    class Full:
        """A disk that takes ten bytes more."""

        def write(self, data: bytes) -> int:
            assert file.write(data[:10]) == 10
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        def __getattr__(self, name: str) -> Any:
            return getattr(file, name)

    monkeypatch.setattr(journal, "_file", Full())
    with pytest.raises(UserError, match="No space left") as caught:
        journal.add(RECORD)
    assert caught.value.code == ExitCode.FAILURE
    journal.close()
    lines = (tmp_path / "j.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in lines] == [RECORD]


def test_an_image_that_is_gone_when_it_is_drawn(tmp_path: Path) -> None:
    photo = tmp_path / "gone.jpg"
    with Outputs(
        tmp_path / "out", frozenset({"image"}), [source(photo)], CLASSES, WRITERS
    ) as outputs:
        outcome = outputs.finish(result(photo))
    assert isinstance(outcome, Failure)
    assert "gone.jpg: no such image" in outcome.error.message


def test_names_that_no_folder_may_have(tmp_path: Path) -> None:
    photo = jpeg(tmp_path / "a.jpg")
    names = ("../up", "a/b:c?")
    found = result(photo)
    odd = DetectResult(**{**vars(found), "names": names})
    with Outputs(
        tmp_path / "out", frozenset({"crops"}), [source(photo)], names, WRITERS
    ) as outputs:
        write(outputs, odd)
    folders = sorted(path.name for path in (tmp_path / "out/crops").iterdir())
    assert folders == ["_up", "a_b_c_"]


def test_names_that_no_encoding_has(tmp_path: Path) -> None:
    """A configuration refuses them; should one come through, results are not lost."""
    photo = jpeg(tmp_path / "a.jpg")
    names = ("c\ud800", "traffic light")
    odd = DetectResult(**{**vars(result(photo)), "names": names})
    out = tmp_path / "out"
    with Outputs(out, frozenset(FORMATS), [source(photo)], names, WRITERS) as outputs:
        write(outputs, odd)
    assert read_csv(out / "detections.csv")[1]["label"] == r"c\ud800"
    assert (out / "labels/classes.txt").read_text() == "c\\ud800\ntraffic light\n"
    (record,) = json.loads((out / "detections.json").read_text())
    assert record["detections"][1]["label"] == "c\ud800"
    assert r"<name>c\ud800</name>" in (out / "Annotations/a.xml").read_text()
    assert json.loads(odd.to_json()) == record


def test_a_video_source_is_never_written_over(tmp_path: Path) -> None:
    clip = tmp_path / "clip.mp4"
    clip.touch()
    sources = [Input(str(clip), "video", clip), source(tmp_path / "clip.jpg")]
    outputs = Outputs(tmp_path, frozenset({"image"}), sources, CLASSES, WRITERS)
    assert [outputs.targets[s.name].name for s in sources] == ["clip-2.mp4", "clip-2.jpg"]
