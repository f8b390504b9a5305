from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image

from tests.e2e.conftest import Refused, Result, Yolo

# Of an image of 200 × 100, the boxes of the fixed weights: the middles of the quarters are
# (50, 25), (150, 25), (50, 75), (150, 75), and a box is 200/4 by 100/4.
BOXES = [
    [25.0, 12.5, 75.0, 37.5],
    [125.0, 12.5, 175.0, 37.5],
    [25.0, 62.5, 75.0, 87.5],
    [125.0, 62.5, 175.0, 87.5],
]


def picture(path: Path, size: tuple[int, int] = (200, 100), **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, "orange").save(path, **options)
    return path


def records(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.out.splitlines()]


def names(folder: str) -> list[str]:
    return sorted(os.listdir(folder))  # noqa: PTH208  # names are what is asked for


def size(path: str) -> tuple[int, int]:
    with Image.open(path) as image:
        return image.size


def test_annotated_copies_and_a_table(yolo: Yolo, fixed: Path, tmp_path: Path) -> None:
    photo = picture(tmp_path / "photo.png", (800, 400))
    result = yolo("detect", photo, "--weights", fixed, "--out", "found")
    assert result.code == 0
    assert not result.out
    lines = [line.rstrip().split(maxsplit=2) for line in result.err.splitlines()]
    assert lines[0] == ["image", "size", "found"]
    assert lines[1][:2] == ["photo.png", "800×400"]
    # Eight detections, the strongest six by name.
    assert lines[1][2] == (
        "disc 75%, disc 75%, disc 75%, disc 75%, square 38%, square 38% and 2 more"
    )
    assert result.err.splitlines()[2:] == [
        "1 image: 4 disc, 4 square",
        "annotated copies: found",
    ]
    with Image.open("found/photo.png") as drawn:
        assert drawn.size == (800, 400)
        orange = Image.new("RGB", (800, 400), "orange")
        changed = np.asarray(drawn.convert("RGB")) != np.asarray(orange)
    # Four times the first of the boxes above: x 100 to 300, y 50 to 150.
    assert changed[100, 100].any()
    assert not changed[110:140, 150:290].any()


def test_the_default_folder(yolo: Yolo, fixed: Path, tmp_path: Path) -> None:
    result = yolo("detect", picture(tmp_path / "a.jpg"), "--weights", fixed)
    assert result.code == 0
    assert names("detections") == ["a.jpg"]


def test_how_it_works_is_explained(yolo: Yolo, fixed: Path, tmp_path: Path) -> None:
    photos = [picture(tmp_path / "a.jpg"), picture(tmp_path / "b.png", (30, 600))]
    plain = yolo("detect", *photos, "--weights", fixed, "--out", "plain", "--json")
    result = yolo("detect", *photos, "--weights", fixed, "--explain", "--out", "out", "--json")
    assert result.code == 0
    assert records(result) == records(plain)
    assert names("out") == ["a.jpg", "b.png"]
    assert size("out/a.jpg") == size("out/b.png")  # of four squares each
    assert size("plain/a.jpg") == (200, 100)


@pytest.mark.parametrize("options", [["--json"], ["--save", "csv"]])
def test_an_explanation_needs_a_picture(
    refused: Refused, fixed: Path, tmp_path: Path, options: list[str]
) -> None:
    photo = picture(tmp_path / "a.jpg")
    message = refused("detect", photo, "--weights", fixed, "--explain", *options, code=2)
    assert "--explain draws pictures, and none are written" in message


def test_json_lines_and_nothing_else(yolo: Yolo, fixed: Path, tmp_path: Path) -> None:
    photos = [picture(tmp_path / "a.jpg"), picture(tmp_path / "b.png", (400, 100))]
    result = yolo("detect", *photos, "--weights", fixed, "--json", "--classes", "disc")
    assert result.code == 0
    first, second = records(result)
    assert first == {
        "image": str(photos[0]),
        "width": 200,
        "height": 100,
        "detections": [{"label": "disc", "score": 0.75, "box": box} for box in BOXES],
    }
    wide = [[2 * x1, y1, 2 * x2, y2] for x1, y1, x2, y2 in BOXES]
    assert [d["box"] for d in second["detections"]] == wide
    assert result.err == "2 images: 8 disc\n"
    assert not Path("detections").exists()


def test_json_and_copies(yolo: Yolo, fixed: Path, tmp_path: Path) -> None:
    photo = picture(tmp_path / "a.jpg")
    result = yolo("detect", photo, "--weights", fixed, "--json", "--out", "found")
    assert len(records(result)) == 1
    assert names("found") == ["a.jpg"]


def test_coordinates_are_those_of_the_upright_image(
    yolo: Yolo, fixed: Path, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # stored lying on its side
    photo = picture(tmp_path / "a.jpg", (100, 200), exif=exif)
    result = yolo("detect", photo, "--weights", fixed, "--json", "--out", "found", "--conf", ".5")
    (record,) = records(result)
    assert (record["width"], record["height"]) == (200, 100)
    assert [d["box"] for d in record["detections"]] == BOXES
    with Image.open("found/a.jpg") as drawn:
        assert drawn.size == (200, 100)
        assert ExifTags.Base.Orientation not in drawn.getexif()


def test_a_bad_file_among_good_ones(yolo: Yolo, fixed: Path, tmp_path: Path) -> None:
    good = [picture(tmp_path / "photos" / f"{i}.png") for i in range(5)]
    whole = good[0].read_bytes()
    bad = {"2b.png": whole[: len(whole) // 2], "3b.jpg": b"", "4b.jpg": b"<html>"}
    for name, content in bad.items():
        (tmp_path / "photos" / name).write_bytes(content)
    result = yolo("detect", tmp_path / "photos", "--weights", fixed, "--json", "--out", "found")
    assert result.code == 3
    assert [r["image"] for r in records(result)] == [str(path) for path in good]
    assert names("found") == [path.name for path in good]
    errors = [line for line in result.err.splitlines() if line.startswith("error:")]
    assert len(errors) == 3
    for line, name in zip(errors, bad, strict=True):
        assert str(tmp_path / "photos" / name) in line
    assert result.err.splitlines()[-2].startswith("5 images: ")
    assert result.err.splitlines()[-2].endswith("; 3 could not be read")


def test_nothing_but_bad_files(yolo: Yolo, fixed: Path, tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    result = yolo("detect", tmp_path / "a.jpg", "--weights", fixed)
    assert result.code == 3
    assert result.err.splitlines() == [
        f"error: {tmp_path / 'a.jpg'}: empty image file (zero bytes)",
        "0 images: nothing found; 1 could not be read",
    ]
    assert not Path("detections").exists()


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ([], 8),
        (["--conf", ".4"], 4),  # the discs
        (["--conf", ".75"], 4),  # the threshold itself is enough
        (["--conf", ".76"], 0),
        (["--max-det", "3"], 3),
        (["--classes", "square"], 4),
        (["--classes", "Square,DISC"], 8),
        (["--classes", " square ,", "--max-det", "3"], 3),  # the best three squares
    ],
)
def test_thresholds_and_classes(
    yolo: Yolo, fixed: Path, tmp_path: Path, options: list[str], count: int
) -> None:
    photo = picture(tmp_path / "a.jpg")
    result = yolo("detect", photo, "--weights", fixed, "--json", *options)
    assert result.code == 0
    found = records(result)[0]["detections"]
    assert len(found) == count
    if "square" in " ".join(options):
        assert {d["label"] for d in found} == {"square"}


def test_suppression(yolo: Yolo, tiny: Path, tmp_path: Path) -> None:
    photo = picture(tmp_path / "a.jpg")
    counts = []
    for iou in ("0", "1"):
        options = ("--conf", "0", "--iou", iou, "--classes", "disc")
        (record,) = records(yolo("detect", photo, "--weights", tiny, "--json", *options))
        counts.append(len(record["detections"]))
    # Two boxes for each of 2 × 2 cells; those of a cell have almost the same centre.
    assert counts[0] <= 4
    assert counts[1] == 8


def test_patterns_folders_and_subfolders(yolo: Yolo, fixed: Path, tmp_path: Path) -> None:
    for name in ("a1.jpg", "a2.jpg", "b.png", "below/c.jpg"):
        picture(tmp_path / "photos" / name)
    (tmp_path / "photos" / "notes.txt").write_text("no image")

    def images(*sources: object) -> list[str]:
        result = yolo("detect", *sources, "--weights", fixed, "--json")
        assert result.code == 0
        return [Path(r["image"]).name for r in records(result)]

    assert images(tmp_path / "photos" / "a*.jpg") == ["a1.jpg", "a2.jpg"]
    assert images(tmp_path / "photos") == ["a1.jpg", "a2.jpg", "b.png"]
    assert images(tmp_path / "photos", "-r") == ["a1.jpg", "a2.jpg", "b.png", "c.jpg"]
    assert images(tmp_path) == ["a1.jpg", "a2.jpg", "b.png", "c.jpg"]  # none in the folder itself
    assert images(tmp_path / "photos" / "b.png", tmp_path / "photos") == [
        "b.png", "a1.jpg", "a2.jpg",
    ]  # fmt: skip


def test_two_sources_of_one_name(yolo: Yolo, fixed: Path, tmp_path: Path) -> None:
    one = picture(tmp_path / "one" / "x.jpg", (200, 100))
    two = picture(tmp_path / "two" / "x.jpg", (300, 100))
    assert yolo("detect", one, two, "--weights", fixed, "--out", "found").code == 0
    assert names("found") == ["x-2.jpg", "x.jpg"]
    assert size("found/x.jpg") == (200, 100)
    assert size("found/x-2.jpg") == (300, 100)


def test_a_source_is_never_written_over(yolo: Yolo, fixed: Path, tmp_path: Path) -> None:
    photo = picture(tmp_path / "photos" / "x.png")
    before = photo.read_bytes()
    assert yolo("detect", photo, "--weights", fixed, "--out", photo.parent).code == 0
    assert photo.read_bytes() == before
    assert names(str(photo.parent)) == ["x-2.png", "x.png"]


def test_a_named_file_with_an_odd_suffix(yolo: Yolo, fixed: Path, tmp_path: Path) -> None:
    photo = picture(tmp_path / "photo.jpg")
    odd = photo.rename(tmp_path / "photo.dat")
    result = yolo("detect", odd, "--weights", fixed, "--out", "found")
    assert result.code == 0
    assert names("found") == ["photo.jpg"]


@pytest.mark.skipif(os.name != "posix", reason="no such file names elsewhere")
def test_file_names_of_all_kinds(yolo: Yolo, fixed: Path, tmp_path: Path) -> None:
    for name in ("line\nbreak.png", "[bold]x.png", "\x1b[31mred.png", "日本 🐈.png", "--conf.png"):
        picture(tmp_path / "photos" / name)
    result = yolo("detect", tmp_path / "photos", "--weights", fixed, "--json", "--out", "found")
    assert result.code == 0
    found = [Path(r["image"]).name for r in records(result)]
    assert sorted(found) == names("found") == names(str(tmp_path / "photos"))
    table = yolo("detect", tmp_path / "photos", "--weights", fixed).err
    assert len(table.splitlines()) == 1 + 5 + 2
    assert "\x1b" not in table
    assert r"line\nbreak.png" in table
    assert "[bold]x.png" in table


def test_modes_and_shapes(yolo: Yolo, fixed: Path, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    for mode in ("1", "L", "LA", "P", "RGBA", "I;16"):
        Image.new(mode, (40, 20)).save(photos / f"{mode.replace(';', '')}.png")
    Image.new("CMYK", (40, 20)).save(photos / "cmyk.jpg")
    picture(photos / "dot.png", (1, 1))
    picture(photos / "line.png", (3000, 1))
    result = yolo("detect", photos, "--weights", fixed, "--json", "--out", "found")
    assert result.code == 0
    assert len(records(result)) == len(names("found")) == 9


def test_batches_and_precision_change_nothing(yolo: Yolo, fixed: Path, tmp_path: Path) -> None:
    for i in range(5):
        picture(tmp_path / "photos" / f"{i}.jpg", (200 + i, 100))
    outputs = {
        yolo("detect", tmp_path / "photos", "--weights", fixed, "--json", *options).out
        for options in (["--batch", "1"], ["--batch", "3"], ["--precision", "bf16"])
    }
    assert len(outputs) == 1


def test_the_weights_of_a_run_folder_are_suggested(
    refused: Refused, fixed: Path, tmp_path: Path
) -> None:
    (tmp_path / "run").mkdir()
    best = tmp_path / "run" / "best.safetensors"
    best.write_bytes(fixed.read_bytes())
    photo = picture(tmp_path / "a.jpg")
    message = refused("detect", photo, "--weights", tmp_path / "run", code=3)
    assert message.endswith(f"did you mean {best}?")
