from __future__ import annotations

import errno
import io
import os
from pathlib import Path
from typing import Any

import pytest

from yolo_cli.errors import ExitCode, UserError
from yolo_cli.files import atomic_write, atomic_write_text


def test_the_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "result.bin"
    with atomic_write(path) as file:
        file.write(b"12")
        assert not path.exists()
        file.write(b"34")
    assert path.read_bytes() == b"1234"
    assert [p.name for p in path.parent.iterdir()] == ["result.bin"]


def test_an_older_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "result.txt"
    path.write_text("a long older text")
    atomic_write_text(path, "naïve\n")
    assert path.read_bytes() == "naïve\n".encode()


@pytest.mark.parametrize("failure", [ValueError("bug"), KeyboardInterrupt()])
def test_a_failure_leaves_the_older_file_and_nothing_else(
    tmp_path: Path, failure: BaseException
) -> None:
    path = tmp_path / "result.txt"
    path.write_text("older")
    with pytest.raises(type(failure)), atomic_write(path) as file:
        file.write(b"half")
        raise failure
    assert path.read_text() == "older"
    assert list(tmp_path.iterdir()) == [path]


class FullDisk(io.FileIO):
    """A file on a disk that is full after some bytes."""

    room = 1000

    def write(self, data: Any) -> int:
        if self.tell() + len(data) > self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(data)


def test_a_full_disk_is_an_error_that_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "result.bin"
    path.write_text("older")
    monkeypatch.setattr(Path, "open", lambda self, _mode: FullDisk(self, "xb"))
    with pytest.raises(UserError) as caught, atomic_write(path) as file:
        file.write(b"x" * 900)
        file.write(b"x" * 900)
    assert caught.value.code == ExitCode.FAILURE
    assert caught.value.message == f"{path}: cannot be written: No space left on device"
    assert caught.value.hint
    assert list(tmp_path.iterdir()) == [path]
    assert path.stat().st_size == len("older")


@pytest.mark.parametrize("call", ["mkdir", "open", "replace"])
def test_no_permission_is_an_error_that_names_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    # Simulated: whoever runs the tests as root may write anywhere.
    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    path = tmp_path / "result.txt"
    monkeypatch.setattr(Path, call, refuse)
    with pytest.raises(UserError, match="cannot be written: Permission") as caught:
        atomic_write_text(path, "text")
    assert caught.value.code == ExitCode.FAILURE
    assert str(path) in caught.value.message
    assert not list(tmp_path.iterdir())


def test_a_file_where_a_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(UserError, match="out") as caught:
        atomic_write_text(tmp_path / "out" / "result.txt", "text")
    assert caught.value.code == ExitCode.FAILURE


def test_the_longest_possible_name(tmp_path: Path) -> None:
    path = tmp_path / ("é" * 125 + ".txt")  # 254 bytes of 255
    atomic_write_text(path, "text")
    assert path.read_text() == "text"


@pytest.mark.skipif(os.name != "posix", reason="file modes")
def test_the_mode_is_that_of_any_new_file(tmp_path: Path) -> None:
    atomic_write_text(tmp_path / "written.txt", "text")
    (tmp_path / "plain.txt").write_text("text")
    assert (tmp_path / "written.txt").stat().st_mode == (tmp_path / "plain.txt").stat().st_mode


def test_only_folders_inside_one_that_is_there_are_made(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    for path in (folder / "a", folder / "labels" / "new" / "a"):
        with pytest.raises(UserError, match="cannot be written"):
            atomic_write_text(path, "text", folder)
        assert not folder.exists()
    folder.mkdir()
    atomic_write_text(folder / "labels" / "new" / "a", "text", folder)
    assert (folder / "labels" / "new" / "a").read_text() == "text"
