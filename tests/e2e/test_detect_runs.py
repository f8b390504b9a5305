"""``yolo detect``: sources and results of all kinds, and what may go wrong in a long run."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import signal
import time
from fractions import Fraction
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest
from PIL import Image

from tests.e2e.conftest import Refused, Yolo
from tests.e2e.test_detect import names, picture, records, size
from tests.e2e.test_process import PATIENCE, start
from yolo_cli.inference import outputs


def read_csv(path: str) -> list[dict[str, str]]:
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


def test_all_formats(yolo: Yolo, fixed: Path, tmp_path: Path) -> None:
    for name in ("a.jpg", "b.jpg"):
        picture(tmp_path / "photos" / name)
    formats = "image,json,jsonl,csv,yolo,voc,coco,crops"
    options = ("--save", formats, "--out", "found", "--conf", ".5")
    result = yolo("detect", tmp_path / "photos", "--weights", fixed, *options)
    assert result.code == 0
    assert result.err.splitlines()[-1] == "results: found"
    assert names("found") == [
        "Annotations", "a.jpg", "b.jpg", "crops", "detections.coco.json", "detections.csv",
        "detections.json", "detections.jsonl", "labels",
    ]  # fmt: skip
    rows = read_csv("found/detections.csv")
    assert [row["image"] for row in rows] == [str(tmp_path / "photos/a.jpg")] * 4 + [
        str(tmp_path / "photos/b.jpg")
    ] * 4
    assert len(names("found/crops/disc")) == 8


@pytest.mark.parametrize("form", ["coco", "yolo", "jsonl"])
def test_results_can_be_scored(yolo: Yolo, toy: Path, tiny: Path, form: str) -> None:
    """The files give the score that the network itself gives, but for the rounding of boxes."""
    common = ("--weights", tiny, "--conf", ".005", "--iou", ".5")
    ours = yolo("eval", toy, "--split", "val", "--json", *common)
    assert ours.code == 0, ours.err
    val = (toy / "ImageSets/Main/val.txt").read_text().split()
    listed = Path("val.txt")
    listed.write_text("".join(f"{toy}/JPEGImages/{stem}.png\n" for stem in val))
    assert yolo("detect", listed, *common, "--save", form, "--out", "found").code == 0
    place = {"coco": "detections.coco.json", "yolo": "labels", "jsonl": "detections.jsonl"}[form]
    options: dict[str, list[object]] = {
        "coco": ["--class-base", 1],
        "yolo": ["--detections-format", "yolo"],  # the boxes of this network would fit both
        "jsonl": [],
    }
    extra = options[form]
    scored = yolo(
        "eval", toy, "--split", "val", "--json", "--detections", Path("found", place), *extra
    )
    assert scored.code == 0, scored.err
    a, b = (json.loads(one.out)["voc07"]["mAP"] for one in (ours, scored))
    assert a == pytest.approx(b, abs=0.5)


def test_nms_over_all_classes(yolo: Yolo, fixed: Path, tmp_path: Path) -> None:
    photo = picture(tmp_path / "a.jpg")
    for option, count in (("class", 8), ("agnostic", 4)):
        result = yolo("detect", photo, "--weights", fixed, "--json", "--nms", option)
        assert len(records(result)[0]["detections"]) == count


def test_drawing_options(yolo: Yolo, fixed: Path, tmp_path: Path) -> None:
    photo = picture(tmp_path / "a.png", (400, 200))
    drawn = []
    for options in ([], ["--hide-scores"], ["--hide-labels"], ["--line-width", "9"]):
        assert yolo("detect", photo, "--weights", fixed, "--out", "o", *options).code == 0
        with Image.open("o/a.png") as image:
            drawn.append(np.asarray(image.convert("RGB")).astype(int))
    orange = np.asarray(Image.new("RGB", (1, 1), "orange"))
    full, scoreless, bare, bold = (int((one != orange).any(axis=2).sum()) for one in drawn)
    assert full > scoreless > bare
    assert bold > full


def test_paths_on_standard_input(
    yolo: Yolo, fixed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo = picture(tmp_path / "a.jpg")
    stdin = io.TextIOWrapper(io.BytesIO(f"{photo}\n{tmp_path}/missing.jpg\n".encode()))
    monkeypatch.setattr("sys.stdin", stdin)
    result = yolo("detect", "-", "--weights", fixed, "--json")
    assert result.code == 3
    assert [record["image"] for record in records(result)] == [str(photo)]
    assert "missing.jpg: no such image" in result.err


def test_pictures_drawn_and_not_have_the_same_detections(
    yolo: Yolo, tiny: Path, tmp_path: Path
) -> None:
    """Large JPEGs reach the network at a fraction of their size, whatever else is done."""
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 256, (30, 40, 3), dtype=np.uint8))
    photo = tmp_path / "a.jpg"
    noise.resize((803, 601), Image.Resampling.BICUBIC).save(photo)
    options = ("detect", photo, "--weights", tiny, "--json", "--conf", "0")
    first, second = yolo(*options), yolo(*options, "--save", "image,crops", "--out", "o")
    assert first.out == second.out
    assert len(records(first)[0]["detections"]) > 3


def test_going_on(yolo: Yolo, fixed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    for i in range(4):
        picture(folder / f"{i}.jpg")
    options = ("detect", folder, "--weights", fixed, "--save", "image,json", "--out", "found")
    first = yolo(*options, "--skip-existing")
    assert first.err.splitlines()[-2] == "4 images: 16 disc, 16 square"
    whole = json.loads(Path("found/detections.json").read_text())
    before = Path("found/0.jpg").stat().st_mtime_ns
    Path("found/2.jpg").unlink()
    second = yolo(*options, "--skip-existing")
    assert second.err.splitlines()[-2] == "1 image: 4 disc, 4 square; 3 done before"
    assert Path("found/0.jpg").stat().st_mtime_ns == before
    third = yolo(*options, "--skip-existing")
    assert third.code == 0
    assert third.err.splitlines()[-1] == "0 images: nothing found; 4 done before"
    again = json.loads(Path("found/detections.json").read_text())
    assert sorted(again, key=str) == sorted(whole, key=str)  # the third is the last now


def test_options_that_make_no_sense(refused: Refused, fixed: Path, tmp_path: Path) -> None:
    photo = picture(tmp_path / "a.jpg")
    base = ("detect", photo, "--weights", fixed)
    assert "--skip-existing without" in refused(*base, "--json", "--skip-existing", code=2)
    assert "no such format: gif" in refused(*base, "--save", "gif", code=2)


@pytest.mark.parametrize("options", [["--out", ""], ["--out="], ["--weights", ""]])
def test_empty_values(refused: Refused, tmp_path: Path, options: list[str]) -> None:
    before = names(".")
    message = refused("detect", picture(tmp_path / "a.jpg"), *options, code=2)
    assert message.startswith(f"error: {options[0].rstrip('=')}: its value is empty")
    assert "an empty argument" in refused("detect", "", code=2)
    assert names(".") == before


def test_values_that_are_none(yolo: Yolo, refused: Refused, tmp_path: Path) -> None:
    photo = picture(tmp_path / "a.jpg")
    for value in ("nan", "7", "-1e308"):
        result = yolo("detect", photo, "--conf", value)
        assert result.code == 2
        assert "Invalid value for '--conf'" in result.err
    assert "http://x: no such weights file" in refused(
        "detect", photo, "--weights", "http://x", code=3
    )


def test_one_thread_and_several(yolo: Yolo, tiny: Path, tmp_path: Path) -> None:
    for i in range(9):
        picture(tmp_path / "photos" / f"{i}.jpg", (100 + i, 80))
    base = ("detect", tmp_path / "photos", "--weights", tiny, "--json", "--conf", "0")
    one, three = (yolo(*base, "--threads", n, "--batch", 1).out for n in (1, 3))
    assert len(one.splitlines()) == 9
    for a, b in zip(map(json.loads, one.splitlines()), map(json.loads, three.splitlines()),
                    strict=True):  # fmt: skip
        assert a["image"] == b["image"]
        assert a["detections"] == b["detections"]


# What may go wrong -------------------------------------------------------------------------------


def test_pictures_of_odd_shapes(yolo: Yolo, fixed: Path, tmp_path: Path) -> None:
    sizes = [(1, 1), (1, 20_000), (20_000, 1), (3, 9000)]
    for i, shape in enumerate(sizes):
        picture(tmp_path / "photos" / f"{i}.jpg", shape)
    result = yolo(
        "detect", tmp_path / "photos", "--weights", fixed, "--json", "--save", "image,crops,voc",
        "--out", "found",
    )  # fmt: skip
    assert result.code == 0, result.err
    assert {(r["width"], r["height"]) for r in records(result)} == set(sizes)
    for record in records(result):
        for found in record["detections"]:
            x1, y1, x2, y2 = found["box"]
            assert 0 <= x1 < x2 <= record["width"]
            assert 0 <= y1 < y2 <= record["height"]
    for i, shape in enumerate(sizes):
        assert size(f"found/{i}.jpg") == shape


@pytest.mark.skipif(os.name != "posix", reason="no such file names elsewhere")
def test_names_that_leave_no_room_for_a_suffix(yolo: Yolo, fixed: Path, tmp_path: Path) -> None:
    long = "x" * 250 + ".jpg"
    photos = [picture(tmp_path / "photos" / name) for name in (long, "y" * 251 + ".jpg", "z.jpg")]
    options = ("--weights", fixed, "--out", "found", "--conf", ".5")
    result = yolo("detect", *photos, *options, "--save", "image,crops,yolo,voc")
    assert result.code == 0, result.err
    stems = ["x" * 235, "y" * 235, "z"]
    pictures = [name for name in names("found") if name.endswith(".jpg")]
    assert pictures == [f"{stem}.jpg" for stem in stems]
    assert len(names("found/crops/disc")) == 12
    assert names("found/Annotations") == [f"{stem}.xml" for stem in stems]
    again = yolo("detect", *photos, *options, "--save", "image,yolo,voc", "--skip-existing")
    assert "3 done before" in again.err


def test_a_name_that_the_disk_refuses_is_reported(
    yolo: Yolo, fixed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some file systems take 143 bytes (eCryptfs), and some paths are long before their names."""
    for name in ("a.jpg", "long.jpg", "z.jpg"):
        picture(tmp_path / "photos" / name)
    make = Path.replace

    def refuse(self: Path, target: Path) -> Path:
        if target.name == "long.jpg":
            raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))
        return make(self, target)

    monkeypatch.setattr(Path, "replace", refuse)
    result = yolo("detect", tmp_path / "photos", "--weights", fixed, "--out", "found")
    assert result.code == 3
    assert names("found") == ["a.jpg", "z.jpg"]
    assert "long.jpg: cannot be written: File name too long" in result.err
    assert "2 images: 8 disc, 8 square; 1 could not be read" in result.err


def test_a_subfolder_without_permission(
    yolo: Yolo, fixed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture(tmp_path / "photos" / "a.jpg")
    picture(tmp_path / "photos" / "closed" / "b.jpg")
    scandir = os.scandir

    def refuse(path: str) -> object:
        if str(path).endswith("closed"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    result = yolo("detect", tmp_path / "photos", "-r", "--weights", fixed, "--json")
    assert result.code == 3
    assert [Path(record["image"]).name for record in records(result)] == ["a.jpg"]
    assert f"{tmp_path / 'photos' / 'closed'}: cannot be read: Permission denied" in result.err


def test_addresses_that_are_none(yolo: Yolo, fixed: Path, tmp_path: Path) -> None:
    photo = picture(tmp_path / "a.jpg")
    result = yolo("detect", "http://[::1/x.jpg", photo, "--weights", fixed, "--json")
    assert result.code == 3
    assert [record["image"] for record in records(result)] == [str(photo)]
    assert "error: http://[::1/x.jpg: cannot be fetched: Invalid IPv6 URL" in result.err


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_two_runs_into_one_folder(yolo: Yolo, fixed: Path, tmp_path: Path) -> None:
    first = picture(tmp_path / "photos" / "0.png", (1000, 1000))
    for i in range(1, 60):
        os.link(first, tmp_path / "photos" / f"{i}.png")
    options = ("detect", tmp_path / "photos", "--weights", fixed, "--save", "json,csv")
    with start(*options) as process:
        deadline = time.monotonic() + PATIENCE
        while not Path("detections/detections.jsonl").exists():
            assert process.poll() is None, process.stderr and process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        process.send_signal(signal.SIGSTOP)  # however fast this machine is
        second = yolo(*options)
        elsewhere = yolo("detect", first, "--weights", fixed, "--save", "json", "--out", "other")
        process.send_signal(signal.SIGCONT)
        process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert second.code == 1
    assert second.error.splitlines() == [
        "error: detections: another run is writing into this folder",
        "wait until it has finished, or name another folder with --out",
    ]
    assert elsewhere.code == 0
    assert len(json.loads(Path("detections/detections.json").read_text())) == 60
    assert len(read_csv("detections/detections.csv")) == 60 * 8
    assert names("detections") == ["detections.csv", "detections.json", "detections.jsonl"]


def forged(path: Path, side: int) -> Path:
    """A photograph that claims to be larger than it is: what is missing is grey."""
    small = picture(path, (64, 64))
    data = bytearray(small.read_bytes())
    frame = data.index(b"\xff\xc0")  # start of frame: length, precision, height, width
    data[frame + 5 : frame + 9] = side.to_bytes(2, "big") * 2
    path.write_bytes(data)
    return path


def test_a_photograph_of_900_megapixels(yolo: Yolo, fixed: Path, tmp_path: Path) -> None:
    """As RGB it would take 2.7 GB; the network needs an eighth of each side, 14 megapixels."""
    huge = forged(tmp_path / "photos" / "a.jpg", 30_000)
    picture(tmp_path / "photos" / "b.jpg")
    forged(tmp_path / "photos" / "c.jpg", 40_000)
    options = ("--weights", fixed, "--json", "--max-det", "1")
    result = yolo("detect", huge.parent, *options)
    assert result.code == 3
    first, second = records(result)
    assert (first["image"], first["width"], first["height"]) == (str(huge), 30_000, 30_000)
    # A box from an eighth to three eighths of both sides.
    assert first["detections"][0]["box"] == [3750.0, 3750.0, 11250.0, 11250.0]
    assert Path(second["image"]).name == "b.jpg"
    assert "c.jpg: image too large (40000 x 40000 pixels)" in result.err


def test_a_full_disk_half_way(
    yolo: Yolo, fixed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(9):
        picture(tmp_path / "photos" / f"{i}.jpg")
    save = Image.Image.save
    left = 4

    def until_full(self: Image.Image, file: IO[bytes], *rest: Any, **options: Any) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            file.write(b"\xff\xd8")
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        save(self, file, *rest, **options)

    monkeypatch.setattr(Image.Image, "save", until_full)
    options = ("detect", tmp_path / "photos", "--weights", fixed, "--batch", "1")
    result = yolo(*options, "--save", "image,csv", "--out", "found")
    assert result.code == 1
    assert "No space left on device" in result.error
    assert len(result.error.splitlines()) == 2
    kept = [name for name in names("found") if name.endswith(".jpg")]
    assert len(kept) == 4
    assert not [name for name in names("found") if "part" in name]
    for name in kept:
        with Image.open(f"found/{name}") as image:
            image.load()
    for line in Path("found/detections.jsonl").read_text().splitlines():
        assert Path(json.loads(line)["image"]).name in kept
    monkeypatch.setattr(Image.Image, "save", save)  # someone made room
    result = yolo(*options, "--save", "image,csv", "--out", "found", "--skip-existing")
    assert result.code == 0
    assert len(names("found")) == 9 + 2
    rows = read_csv("found/detections.csv")
    assert len(rows) == 9 * 8


def test_a_folder_that_disappears(
    yolo: Yolo, fixed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(9):
        picture(tmp_path / "photos" / f"{i}.jpg")
    finish = outputs.Outputs.finish

    def sabotage(self: outputs.Outputs, result: Any) -> Any:
        done = finish(self, result)
        if result.origin.path.name == "3.jpg":
            Path("found").rename("moved")  # at once: another picture may be on its way
        return done

    monkeypatch.setattr(outputs.Outputs, "finish", sabotage)
    options = ("detect", tmp_path / "photos", "--weights", fixed, "--batch", "1")
    result = yolo(*options, "--out", "found")
    assert result.code == 1
    assert "found: the folder has disappeared" in result.error or "cannot be written" in (
        result.error
    )
    assert not Path("found").exists()


@pytest.mark.parametrize("save", ["image", "crops", "yolo", "voc", "json,csv"])
def test_a_folder_that_disappears_just_after_it_was_looked_for(
    save: str, yolo: Yolo, fixed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for i in range(9):
        picture(tmp_path / "photos" / f"{i}.jpg")
    check, calls = outputs.Outputs._check_folder, iter(range(100))

    def sabotage(self: outputs.Outputs) -> None:
        check(self)
        if next(calls) == 0:
            Path("found").rename("moved")

    monkeypatch.setattr(outputs.Outputs, "_check_folder", sabotage)
    options = ("detect", tmp_path / "photos", "--weights", fixed, "--batch", "1")
    result = yolo(*options, "--save", save, "--out", "found")
    assert result.code == 1
    assert "found" in result.error and "Traceback" not in result.error
    assert not Path("found").exists()


def make_clip(path: Path, count: int) -> Path:
    pytest.importorskip("av")
    from yolo_cli.inference.video import VideoWriter

    writer = VideoWriter(path, Fraction(10))
    for i in range(count):
        writer.add(Image.new("RGB", (200, 100), (10 * i, 120, 0)), i / 10)
    writer.close()
    return path


def test_a_video(yolo: Yolo, fixed: Path, tmp_path: Path) -> None:
    clip, photo = make_clip(tmp_path / "clip.mp4", 12), picture(tmp_path / "a.jpg")
    options = ("--weights", fixed, "--every", "5", "--save", "image,yolo,csv", "--out", "found")
    result = yolo("detect", clip, photo, "--json", *options)
    assert result.code == 0, result.err
    assert [(r.get("frame"), r.get("time")) for r in records(result)] == [
        (0, 0.0), (5, 0.5), (10, 1.0), (None, None),
    ]  # fmt: skip
    assert names("found") == ["a.jpg", "clip.mp4", "detections.csv", "detections.jsonl", "labels"]
    assert names("found/labels") == [
        "a.txt", "classes.txt", "clip-000000.txt", "clip-000005.txt", "clip-000010.txt",
    ]  # fmt: skip
    assert "1 image and 3 frames: 16 disc, 16 square" in result.err
    from yolo_cli.inference.video import frames

    copy = list(frames(Path("found/clip.mp4")))
    assert [item.origin.time for item in copy] == pytest.approx([0, 0.5, 1.0])
    again = yolo("detect", clip, photo, *options, "--skip-existing")
    assert "2 done before" in again.err


def test_a_video_that_ends_in_the_middle_of_a_frame(
    yolo: Yolo, fixed: Path, tmp_path: Path
) -> None:
    av = pytest.importorskip("av")
    path = tmp_path / "clip.mkv"
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(20):
            noise = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(noise, format="rgb24")))
        container.mux(stream.encode(None))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    photo = picture(tmp_path / "a.jpg")
    result = yolo("detect", path, photo, "--weights", fixed, "--json", "--out", "found")
    assert result.code == 3
    assert "clip.mkv: damaged video (it breaks off after" in result.err
    assert records(result)[-1]["image"] == str(photo)
    assert len(records(result)) > 5
    from yolo_cli.inference.video import frames

    assert len(list(frames(Path("found/clip.mp4")))) == len(records(result)) - 1


def test_videos_without_their_library(
    refused: Refused, fixed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    (tmp_path / "clip.mp4").touch()
    message = refused("detect", tmp_path / "clip.mp4", "--weights", fixed, code=2)
    assert "pip install 'yolo-cli[video]'" in message


@pytest.mark.skipif(os.name != "posix", reason="signals of POSIX")
def test_ctrl_c_leaves_whole_files(yolo: Yolo, fixed: Path, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    first = picture(folder / "0.png", (1200, 1200))
    for i in range(1, 80):
        os.link(first, folder / f"{i}.png")
    options = ("detect", folder, "--weights", fixed, "--save", "image,json", "--out", "found")
    with start(*options) as process:
        deadline = time.monotonic() + PATIENCE
        journal = Path("found/detections.jsonl")
        while not journal.exists() or len(journal.read_bytes().splitlines()) < 3:
            assert process.poll() is None, process.stderr and process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert not out
    assert b"Traceback" not in err
    done = json.loads(Path("found/detections.json").read_text())
    pictures = {name for name in names("found") if name.endswith(".png")}
    assert {Path(record["image"]).name for record in done} <= pictures
    assert not [name for name in names("found") if name.startswith(".")]
    result = yolo(*options, "--skip-existing")
    assert result.code == 0
    assert len(json.loads(Path("found/detections.json").read_text())) == 80
