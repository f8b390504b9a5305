from __future__ import annotations

import errno
import io
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from yolo_cli.errors import ExitCode, UserError
from yolo_cli.inference.inputs import expand_inputs, list_inputs, without_results


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with images, other files, hidden files and subfolders; the files are empty."""
    folder = tmp_path / "photos"
    names = (
        "10.jpg 2.JPG 1.png notes.txt .hidden.jpg "
        "sub/3.jpg sub/deep/4.webp .thumbs/5.jpg empty/readme.md"
    )
    for name in names.split():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def relative(files: Sequence[Path], folder: Path) -> list[str]:
    return [file.relative_to(folder).as_posix() for file in files]


def refused(*sources: str, recursive: bool = False) -> UserError:
    with pytest.raises(UserError) as caught:
        expand_inputs(sources, recursive=recursive)
    assert "\n" not in caught.value.message + caught.value.hint
    return caught.value


def test_a_folder_gives_its_images_in_natural_order(photos: Path) -> None:
    assert relative(expand_inputs([str(photos)]), photos) == ["1.png", "2.JPG", "10.jpg"]


def test_recursive_takes_subfolders_that_are_not_hidden(photos: Path) -> None:
    found = expand_inputs([str(photos)], recursive=True)
    assert relative(found, photos) == ["1.png", "2.JPG", "10.jpg", "sub/3.jpg", "sub/deep/4.webp"]


def test_a_folder_without_images_gives_those_below_it(photos: Path) -> None:
    for name in ("sub/3.jpg", "2.JPG", "1.png", "10.jpg"):
        (photos / name).unlink()
    assert relative(expand_inputs([str(photos)]), photos) == ["sub/deep/4.webp"]
    assert relative(expand_inputs([str(photos / "su*")]), photos) == ["sub/deep/4.webp"]


def test_natural_order_goes_name_by_name(tmp_path: Path) -> None:
    names = ["a/b10.jpg", "a2/b1.jpg", "a10/b1.jpg", "B1.jpg", "b01.jpg", "b1.jpg", "é.jpg"]
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = relative(expand_inputs([str(tmp_path)], recursive=True), tmp_path)
    # B1, b01 and b1 are equal as numbers and letters: then by code, capitals and 0 first.
    assert found == ["a/b10.jpg", "a2/b1.jpg", "a10/b1.jpg", "B1.jpg", "b01.jpg", "b1.jpg", "é.jpg"]


def test_a_file_is_taken_whatever_its_suffix(photos: Path) -> None:
    sources = [str(photos / "notes.txt"), str(photos / ".hidden.jpg")]
    assert expand_inputs(sources) == [photos / "notes.txt", photos / ".hidden.jpg"]


def test_names_stay_as_the_user_wrote_them(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(photos.parent)
    found = expand_inputs(["photos/sub", "./photos/1.png", "photos/1*.jpg"])
    assert [str(path) for path in found] == [
        str(Path("photos/sub/3.jpg")),
        str(Path("photos/1.png")),
        str(Path("photos/10.jpg")),
    ]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("*.jpg", ["10.jpg"]),
        ("?.*", ["1.png", "2.JPG"]),
        ("[12].*", ["1.png", "2.JPG"]),
        ("**/*.jpg", ["10.jpg", "sub/3.jpg"]),
        ("**", ["1.png", "2.JPG", "10.jpg", "sub/3.jpg", "sub/deep/4.webp"]),
        # A folder that matches is opened, as if the shell had put its name there.
        ("*", ["1.png", "2.JPG", "10.jpg", "sub/3.jpg"]),
        ("su*", ["sub/3.jpg"]),
    ],
)
def test_patterns(photos: Path, pattern: str, expected: list[str]) -> None:
    assert relative(expand_inputs([str(photos / pattern)]), photos) == expected


def test_a_file_whose_name_looks_like_a_pattern_wins(photos: Path) -> None:
    (photos / "[1].png").touch()
    assert expand_inputs([str(photos / "[1].png")]) == [photos / "[1].png"]
    (photos / "[1].png").unlink()
    assert expand_inputs([str(photos / "[1].png")]) == [photos / "1.png"]


def test_home(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(photos))
    monkeypatch.setenv("USERPROFILE", str(photos))
    assert expand_inputs(["~/1.png", "~/*.jpg"]) == [photos / "1.png", photos / "10.jpg"]
    monkeypatch.chdir(photos)
    (photos / "~").mkdir()
    (photos / "~" / "6.png").touch()
    assert expand_inputs(["~"]) == [Path("~/6.png")]  # what is there wins
    assert "no such home folder" in refused("~nobody-has-this-name/x.jpg").message


def test_each_file_once_at_its_first_place(photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(photos)
    sources = ["2.JPG", str(photos), "sub/../1.png", "*.jpg", "./2.JPG"]
    found = expand_inputs(sources)
    assert found == [Path("2.JPG"), photos / "1.png", photos / "10.jpg"]


@pytest.mark.skipif(os.name != "posix", reason="making links needs a right on Windows")
def test_links(photos: Path) -> None:
    (photos / "sub" / "link.jpg").symlink_to(photos / "1.png")
    (photos / "sub" / "broken.jpg").symlink_to(photos / "nothing")
    found = expand_inputs([str(photos / "sub"), str(photos / "1.png")])
    # A link is an image of its own; whether it can be read, reading will tell.
    assert relative(found, photos) == ["sub/3.jpg", "sub/broken.jpg", "sub/link.jpg", "1.png"]
    assert expand_inputs([str(photos / "sub" / "broken.jpg")])
    (photos / "sub" / "again").symlink_to(photos)  # a loop is not walked
    assert len(expand_inputs([str(photos)], recursive=True)) == 7
    (photos / "empty" / "loop.jpg").symlink_to("loop.jpg")  # a link to itself
    assert relative(expand_inputs([str(photos / "empty")]), photos) == ["empty/loop.jpg"]


def test_what_is_not_there(photos: Path) -> None:
    error = refused(str(photos / "11.jpg"))
    assert error.message == f"{photos / '11.jpg'}: no such file or folder"
    assert error.code == ExitCode.BAD_INPUT
    assert error.hint
    assert "no such file or folder" in refused(str(photos / "1.png" / "x.jpg")).message
    assert "no such file or folder" in refused("x" * 5000).message
    assert "no such file or folder" in refused("x\0.jpg").message


def test_folders_and_patterns_without_images(photos: Path) -> None:
    error = refused(str(photos / "empty"))
    assert error.message == f"{photos / 'empty'}: no images in this folder or below it"
    assert error.hint
    assert refused(str(photos / "empty"), recursive=True).message == error.message
    assert refused(str(photos / "*.gif")).message.endswith("*.gif: the pattern matches nothing")
    assert "matches no image" in refused(str(photos / "*.txt")).message
    assert "matches no image" in refused(str(photos / "em*")).message


def test_a_subfolder_that_may_not_be_read_is_reported(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Simulated: whoever runs the tests as root may read anything.
    scandir = os.scandir

    def refuse(path: str) -> object:
        if Path(path) == photos / "sub":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), path)
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    errors: list[UserError] = []
    found = list_inputs([str(photos)], recursive=True, report=errors.append)
    assert [one.file.name for one in found] == ["1.png", "2.JPG", "10.jpg"]
    (error,) = errors
    assert error.message == f"{photos / 'sub'}: cannot be read: Permission denied"
    assert refused(str(photos), recursive=True).message == error.message


@pytest.mark.parametrize("recursive", [False, True])
def test_a_folder_that_may_not_be_read(
    photos: Path, monkeypatch: pytest.MonkeyPatch, recursive: bool
) -> None:
    # Simulated: whoever runs the tests as root may read anything.
    def refuse(path: object) -> Iterator[object]:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(os, "scandir", refuse)
    error = refused(str(photos), recursive=recursive)
    assert error.message == f"{photos}: cannot be read: Permission denied"
    assert error.code == ExitCode.FAILURE


def test_no_sources() -> None:
    assert expand_inputs([]) == []


def named(photos: Path, *sources: str, stdin: bytes = b"") -> list[tuple[str, str]]:
    found = list_inputs(sources, stdin=io.BytesIO(stdin))
    return [(os.path.relpath(source.file, photos), source.kind) for source in found]


def test_lists(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    listed = photos / "list.txt"
    # The second is seen from the list's folder, the others from the working directory.
    listed.write_bytes(b"photos/1.png\r\n10.jpg\n\n  \nmissing.jpg\nphotos/1.png")
    found = named(photos, "photos/list.txt", "photos/2.JPG", "photos/10.jpg")
    assert found == [
        ("1.png", "image"), ("10.jpg", "image"), ("../missing.jpg", "image"), ("2.JPG", "image"),
    ]  # fmt: skip


def test_standard_input(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(photos)
    expected = [("1.png", "image"), ("clip.MP4", "video"), ("a\nb.jpg", "image")]
    assert named(photos, "-", stdin=b"1.png\nclip.MP4\n") == expected[:2]
    # NUL between names (find -print0), as line breaks may be in them.
    assert named(photos, "-", stdin=b"1.png\0clip.MP4\0a\nb.jpg\0") == expected
    assert named(photos, "-", stdin=os.fsencode("1.png\n") + b"\xff.jpg")[1][0] == "\udcff.jpg"
    with pytest.raises(UserError, match="standard input: no paths in it"):
        named(photos, "-", stdin=b"\n")
    with pytest.raises(UserError, match="standard input:2: http"):
        named(photos, "-", stdin=b"1.png\nhttp://example.org/a.jpg")


def test_an_empty_list(photos: Path) -> None:
    with pytest.raises(UserError, match=r"notes.txt: no paths in it"):
        list_inputs([str(photos / "notes.txt")])


def test_videos(photos: Path) -> None:
    for name in ("clip.mp4", "b.webm"):
        (photos / name).touch()
    assert named(photos, str(photos / "clip.mp4")) == [("clip.mp4", "video")]
    assert named(photos, str(photos / "*.[mw]*")) == [("b.webm", "video"), ("clip.mp4", "video")]
    # A folder stands for its photographs.
    assert [kind for _, kind in named(photos, str(photos))] == ["image"] * 3


def test_a_relative_name_means_another_file_in_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for place in ("one", "two"):
        (tmp_path / place / "photos").mkdir(parents=True)
        (tmp_path / place / "photos" / "a.jpg").touch()
        monkeypatch.chdir(tmp_path / place)
        absolute = str(tmp_path / place / "photos" / "a.jpg")
        assert expand_inputs(["photos", absolute]) == [Path("photos/a.jpg")]


def test_results_of_an_earlier_run_are_no_sources_unless_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("a.jpg", "found/a.jpg", "found/deeper/b.jpg"):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.touch()
    (tmp_path / "list.txt").write_text("found/a.jpg\n")

    def names(*sources: str) -> list[str]:
        found = list_inputs(sources, recursive=True)
        return [one.name for one in without_results(found, sources, Path("found"))]

    assert names(".") == names("**/*.jpg") == ["a.jpg"]
    assert len(names(str(tmp_path), "https://x.org/found/a.jpg")) == 2
    assert names("found") == ["found/a.jpg", "found/deeper/b.jpg"]
    assert names(".", "found/a.jpg") == ["a.jpg", "found/a.jpg", "found/deeper/b.jpg"]
    assert names("list.txt") == ["found/a.jpg"]
