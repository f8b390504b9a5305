"""Labels on their way from the page to the disk: whole, never over others', as train takes them."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

pytest.importorskip("starlette")

from yolo_cli.data.dataset import open_dataset
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.label.open import Wish, opened_session
from yolo_cli.label.place import NO_FILE, Save
from yolo_cli.label.session import Session, find_images

from .served import Client, mark


def written(session: Session, index: int, *marks: dict[str, Any]) -> None:
    session.write(index, list(marks), session.label(index)["version"])


def test_a_label_is_voc_counted_from_one_and_the_dataset_is_what_train_takes(
    client: Client,
) -> None:
    done = client.put(0, NO_FILE, mark("cat", 3, 4, 20, 30), mark("owl", 0, 0, 40, 1)).json()
    text = (client.out / "Annotations/a.xml").read_text("utf-8")
    for line in ("<xmin>4</xmin>", "<ymin>5</ymin>", "<xmax>20</xmax>", "<ymax>30</ymax>"):
        assert line in text
    assert client.label(0) == {
        "size": [40, 30],
        "version": done["version"],
        "marks": [
            {"name": "cat", "box": [3, 4, 20, 30], "difficult": False},
            {"name": "owl", "box": [0, 0, 40, 1], "difficult": False},
        ],
        "problem": "",
        "state": "done",
    }
    assert client.put(2, NO_FILE).status_code == 200  # nothing on it, which is a label as well
    dataset = open_dataset(client.out)
    data = dataset.load(None)
    assert (dataset.format, [one.image.name for one in data.samples]) == (
        "voc",
        ["a.jpg", "sub_c.png"],
    )
    assert data.samples[0].boxes.tolist() == [[3, 4, 20, 30], [0, 0, 40, 1]]
    assert not data.faults and not len(data.samples[1])


def test_yolo_text_keeps_the_order_of_the_classes(photos: Path) -> None:
    with opened_session(Wish(photos, classes=("zebra", "ant"), save="yolo")) as (session, _):
        written(session, 1, mark("ant", 10, 15, 30, 30))
        out = session.place.out
        assert (out / "labels/b.txt").read_text() == "1 0.5 0.75 0.5 0.5\n"
        written(session, 1, mark("mouse", 10, 15, 30, 30))
    data = open_dataset(out).load(None)
    assert data.classes == ("zebra", "ant", "mouse")
    assert [one.image.resolve() for one in data.samples] == [photos / "b.jpg"]
    with opened_session(Wish(photos)) as (again, _):  # the same command goes on
        assert again.classes == ("zebra", "ant", "mouse")
        assert [entry.state for entry in again.entries] == ["open", "done", "open"]
        assert again.label(1)["marks"] == [
            {"name": "mouse", "box": (10, 15, 30, 30), "difficult": False}
        ]


def test_a_label_that_another_program_has_changed_is_left_alone(client: Client) -> None:
    version = client.put(0, NO_FILE, mark("cat", 0, 0, 9, 9)).json()["version"]
    path = client.out / "Annotations/a.xml"
    theirs = path.read_text("utf-8").replace("<xmax>9<", "<xmax>12<")
    path.write_text(theirs, "utf-8")
    refused = client.put(0, version, mark("dog", 1, 1, 5, 5))
    assert refused.status_code == 409
    assert refused.json()["marks"][0]["box"] == [0, 0, 12, 9]
    assert path.read_text("utf-8") == theirs
    assert client.put(1, "some-version").status_code == 409  # its label has been removed
    assert client.put(0, refused.json()["version"], mark("dog", 1, 1, 5, 5)).status_code == 200


def test_a_removed_label_leaves_no_background_behind(client: Client) -> None:
    version = client.put(0, NO_FILE, mark("cat", 0, 0, 9, 9)).json()["version"]
    gone = client.http.request("DELETE", "api/label/0", json={"version": version})
    assert gone.json()["state"] == "open"
    assert not [*client.out.glob("JPEGImages/*"), *client.out.glob("Annotations/*")]


def test_a_full_disk_is_told_and_nothing_is_lost(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = client.put(0, NO_FILE, mark("cat", 0, 0, 9, 9)).json()["version"]

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", full)
        refused = client.put(0, version, mark("dog", 1, 1, 5, 5))
        assert refused.status_code == 507
        assert "No space left" in refused.json()["message"]
    assert client.label(0)["marks"][0]["name"] == "cat"
    assert client.put(0, version, mark("dog", 1, 1, 5, 5)).status_code == 200
    assert {path.name for path in (client.out / "Annotations").iterdir()} == {"a.xml"}


@pytest.mark.parametrize(
    "wrong",
    [
        mark("cat", 0, 0, 5),
        mark("cat", 0, 0, 5, float("inf")),
        mark("cat", 41, 0, 50, 5),
        mark("cat", 5, 5, 5, 9),
        mark(" ", 0, 0, 5, 5),
        mark("a\x01", 0, 0, 5, 5),
        mark("a" * 101, 0, 0, 5, 5),
        "box",
    ],
)
def test_what_is_no_box_is_refused(client: Client, wrong: dict[str, Any]) -> None:
    with pytest.raises(UserError):
        client.session.write(0, [wrong], NO_FILE)
    assert not (client.out / "Annotations").exists()


def test_labels_of_the_dataset_are_shown_and_corrected_elsewhere(photos: Path) -> None:
    (photos / "a.txt").write_text("1 0.5 0.5 0.5 0.5\n")
    (photos / "classes.txt").write_text("hen\nfox\n")
    with opened_session(Wish(photos)) as (session, _):
        for _ in range(500):
            if session.entries[0].state == "given":
                break
            threading.Event().wait(0.01)
        shown = session.label(0)
        assert (shown["version"], shown["state"]) == (NO_FILE, "given")
        assert shown["marks"] == [{"name": "fox", "box": (10, 7.5, 30, 22.5), "difficult": False}]
        written(session, 0, mark("fox", 10, 7.5, 31, 22.5))
    assert (photos / "a.txt").read_text() == "1 0.5 0.5 0.5 0.5\n"
    data = open_dataset(session.place.out).load(None)
    assert data.samples[0].boxes.tolist() == [[10, 7.5, 31, 22.5]]


@pytest.mark.parametrize(("save", "name"), [("voc", "a.xml"), ("yolo", "a.txt")])
def test_the_images_own_folder_gets_the_labels_beside_them(
    photos: Path, save: Save, name: str
) -> None:
    with opened_session(Wish(photos, photos, save, ["cat"])) as (session, _):
        written(session, 0, mark("cat", 0, 0, 20, 15))
    assert (photos / name).exists() and not (photos / "a.jpg").is_symlink()
    with opened_session(Wish(photos, photos)) as (session, _):
        assert session.label(0)["marks"][0]["box"] == (0, 0, 20, 15)


def test_other_labels_beside_the_images_are_not_mixed_with(photos: Path) -> None:
    (photos / "a.txt").write_text("1 0.5 0.5 0.5 0.5\n")
    (photos / "classes.txt").write_text("hen\nfox\n")
    with (
        pytest.raises(UserError, match="labelled in yolo layout"),
        opened_session(Wish(photos, photos, "voc")),
    ):
        pass


def test_images_of_one_name_have_labels_of_their_own(photos: Path) -> None:
    (photos / "sub/c.png").rename(photos / "a.png")
    with opened_session(Wish(photos)) as (session, _):
        assert [entry.name for entry in session.entries] == ["a.jpg", "a.png", "b.jpg"]
        written(session, 1, mark("cat", 0, 0, 9, 9))
        (label,) = (session.place.out / "Annotations").iterdir()
    (photos / "a.jpg").rename(photos / "z.jpg")
    with opened_session(Wish(photos)) as (session, _):  # a link says whose label it is
        assert {entry.name: entry.state for entry in session.entries}["a.png"] == "done"
        assert session.place.label_of(photos / "a.png") == label


@pytest.mark.parametrize("root", ["", "train"])
def test_masks_are_not_offered_as_photographs(tmp_path: Path, root: str) -> None:
    folder = tmp_path / "data"
    for place in ("JPEGImages/a.png", "SegmentationClass/a.png", "SegmentationObject/a.png"):
        path = folder / root / place
        path.parent.mkdir(parents=True)
        Image.new("L", (4, 3)).save(path)
    assert [one.name for one in find_images(folder, tmp_path / "out")] == ["a.png"]
    # Without photographs these are people with masks, for all that is known.
    shutil.rmtree(folder / root / "JPEGImages")
    assert len(find_images(folder, tmp_path / "out")) == 2


def test_a_second_window_is_refused_while_the_first_is_open(client: Client, photos: Path) -> None:
    with pytest.raises(UserError, match="another run"), opened_session(Wish(photos)):
        pass


def test_a_folder_of_somebody_elses_is_not_written_to(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis/chapter.txt").write_text("…")
    with (
        pytest.raises(UserError, match="has not written") as error,
        opened_session(Wish(photos, tmp_path / "thesis")),
    ):
        pass
    assert error.value.code == ExitCode.USAGE


def test_nothing_labelled_leaves_no_folder(photos: Path) -> None:
    with opened_session(Wish(photos)) as (session, _):
        pass
    assert not session.place.out.exists()


def test_an_image_that_cannot_be_read_is_said_to_be_such(client: Client, photos: Path) -> None:
    (photos / "b.jpg").write_bytes(b"no image")
    answer = client.http.get("api/label/1")
    assert answer.status_code == 422
    assert "not an image" in answer.json()["message"]
    (broken,) = [one for one in client.http.get("api/changes/0").json()["images"] if one[0] == 1]
    assert broken[1] == "broken"
