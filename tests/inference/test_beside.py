"""What stands beside the pictures is not written over."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.inference.conftest import jpeg
from tests.inference.test_outputs import CLASSES, files, result, source, write
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.inference.outputs import Outputs
from yolo_cli.tasks.detect.writers import WRITERS

NAMES = "".join(f"{name}\n" for name in CLASSES)


def run(photo: Path, out: Path, *formats: str, resume: bool = False) -> None:
    sources = [source(photo)]
    with Outputs(out, frozenset(formats), sources, CLASSES, WRITERS, resume=resume) as outputs:
        if not resume or not outputs.is_done(sources)[0]:
            write(outputs, result(photo))


def refused(photo: Path, out: Path, *formats: str, resume: bool = False) -> str:
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    with pytest.raises(UserError) as caught:
        run(photo, out, *formats, resume=resume)
    assert caught.value.code == ExitCode.USAGE
    assert "--out" in caught.value.hint
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before
    return caught.value.message


@pytest.mark.parametrize(
    ("format_", "photo", "label"),
    [("voc", "JPEGImages/a.jpg", "Annotations/a.xml"), ("yolo", "images/a.jpg", "labels/a.txt")],
)
def test_labels_of_the_pictures_dataset(
    tmp_path: Path, format_: str, photo: str, label: str
) -> None:
    path = jpeg(tmp_path / photo)
    (tmp_path / label).parent.mkdir()
    (tmp_path / label).write_text("by hand")
    assert f"{label}: there already" in refused(path, tmp_path, format_)
    assert f"{label}: there already" in refused(path, tmp_path, format_, "csv", resume=True)
    run(path, tmp_path / "elsewhere", format_)
    assert (tmp_path / label).read_text() == "by hand"


def test_names_of_other_classes(tmp_path: Path) -> None:
    photo = jpeg(tmp_path / "images/a.jpg")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels/classes.txt").write_text("zebra\n")
    assert "classes.txt: there already" in refused(photo, tmp_path, "yolo")
    assert "it names other classes" in refused(photo, tmp_path, "yolo", resume=True)
    (tmp_path / "labels/classes.txt").write_text(NAMES)
    run(photo, tmp_path, "yolo")
    assert files(tmp_path) == ["images/a.jpg", "labels/a.txt", "labels/classes.txt"]


def test_a_photograph_that_has_the_name_of_the_copy(tmp_path: Path) -> None:
    photo, other = jpeg(tmp_path / "a.gif"), jpeg(tmp_path / "a.png")
    before = other.read_bytes()
    assert "a.png: there already" in refused(photo, tmp_path, "image")
    assert other.read_bytes() == before


def test_an_earlier_run_beside_the_pictures_is_gone_on_with(tmp_path: Path) -> None:
    photo = jpeg(tmp_path / "images/a.jpg")
    run(photo, tmp_path, "yolo")
    run(photo, tmp_path, "yolo", resume=True)
    assert "a.txt: there already" in refused(photo, tmp_path, "yolo")


def test_a_folder_of_results_is_written_again(tmp_path: Path) -> None:
    photo = jpeg(tmp_path / "images/a.jpg")
    out = tmp_path / "detections"
    run(photo, out, "yolo", "voc", "image")
    (out / "labels/a.txt").write_text("old")
    run(photo, out, "yolo", "voc", "image")
    assert (out / "labels/a.txt").read_text() != "old"
