"""Each format gives the same detections; what is unclear is asked for, what is wrong is named."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from yolo_cli.data.sample import Dataset, Sample
from yolo_cli.errors import UserError
from yolo_cli.evaluation.result_forms import BoxForm, ResultFormat
from yolo_cli.evaluation.results import DetectionArrays, detections_of, read_detections
from yolo_cli.tasks.detect.records import detection_record

CLASSES = ("cat", "traffic light", "dog")


def sample(
    name: str,
    key: int | str | None = None,
    size: tuple[int, int] = (100, 80),
    boxes: Sequence[Sequence[float]] = (),
) -> Sample:
    count = len(boxes)
    return Sample(
        id=name,
        image=Path(f"{name}.jpg"),
        width=size[0],
        height=size[1],
        boxes=np.array(boxes, dtype=np.float64).reshape(-1, 4),
        labels=np.zeros(count, dtype=np.int64),
        difficult=np.zeros(count, dtype=np.bool_),
        crowd=np.zeros(count, dtype=np.bool_),
        area=np.ones(count),
        key=key,
    )


SAMPLES = (sample("000007"), sample("val/b"), sample("000012"))

# By sample: class, score, xyxy.
Row = tuple[str, float, tuple[float, float, float, float]]
FOUND: tuple[tuple[Row, ...], ...] = (
    (("cat", 0.9, (60, 40, 90.5, 70)), ("dog", 0.25, (0, 0, 50, 80))),
    (),
    (("traffic light", 0.5, (55, 50, 100, 80)), ("cat", 0.5, (70, 60, 80, 65))),
)
ROWS = [(index, *row) for index, rows in enumerate(FOUND) for row in rows]


def as_expected(
    found: Sequence[DetectionArrays],
    rounding: float = 0,
    truth: Sequence[Sequence[Row]] = FOUND,
) -> None:
    """Whether the detections are FOUND, in the order of each file."""
    assert len(found) == len(truth)
    for one, rows in zip(found, truth, strict=True):
        boxes = np.array([row[2] for row in rows]).reshape(-1, 4)
        assert one["boxes"].dtype == one["scores"].dtype == np.float64
        assert one["boxes"] == pytest.approx(boxes, abs=rounding + 1e-12)
        assert one["scores"].tolist() == [row[1] for row in rows]
        assert one["labels"].tolist() == [CLASSES.index(row[0]) for row in rows]


def in_files(root: Path, texts: Mapping[str, str]) -> Path:
    root.mkdir(parents=True, exist_ok=True)
    for name, text in texts.items():
        (root / name).write_text(text, encoding="utf-8")
    return root


def folder(root: Path, line: str) -> Path:
    """A text file for each image; `line` is formatted with name, index, score and numbers."""
    names = ("000007", "b", "000012")
    return in_files(
        root, {f"{name}.txt": text(rows, line) for name, rows in zip(names, FOUND, strict=True)}
    )


def text(rows: Sequence[Row], line: str) -> str:
    out = ""
    for name, score, (x1, y1, x2, y2) in rows:
        numbers = {"x1": x1, "y1": y1, "x2": x2, "y2": y2, "w": x2 - x1, "h": y2 - y1}
        middle = {"cx": (x1 + x2) / 2, "cy": (y1 + y2) / 2}
        every = {**numbers, **middle}
        parts = {f"{k}n": v / (80 if k[-1] == "h" or "y" in k else 100) for k, v in every.items()}
        index = CLASSES.index(name)
        out += line.format(name=name, index=index, score=score, **every, **parts) + "\n"
    return out


def refused(path: Path, **options: object) -> UserError:
    with pytest.raises(UserError) as caught:
        read_detections(path, SAMPLES, CLASSES, **options)  # type: ignore[arg-type]
    assert "\n" not in caught.value.message
    assert "\n" not in caught.value.hint
    assert str(path) in caught.value.message
    return caught.value


CORNERS = "{name} {score} {x1} {y1} {x2} {y2}"
SIZE = "{name} {score} {x1} {y1} {w} {h}"
YOLO = "{index} {cxn:.6f} {cyn:.6f} {wn:.6f} {hn:.6f} {score}"


@pytest.mark.parametrize(
    ("line", "rounding"),
    [
        (CORNERS, 0),
        ("{index} {score} {x1} {y1} {x2} {y2}", 0),
        (SIZE, 0),
        (YOLO, 1e-4),
        ("{name} {score} {cxn:.6f} {cyn:.6f} {wn:.6f} {hn:.6f}", 1e-4),
    ],
)
def test_folders_of_a_file_for_each_image(tmp_path: Path, line: str, rounding: float) -> None:
    as_expected(read_detections(folder(tmp_path, line), SAMPLES, CLASSES), rounding)


@pytest.mark.parametrize(
    ("line", "boxes"),
    [
        (CORNERS, "xyxy"),
        (SIZE, "xywh"),
        ("{name} {score} {cx} {cy} {w} {h}", "cxcywh"),
        ("{name} {score} {x1n} {y1n} {x2n} {y2n}", "xyxyn"),
        ("{name} {score} {x1n} {y1n} {wn} {hn}", "xywhn"),
        ("{name} {score} {cxn} {cyn} {wn} {hn}", "cxcywhn"),
    ],
)
def test_forms_that_are_told(tmp_path: Path, line: str, boxes: BoxForm) -> None:
    as_expected(read_detections(folder(tmp_path, line), SAMPLES, CLASSES, boxes=boxes))


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("first", [0, 1])
def test_coco_results_for_any_ground_truth(tmp_path: Path, indent: int | None, first: int) -> None:
    ids: tuple[int | str, ...] = (7, "b", "000012")  # as Ultralytics writes names that are numbers
    results = [
        {
            "image_id": ids[image],
            "category_id": CLASSES.index(name) + first,
            "bbox": [x1, y1, x2 - x1, y2 - y1],
            "score": score,
        }
        for image, name, score, (x1, y1, x2, y2) in ROWS
    ]
    path = tmp_path / "results.json"
    path.write_text(json.dumps(results, indent=indent), encoding="utf-8")
    # 0 or 3 of the three classes occurs: that tells which is the first.
    as_expected(read_detections(path, SAMPLES, CLASSES))
    as_expected(read_detections(tmp_path, SAMPLES, CLASSES, format="coco"))  # alone in its folder
    path.write_text(json.dumps([{**results[2], "category_id": 1}]), encoding="utf-8")
    assert "--class-base 0 or --class-base 1" in refused(path).hint
    for base in (0, 1):
        found = read_detections(path, SAMPLES, CLASSES, class_base=base)
        assert found[2]["labels"].tolist() == [1 - base]


def test_coco_ids_are_those_of_the_annotation_file(tmp_path: Path) -> None:
    keys: tuple[int | str, ...] = (139, 7, "000012")
    samples = tuple(sample(f"{n:012}", key) for n, key in zip((7, 139, 3), keys, strict=True))
    data = Dataset(
        Path(), "coco", "val", CLASSES, samples, category_ids={1: 0, 18: 1, 90: 2, 91: 2}
    )
    path = tmp_path / "coco_instances_results.json"
    rows = [(7, 91), (139, 1), (139, 18), ("139", 90), ("000000000139.jpg", 1)]
    results = [
        {"image_id": key, "category_id": category, "bbox": [1, 2, 3, 4], "score": 0.5}
        for key, category in rows
    ]
    path.write_text(json.dumps(results), encoding="utf-8")
    found = detections_of(data, path, boxes="xywh")
    # 7 is the id of the second image, whose file is called 139: ids go first.
    assert [one["labels"].tolist() for one in found] == [[0, 1, 2], [2, 0], []]
    assert found[1]["boxes"].tolist() == [[1, 2, 4, 6]] * 2
    path.write_text(json.dumps([{**results[0], "category_id": 2}]), encoding="utf-8")
    with pytest.raises(UserError, match=r"detection 0 \(from 0\): class '2'"):
        detections_of(data, path)


@pytest.mark.parametrize(
    "name",
    [
        "comp4_det_test_{}.txt",
        "comp4_det_val_run-7_{}.txt",
        "comp4-1234_det_test_{}.txt",
        "comp3_det_test_my_best_{}.txt",
        "det_test_{}.txt",
        "{}.txt",
    ],
)
@pytest.mark.parametrize("space", [" ", "_"])
def test_files_for_each_class(tmp_path: Path, name: str, space: str) -> None:
    images = ("000007", "b", "000012")
    texts = {name.format(one.replace(" ", space)): "" for one in CLASSES}
    for image, label, score, (x1, y1, x2, y2) in ROWS:
        line = f"{images[image]} {score} {x1 + 1} {y1 + 1} {x2} {y2}\n"
        texts[name.format(label.replace(" ", space))] += line
    by_file = [sorted(rows) for rows in FOUND]  # cat before traffic light
    as_expected(read_detections(in_files(tmp_path, texts), SAMPLES, CLASSES), 0, by_file)
    (tmp_path / "notes.md").write_text("not one of them")
    as_expected(read_detections(tmp_path, SAMPLES, CLASSES, format="voc"), 0, by_file)


def test_a_class_is_the_longest_that_a_file_name_ends_with(tmp_path: Path) -> None:
    classes = ("light", "traffic light", "Light")
    in_files(tmp_path, {"comp4_det_test_traffic_light.txt": "b .5 1 1 20 20\n"})
    found = read_detections(tmp_path, SAMPLES, classes)
    assert found[1]["labels"].tolist() == [1]
    assert found[1]["boxes"].tolist() == [[0, 0, 20, 20]]  # twenty pixels each way
    in_files(tmp_path, {"comp4_det_test_red_traffic-light.txt": "b .5 1 1 2 2\n"})
    with pytest.raises(UserError, match="second file for class 'traffic light'"):
        read_detections(tmp_path, SAMPLES, classes)


def test_image_names_with_spaces_folders_and_suffixes(tmp_path: Path) -> None:
    samples = (sample("my photo 1"), sample("val/b"), sample("train/b"), sample("v1.0"))
    lines = "".join(
        f"{name} .5 1 1 20 20\n"
        for name in ("my photo 1", "C:\\data\\val\\images\\b.jpg", "/x/train/b", "v1.0", "v1.0.png")
    )
    found = read_detections(in_files(tmp_path, {"comp4_det_test_cat.txt": lines}), samples, CLASSES)
    assert [len(one["scores"]) for one in found] == [1, 1, 1, 2]
    in_files(tmp_path, {"comp4_det_test_cat.txt": "b .5 1 1 20 20\n"})
    with pytest.raises(UserError, match="several images are called 'b'"):
        read_detections(tmp_path, samples, CLASSES)


def test_our_own_lines(tmp_path: Path) -> None:
    path = tmp_path / "detections"  # whatever it is called
    images = ("photos/000007.jpg", "../val/b.png", "/abs/000012.jpg")
    records = [
        detection_record(
            Path(image),
            100,
            80,
            np.array([row[2] for row in rows]),
            [row[1] for row in rows],
            [CLASSES.index(row[0]) for row in rows],
            CLASSES,
        )
        for image, rows in zip(images, FOUND, strict=True)
    ]
    path.write_text("\n".join(map(json.dumps, records)), encoding="utf-8")
    as_expected(read_detections(path, SAMPLES, CLASSES))
    path.write_text("", encoding="utf-8")
    assert not any(
        len(one["scores"]) for one in read_detections(path, SAMPLES, CLASSES, format="jsonl")
    )


def test_text_ground_truth_counts_the_last_pixel(tmp_path: Path) -> None:
    data = Dataset(Path(), "text", "all", CLASSES, (sample("a", size=(0, 0)),))
    in_files(tmp_path, {"a.txt": "cat .5 10 20 30 40\n"})
    expected: dict[BoxForm, list[float]] = {
        "xyxy": [9, 19, 30, 40],
        "voc": [9, 19, 30, 40],
        "xywh": [9, 19, 40, 60],
    }
    for form, box in expected.items():
        assert detections_of(data, tmp_path, boxes=form)[0]["boxes"].tolist() == [box]


def test_corners_and_sizes_are_told_apart_where_no_size_is_known(tmp_path: Path) -> None:
    truth = [sample("a", size=(0, 0), boxes=[[0, 0, 499, 374]]), sample("b", size=(0, 0))]
    in_files(tmp_path, {"b.txt": "cat .5 300 20 450 90\n" * 20})
    assert read_detections(tmp_path, truth, CLASSES)[1]["boxes"][0].tolist() == [300, 20, 450, 90]
    in_files(tmp_path, {"b.txt": "cat .5 300 20 150 70\n" * 20})
    assert read_detections(tmp_path, truth, CLASSES)[1]["boxes"][0].tolist() == [300, 20, 450, 90]
    in_files(tmp_path, {"b.txt": "cat .5 .5 .5 .2 .2\n"})
    with pytest.raises(UserError, match=r"b.txt:1: .*size is not known"):
        read_detections(tmp_path, truth, CLASSES, boxes="cxcywhn")


@pytest.mark.parametrize(
    ("line", "hint"),
    [
        ("cat .5 10 20 30 40", "--boxes xyxy or --boxes xywh"),
        ("cat .5 60 50 90 30", "--boxes xyxy or --boxes xywh"),  # neither: 60 + 90 > 100
        ("cat .5 .1 .2 .3 .4", "--boxes xyxyn or --boxes xywhn"),
        ("0 .5 .5 .5 .5 .6", "--detections-format yolo"),
    ],
)
def test_what_is_unclear_is_asked_for(tmp_path: Path, line: str, hint: str) -> None:
    assert hint in refused(in_files(tmp_path, {"000007.txt": f"{line}\n"})).hint


@pytest.mark.parametrize("wanted", ["text", "yolo"])
def test_the_place_of_the_score_can_be_told(tmp_path: Path, wanted: ResultFormat) -> None:
    in_files(tmp_path, {"000007.txt": "0 .5 .5 .5 .5 .6\n"})
    found = read_detections(tmp_path, SAMPLES, CLASSES, format=wanted, boxes="cxcywhn")[0]
    assert found["scores"].tolist() == [0.5 if wanted == "text" else 0.6]
    assert found["labels"].tolist() == [0]


def test_a_few_impossible_boxes_are_empty(tmp_path: Path) -> None:
    good = "000007 .5 61 41 90 70\n" * 99
    bad = "000007 .5 50 41 20 70\n"
    in_files(tmp_path, {"comp4_det_test_cat.txt": good + bad})
    found = read_detections(tmp_path, SAMPLES, CLASSES)[0]
    assert found["boxes"][99].tolist() == [49, 40, 49, 70]
    in_files(tmp_path, {"comp4_det_test_cat.txt": good + bad + bad})
    error = refused(tmp_path)
    assert f"{tmp_path / 'comp4_det_test_cat.txt'}:100: box '50 41 20 70'" in error.message
    assert "--boxes xywh" in error.hint
    in_files(tmp_path, {"comp4_det_test_cat.txt": "000007 .5 -1e30 41 1e300 70\n"})
    found = read_detections(tmp_path, SAMPLES, CLASSES)[0]
    assert found["boxes"].tolist() == [[-1e7, 40, 1e7, 70]]


@pytest.mark.parametrize(
    ("bbox", "hint"),
    [([60, 50, 90, 70], "--boxes xyxy"), ([0.1, 0.2, 0.3, 0.4], "--boxes xywhn")],
)
def test_coco_boxes_in_a_wrong_form(tmp_path: Path, bbox: list[float], hint: str) -> None:
    path = tmp_path / "r.json"
    record = {"image_id": 7, "category_id": 0, "bbox": bbox, "score": 1}
    path.write_text(json.dumps([record]), encoding="utf-8")
    assert hint in refused(path).hint


def test_unknown_images_and_classes(tmp_path: Path) -> None:
    lines = "000007 .5 1 1 20 20\nelsewhere .9 1 1 20 20\n"
    in_files(tmp_path, {"comp4_det_test_cat.txt": lines, "comp4_det_test_cow.txt": ""})
    error = refused(tmp_path)
    assert f"{tmp_path / 'comp4_det_test_cat.txt'}:2: an image" in error.message
    assert "'elsewhere'" in error.message
    assert "--ignore-unknown" in error.hint
    in_files(tmp_path, {"comp4_det_test_cow.txt": "000007 .5 1 1 20 20\n"})
    found = read_detections(tmp_path, SAMPLES, CLASSES, ignore_unknown=True)
    assert [one["scores"].tolist() for one in found] == [[0.5], [], []]
    in_files(tmp_path, {"comp4_det_test_cat.txt": "000007 .5 1 1 20 20\n"})
    error = refused(tmp_path)
    assert f"{tmp_path / 'comp4_det_test_cow.txt'}:1: class 'cow'" in error.message
    assert "cat, traffic light, dog" in error.hint
    in_files(tmp_path, {"comp4_det_test_cat.txt": ""})
    assert "class 'cow'" in refused(tmp_path, ignore_unknown=True).message  # nothing would be left


def test_files_for_images_that_nobody_knows(tmp_path: Path) -> None:
    in_files(tmp_path, {"000007.txt": "cat .5 60 40 90 70\n", "x.txt": "cat .5 60 40 90 70\n"})
    error = refused(tmp_path)
    assert error.message.startswith(f"{tmp_path / 'x.txt'}:1: ")
    assert len(read_detections(tmp_path, SAMPLES, CLASSES, ignore_unknown=True)[0]["scores"]) == 1


LINE_FAULTS = [
    ("cat .5 1 2 3", "5 columns"),
    ("cat", "1 columns"),
    ("cat .5 1 2 x 4", "'x' is not a number"),
    ("cat nan 1 2 3 4", "'nan' is not finite"),
    ("cat .5 1 2 3 1e999", "'1e999' is not finite"),
    ("0 0 .5 1 2 3 4", "class '0 0'"),
    ("cat\0 .5 1 2 3 4", "class 'cat"),
]


@pytest.mark.parametrize(("line", "message"), LINE_FAULTS)
def test_broken_lines(tmp_path: Path, line: str, message: str) -> None:
    in_files(tmp_path, {"000007.txt": f"cat .5 60 40 90 70\n\n{line}\n"})
    error = refused(tmp_path)
    assert error.message.startswith(f"{tmp_path / '000007.txt'}:3: ")
    assert message in error.message


def test_a_missing_score_is_told(tmp_path: Path) -> None:
    assert "save_conf" in refused(in_files(tmp_path, {"000007.txt": "0 .5 .5 .1 .1\n"})).hint


GOOD: dict[str, object] = {"image_id": 7, "category_id": 0, "bbox": [1, 2, 3, 4], "score": 1}


@pytest.mark.parametrize(
    ("record", "message"),
    [
        ([], "[] is not an object"),
        ({**GOOD, "bbox": [1, 2, 3]}, "not four numbers"),
        ({**GOOD, "bbox": [1, 2, 3, "4"]}, "not four numbers"),
        ({**GOOD, "bbox": [1, 2, 3, True]}, "not four numbers"),
        ({**GOOD, "bbox": None}, "not four numbers"),
        ({**GOOD, "bbox": [1, 2, 3, 10**400]}, "not finite"),
        ({**GOOD, "score": None}, "not a number"),
        ({**GOOD, "score": float("nan")}, "not finite"),
        ({**GOOD, "image_id": 7.0}, "image_id is 7.0"),
        ({**GOOD, "image_id": [7]}, "image_id is [7]"),
        ({**GOOD, "category_id": True}, "category_id is True"),
        ({**GOOD, "category_id": "cow"}, "class 'cow'"),
        ({**GOOD, "category_id": -1}, "class '-1'"),
        ({**GOOD, "category_id": 10**30}, "class '1000"),
        ({"image_id": 7, "category_id": 0, "bbox": [1, 2, 3, 4]}, "no 'score'"),
    ],
)
def test_broken_coco_records(tmp_path: Path, record: object, message: str) -> None:
    path = tmp_path / "r.json"
    path.write_text(json.dumps([GOOD, record]), encoding="utf-8")
    error = refused(path)
    assert error.message.startswith(f"{path}: detection 1 (from 0): ")
    assert message in error.message


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b'[{"image_id": 1},\n', ":2: broken JSON"),
        (b"{}", "COCO's result format"),
        (b'{"image": "7.jpg"}\n', ":1: no 'image' or no 'detections'"),
        (b'{"image": "7.jpg", "detections": []}\n{', ":2: broken JSON"),
        (
            b'{"image": "7.jpg", "detections": []}\n{"image": "7.jpg", "detections": [3]}',
            "3 is not",
        ),
        (b"[\xff]", ":1: not UTF-8"),
        (b"[" * 100_000, "nested too deeply"),
        (b"[" + b"9" * 5000 + b"]", "broken JSON"),
    ],
)
def test_broken_json(tmp_path: Path, data: bytes, message: str) -> None:
    path = tmp_path / "r.json"
    path.write_bytes(data)
    assert message in refused(path).message


def test_places_without_detections(tmp_path: Path) -> None:
    assert "no such file" in refused(tmp_path / "x").message
    assert "no text files" in refused(tmp_path).message
    in_files(tmp_path, {"cat.txt": ""})
    assert not any(len(one["scores"]) for one in read_detections(tmp_path, SAMPLES, CLASSES))
    samples = [sample("cat"), sample("dog")]
    with pytest.raises(UserError, match="like images and like classes"):
        read_detections(tmp_path, samples, CLASSES)
    assert read_detections(tmp_path, samples, CLASSES, format="text")


def test_a_huge_file_is_refused(tmp_path: Path) -> None:
    in_files(tmp_path, {"000007.txt": "cat .5 60 40 90 70\n"})
    with (tmp_path / "000007.txt").open("r+b") as file:
        file.truncate(100 * 1024**2)  # sparse: takes no room
    error = refused(tmp_path)
    assert "100.0 MB is too large" in error.message
    assert "at most 4 MB" in error.hint
