from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.data.builders import coco, image, voc_object, voc_xml, write
from tests.e2e.conftest import Refused, Yolo, save_fixed

# In an image of 160 × 80 the fixed weights find a disc (score .75) and a square (.375) in
# [20, 10, 60, 30], [100, 10, 140, 30], [20, 50, 60, 70] and [100, 50, 140, 70].
FOUND = [(20, 10, 60, 30), (100, 10, 140, 30), (20, 50, 60, 70), (100, 50, 140, 70)]
ELSEWHERE = (62, 31, 98, 49)  # touches none of them
ALL_DISCS = [("disc", box) for box in FOUND]

Objects = list[tuple[str, tuple[int, int, int, int]]]


def dataset(root: Path, difficult: bool = False, **images: Objects) -> Path:
    """A VOC folder of images of 160 × 80 with these objects."""
    for name, objects in images.items():
        image(root / "JPEGImages" / f"{name}.jpg", 160, 80)
        parts = [
            voc_object(label, x1 + 1, y1 + 1, x2, y2, difficult=int(difficult))
            for label, (x1, y1, x2, y2) in objects
        ]
        xml = voc_xml(*parts).replace("<width>7", "<width>160").replace("<height>7", "<height>80")
        write(root / "Annotations" / f"{name}.xml", xml)
    return root


KEYS = ["voc07", "voc", "coco", "operating_points", "confusion", "errors"]


def document_of(yolo: Yolo, *arguments: object) -> Any:
    result = yolo("eval", *arguments, "--json")
    assert result.code == 0, result.err
    return json.loads(result.out, parse_constant=pytest.fail)  # nan is no JSON


def score(yolo: Yolo, *arguments: object) -> Any:
    """mAP and AP by the rules of VOC2007."""
    document = document_of(yolo, *arguments)
    assert list(document) == KEYS
    voc07 = document["voc07"]
    assert list(voc07) == ["mAP", "AP", "by_threshold"]
    return {name: voc07[name] for name in ("mAP", "AP")}


def test_json(yolo: Yolo, fixed: Path, tmp_path: Path) -> None:
    # All four discs are found and nothing else is called one; no square is where one is found.
    data = dataset(tmp_path / "data", a=[*ALL_DISCS, ("square", ELSEWHERE)])
    expected = {"mAP": 50.0, "AP": {"disc": 100.0, "square": 0.0}}
    assert score(yolo, data, "--weights", fixed) == expected


def test_every_protocol(yolo: Yolo, fixed: Path, tmp_path: Path) -> None:
    # The discs are found to the pixel, the square is not found at all.
    data = dataset(tmp_path / "data", a=[*ALL_DISCS, ("square", ELSEWHERE)])
    document = document_of(yolo, data, "--weights", fixed, "--iou-thresholds", "0.5,0.9")
    for rule in ("voc07", "voc"):
        expected = {"mAP": 50.0, "AP": {"disc": 100.0, "square": 0.0}}
        assert document[rule]["by_threshold"] == {"0.5": expected, "0.9": expected}
        assert document[rule]["mAP"] == 50
    # 40 × 20 pixels are small, the square of 36 × 18 too.
    coco = {
        "AP": 50, "AP50": 50, "AP75": 50, "APs": 50, "APm": None, "APl": None,
        "AR1": 12.5, "AR10": 50, "AR100": 50, "ARs": 50, "ARm": None, "ARl": None,
    }  # fmt: skip
    assert document["coco"] == pytest.approx(coco)


def test_conf_is_where_points_are_told_and_changes_no_map(
    yolo: Yolo, fixed: Path, tmp_path: Path
) -> None:
    data = dataset(tmp_path / "data", a=[*ALL_DISCS, ("square", ELSEWHERE)])
    low = document_of(yolo, data, "--weights", fixed)
    high = document_of(yolo, data, "--weights", fixed, "--conf", "0.5")
    assert low["voc"] == high["voc"]
    # Discs score .75, squares .375: above .5 are four detections, all right, of five objects.
    assert low["operating_points"]["all"]["at_conf"] == {
        "conf": 0.25, "precision": 50, "recall": 80, "f1": pytest.approx(800 / 13),
    }  # fmt: skip
    assert high["operating_points"]["all"]["at_conf"] == {
        "conf": 0.5, "precision": 100, "recall": 80, "f1": pytest.approx(800 / 9),
    }  # fmt: skip
    assert high["confusion"]["labels"] == ["disc", "square", "background"]
    assert high["confusion"]["matrix"] == [[4, 0, 0], [0, 0, 1], [0, 0, 0]]
    # Each square lies on a disc, which a surer detection has taken.
    assert low["confusion"]["matrix"] == [[4, 0, 0], [0, 0, 1], [0, 4, 0]]


def test_what_is_not_kept_is_not_found(yolo: Yolo, fixed: Path, tmp_path: Path) -> None:
    data = dataset(tmp_path / "data", a=[("square", box) for box in FOUND])
    assert score(yolo, data, "--weights", fixed)["mAP"] == 100
    conf = ("--min-conf", "0.5", "--conf", "0.5")
    assert score(yolo, data, "--weights", fixed, *conf)["mAP"] == 0


def test_table(yolo: Yolo, fixed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    data = dataset(tmp_path / "data", a=[*ALL_DISCS, ("square", ELSEWHERE)], b=[])
    result = yolo("eval", data, "--weights", fixed)
    assert result.code == 0
    assert not result.out
    lines = [" ".join(line.split()) for line in result.err.splitlines()]
    # Of the eight discs that are found the four in image b are wrong. They are as sure as those
    # in a and come after them: precision is 1 at every recall.
    assert lines[:15] == [
        f"{data} (all, 2 images)",
        "class objects detections VOC07 VOC COCO",
        "disc 4 8 100.0 100.0 100.0",
        "square 1 8 0.0 0.0 0.0",
        "mean of 2 classes 5 16 50.0 50.0 50.0",
        "",
        # 4 of 8 are right, and with the squares 4 of 16.
        "class best F1 at prec. recall F1 at 0.25: prec. recall F1",
        "disc 0.750 50.0 100.0 66.7 50.0 100.0 66.7",
        "square - - - - 0.0 0.0 0.0",
        "all together 0.750 50.0 80.0 61.5 25.0 80.0 38.1",
        "",
        "VOC2007 (11 points; inclusive pixels; difficult objects ignored)",
        "mAP@0.5 50.00",
        "VOC2010+ (all points; inclusive pixels; difficult objects ignored)",
        "mAP@0.5 50.00",
    ]
    assert lines[15].startswith("COCO (101 points; IoU .5 to .95; 100 detections")
    assert "Objects: 4 found, 0 as another class, 0 with a misplaced box, 1 not at all" in lines
    assert "Detections: 12 of no object" in lines
    longest = max(len(line) for line in result.err.splitlines() if str(tmp_path) not in line)
    assert longest <= 80


@pytest.mark.parametrize("value", ["0", "1.5", "half", "0.5,", "nan", "0.5 0.75"])
def test_iou_thresholds_that_are_none(
    refused: Refused, fixed: Path, tmp_path: Path, value: str
) -> None:
    message = refused("eval", tmp_path, "--weights", fixed, "--iou-thresholds", value, code=2)
    assert "--iou-thresholds" in message
    assert "for example" in message


def test_two_weights_are_compared(yolo: Yolo, fixed: Path, tmp_path: Path) -> None:
    data = dataset(tmp_path / "data", a=ALL_DISCS, b=[("disc", ELSEWHERE)])
    other = tmp_path / "other.safetensors"
    save_fixed(other, ("square", "disc"))  # its discs are as good, but for their score
    both = ("--weights", fixed, "--weights", other)
    document = document_of(yolo, data, *both)
    assert list(document) == ["scores", "comparison"]
    assert list(document["scores"]) == [str(fixed), str(other)]
    for scores in document["scores"].values():
        assert list(scores) == KEYS
    assert document["comparison"]["voc07"]["difference"] == 0
    said = yolo("eval", data, *both).err
    assert f"A: {fixed}\nB: {other}\n" in said
    assert "+0.0" in said


def test_weights_that_cannot_be_compared(refused: Refused, fixed: Path, tmp_path: Path) -> None:
    data = dataset(tmp_path / "data", a=[*ALL_DISCS, ("cat", ELSEWHERE)])
    weights = tmp_path / "weights.safetensors"
    save_fixed(weights, ("disc", "cat"))
    message = refused("eval", data, "--weights", fixed, "--weights", weights, code=3)
    assert "only one of them knows cat" in message
    message = refused("eval", data, "--weights", fixed, "--weights", fixed, code=2)
    assert "two different ones" in message


def test_similar_classes(yolo: Yolo, refused: Refused, fixed: Path, tmp_path: Path) -> None:
    data = dataset(tmp_path / "data", a=[*ALL_DISCS, ("square", ELSEWHERE)])
    document = document_of(yolo, data, "--weights", fixed, "--similar", "disc,square")
    assert document["errors"]["similar"] == [["disc", "square"]]
    assert document_of(yolo, data, "--weights", fixed)["errors"]["similar"] == []
    message = refused("eval", data, "--weights", fixed, "--similar", "disc,cat", code=2)
    assert "cat" in message


def lines_of(path: Path, **images: list[tuple[str, float, tuple[int, int, int, int]]]) -> Path:
    """Detections as ``yolo detect --json`` prints them."""
    records = [
        {
            "image": f"somewhere/{name}.jpg",
            "width": 160,
            "height": 80,
            "detections": [{"label": n, "score": s, "box": list(box)} for n, s, box in found],
        }
        for name, found in images.items()
    ]
    return write(path, "".join(f"{json.dumps(record)}\n" for record in records))


def test_detections_of_a_file_need_no_images(yolo: Yolo, tmp_path: Path) -> None:
    data = dataset(tmp_path / "data", a=ALL_DISCS, b=[("square", ELSEWHERE)])
    for photo in (data / "JPEGImages").iterdir():
        photo.unlink()
    found = lines_of(tmp_path / "found.jsonl", a=[("disc", 0.5, box) for box in FOUND[:2]], b=[])
    document = document_of(yolo, data, "--detections", found)
    assert list(document) == KEYS
    # Half of the discs at precision 1: 6 of 11 points, half the area.
    assert document["voc07"]["AP"] == {"disc": pytest.approx(600 / 11), "square": 0}
    assert document["voc"]["AP"] == {"disc": 50, "square": 0}
    # A score below --min-conf is as good as not there.
    assert document_of(yolo, data, "--detections", found, "--min-conf", "0.6")["voc"]["mAP"] == 0


def test_detections_need_no_torch(tmp_path: Path) -> None:
    data = dataset(tmp_path / "data", a=ALL_DISCS)
    found = lines_of(tmp_path / "found.jsonl", a=[("disc", 0.5, FOUND[0])])
    code = (
        "import sys; from yolo_cli.cli.app import run;"
        f"run(['eval', {str(data)!r}, '--detections', {str(found)!r}]);"
        "sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_two_files_are_compared(yolo: Yolo, tmp_path: Path) -> None:
    data = dataset(tmp_path / "data", a=ALL_DISCS)
    all_of_them = [("disc", 0.5, box) for box in FOUND]
    first = lines_of(tmp_path / "first.jsonl", a=all_of_them[:2])
    second = lines_of(tmp_path / "second.jsonl", a=all_of_them)
    document = document_of(yolo, data, "--detections", first, "--detections", second)
    assert document["comparison"]["voc"]["difference"] == 50
    assert list(document["scores"]) == [str(first), str(second)]


def test_options_that_would_be_passed_over(refused: Refused, fixed: Path, tmp_path: Path) -> None:
    for option in (("--weights", fixed), ("--iou", "0.5"), ("--no-vote",), ("--device", "cpu")):
        message = refused("eval", tmp_path, "--detections", tmp_path / "x", *option, code=2)
        assert "is of no use to --detections" in message
    for option in (("--boxes", "xywh"), ("--class-base", "1"), ("--ignore-unknown",)):
        message = refused("eval", tmp_path, "--weights", fixed, *option, code=2)
        assert "is for --detections alone" in message


def test_report(yolo: Yolo, refused: Refused, fixed: Path, tmp_path: Path) -> None:
    data = dataset(tmp_path / "data", a=[*ALL_DISCS, ("cat", ELSEWHERE)])
    folder = tmp_path / "report"
    said = yolo("eval", data, "--weights", fixed, "--report", folder, "--conf", "0.5").err
    assert f"report: {folder / 'report.html'}\n" in said
    assert (folder / "report.html").is_file()
    provenance = json.loads((folder / "report.json").read_text("utf-8"))["provenance"]
    assert provenance["weights"].startswith(f"{fixed} (SHA-256 ")
    assert provenance["--conf"] == "0.5"
    assert provenance["--min-conf"] == "0.005"
    assert "not scored, as the weights do not know it: cat" in provenance["notes"]
    both = ("--weights", fixed, "--weights", "default")
    assert "--report" in refused("eval", data, *both, "--report", folder, code=2)
    taken = write(tmp_path / "file", "")
    assert "is a file" in refused("eval", data, "--weights", fixed, "--report", taken, code=2)


def test_report_of_detections_without_images(yolo: Yolo, tmp_path: Path) -> None:
    data = dataset(tmp_path / "data", a=ALL_DISCS)
    (data / "JPEGImages/a.jpg").unlink()
    found = lines_of(tmp_path / "found.jsonl", a=[("disc", 0.5, FOUND[0])])
    result = yolo("eval", data, "--detections", found, "--report", tmp_path / "report")
    assert result.code == 0, result.err
    provenance = json.loads((tmp_path / "report/report.json").read_text("utf-8"))["provenance"]
    assert provenance["detections"].startswith(f"{found} (SHA-256 ")
    assert "--min-conf" not in provenance


def test_unknown_images(yolo: Yolo, refused: Refused, tmp_path: Path) -> None:
    data = dataset(tmp_path / "data", a=ALL_DISCS)
    found = lines_of(
        tmp_path / "found.jsonl", a=[("disc", 0.5, FOUND[0])], z=[("disc", 0.5, ELSEWHERE)]
    )
    assert "--ignore-unknown" in refused("eval", data, "--detections", found, code=3)
    known = document_of(yolo, data, "--detections", found, "--ignore-unknown")
    assert known["voc"]["mAP"] == 25


def test_splits(yolo: Yolo, fixed: Path, tmp_path: Path) -> None:
    data = dataset(tmp_path / "data", a=ALL_DISCS, b=[("disc", ELSEWHERE)], c=ALL_DISCS)
    for name, ids in {"train": "a", "val": "b", "test": "c"}.items():
        write(data / "ImageSets/Main" / f"{name}.txt", f"{ids}\n")
    assert score(yolo, data, "--weights", fixed)["mAP"] == 0.0
    assert score(yolo, data, "--weights", fixed, "--split", "val")["mAP"] == 0.0
    assert score(yolo, data, "--weights", fixed, "--split", "test")["mAP"] == 100.0


def test_classes_that_the_weights_do_not_know(yolo: Yolo, fixed: Path, tmp_path: Path) -> None:
    data = dataset(tmp_path / "data", a=[*ALL_DISCS, ("cat", ELSEWHERE), ("ball", ELSEWHERE)])
    assert score(yolo, data, "--weights", fixed) == {"mAP": 100.0, "AP": {"disc": 100.0}}
    said = yolo("eval", data, "--weights", fixed).err
    assert "not scored, as the weights do not know it: ball, cat\n" in said
    assert "not scored, as the dataset does not have it: square\n" in said


def test_classes_go_by_name_not_by_number(yolo: Yolo, tmp_path: Path) -> None:
    # The dataset's classes are, in order, ball, disc and tv monitor.
    weights = tmp_path / "weights.safetensors"
    save_fixed(weights, ("TV-Monitor", "Disc"))
    objects = [("tv monitor", box) for box in FOUND]
    data = dataset(tmp_path / "data", a=[*objects, ("disc", ELSEWHERE), ("ball", ELSEWHERE)])
    expected = {"mAP": 50.0, "AP": {"disc": 0.0, "tv monitor": 100.0}}
    assert score(yolo, data, "--weights", weights) == expected


def test_no_class_in_common(refused: Refused, fixed: Path, tmp_path: Path) -> None:
    data = dataset(tmp_path / "data", a=[("cat", FOUND[0])])
    message = refused("eval", data, "--weights", fixed, "--json", code=3)
    assert "no class in common: disc, square against cat" in message
    assert "yolo train DATA" in message


def test_nothing_to_find(yolo: Yolo, fixed: Path, tmp_path: Path) -> None:
    data = dataset(tmp_path / "data", a=[("disc", FOUND[0])], b=[])
    write(data / "ImageSets/Main/train.txt", "a\n")
    write(data / "ImageSets/Main/val.txt", "b\n")
    assert score(yolo, data, "--weights", fixed) == {"mAP": None, "AP": {}}
    said = yolo("eval", data, "--weights", fixed).err
    assert "nan" not in said
    assert "no object, left out of the mean: disc\n" in said
    assert "mAP: none, as there is no object to find\n" in said


def test_difficult_objects_count_for_nothing(yolo: Yolo, fixed: Path, tmp_path: Path) -> None:
    data = dataset(tmp_path / "data", difficult=True, a=ALL_DISCS)
    assert score(yolo, data, "--weights", fixed) == {"mAP": None, "AP": {}}


def test_one_image_of_yolo_and_coco(yolo: Yolo, fixed: Path, tmp_path: Path) -> None:
    image(tmp_path / "yolo/images/a.jpg", 160, 80)
    centres = ("0.25 0.25", "0.75 0.25", "0.25 0.75", "0.75 0.75")
    write(tmp_path / "yolo/labels/a.txt", "".join(f"0 {c} 0.25 0.25\n" for c in centres))
    write(tmp_path / "yolo/classes.txt", "disc\n")
    image(tmp_path / "coco/images/a.jpg", 160, 80)
    annotations = [
        {"id": i, "image_id": 1, "category_id": 9, "bbox": [x1, y1, x2 - x1, y2 - y1]}
        for i, (x1, y1, x2, y2) in enumerate(FOUND)
    ]
    text = coco([(1, "a.jpg")], annotations, {9: "disc"})
    write(tmp_path / "coco/annotations/all.json", text)
    for name in ("yolo", "coco"):
        assert score(yolo, tmp_path / name, "--weights", fixed)["AP"] == {"disc": 100.0}


def test_skip_bad_counts_what_it_drops(yolo: Yolo, fixed: Path, tmp_path: Path) -> None:
    data = dataset(tmp_path / "data", a=ALL_DISCS, b=ALL_DISCS, c=[("disc", (20, 10, 600, 30))])
    photo = data / "JPEGImages/b.jpg"
    photo.write_bytes(photo.read_bytes()[:-500])
    result = yolo("eval", data, "--weights", fixed, "--skip-bad", "--json")
    assert result.code == 0
    skipped = [line for line in result.err.splitlines() if line.startswith("skipped:")]
    assert len(skipped) == 2
    assert str(photo) in skipped[0]
    assert f"{data / 'Annotations/c.xml'}:4" in skipped[1]
    assert "(all, 2 images)" in result.err  # a, and c without its object


@pytest.mark.parametrize("batch", ["1", "2", "9" * 30])
def test_batches_change_nothing(yolo: Yolo, tiny: Path, toy: Path, batch: str) -> None:
    expected = score(yolo, toy, "--weights", tiny)
    assert score(yolo, toy, "--weights", tiny, "--batch", batch) == expected
