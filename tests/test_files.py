from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from yolo_cli.errors import ExitCode, UserError
from yolo_cli.files import (
    LOCK,
    atomic_write,
    atomic_write_text,
    claim_numbered_folder,
    fitting_name,
    locked_folder,
    unwritable,
)


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


HOLD = """
import sys
from pathlib import Path
from yolo_cli.files import locked_folder
with locked_folder(Path(sys.argv[1]), ""):
    print("locked", flush=True)
    sys.stdin.read()
"""


def hold(folder: Path) -> subprocess.Popen[str]:
    """Another process that has locked a folder, until its standard input ends."""
    command = [sys.executable, "-c", HOLD, str(folder)]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "locked\n"
    return process


@pytest.mark.parametrize("how", ["end", "kill"])
def test_a_folder_is_locked_while_a_process_lives(tmp_path: Path, how: str) -> None:
    with hold(tmp_path) as process:
        with (
            pytest.raises(UserError, match="another run is writing into this folder") as caught,
            locked_folder(tmp_path, "name another folder with --out"),
        ):
            pass
        assert caught.value.message.startswith(str(tmp_path))
        assert caught.value.hint.endswith("name another folder with --out")
        assert caught.value.code == ExitCode.FAILURE
        if how == "kill":
            process.kill()
        else:
            process.communicate("")
        process.wait()
        with locked_folder(tmp_path, ""):  # a lock outlives nobody
            assert (tmp_path / LOCK).exists()
        assert not list(tmp_path.iterdir())


def test_a_lock_is_for_one_alone_in_one_process_too(tmp_path: Path) -> None:
    with (
        locked_folder(tmp_path, ""),
        pytest.raises(UserError, match="another run"),
        locked_folder(tmp_path, ""),
    ):
        pass
    with locked_folder(tmp_path, ""):
        pass


def test_only_one_of_many_has_the_lock_at_a_time(tmp_path: Path) -> None:
    """Also where one removes the file of the lock just as another opens it."""
    inside: list[int] = []
    most: list[int] = []

    def work(number: int) -> int:
        taken = 0
        for _ in range(300):
            with suppress(UserError), locked_folder(tmp_path, ""):
                inside.append(number)
                most.append(len(inside))
                inside.remove(number)
                taken += 1
        return taken

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(work, range(8))) > 10
    assert max(most) == 1


def test_a_folder_that_cannot_be_locked(tmp_path: Path) -> None:
    folder = tmp_path / "none"
    with pytest.raises(UserError, match="cannot be written") as caught, locked_folder(folder, ""):
        pass
    assert caught.value.message.startswith(f"{folder}: ")


@pytest.mark.skipif(os.name != "posix", reason="locks of POSIX")
def test_a_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.ENOTSUP, os.strerror(errno.ENOTSUP))

    monkeypatch.setattr("fcntl.flock", refuse)
    with locked_folder(tmp_path, ""):
        pass
    assert not list(tmp_path.iterdir())


def test_numbered_folders_are_nobody_elses(tmp_path: Path) -> None:
    (tmp_path / "runs" / "train-2").mkdir(parents=True)
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: claim_numbered_folder(tmp_path / "runs", "train"), range(8)))
    expected = [f"train-{number}" for number in (1, *range(3, 10))]
    assert sorted(path.name for path in made) == sorted(expected)
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="cannot be written"):
        claim_numbered_folder(tmp_path / "file", "train")


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (errno.ENOSPC, "free some space or choose another folder"),
        (errno.EDQUOT, "free some space or choose another folder"),
        (errno.EACCES, "change its mode or choose another folder"),
        (errno.ENAMETOOLONG, "choose a shorter name"),
        (errno.EIO, "choose another folder"),
    ],
)
def test_each_cause_has_its_way_out(number: int, hint: str) -> None:
    error = unwritable(Path("a"), OSError(number, os.strerror(number)))
    assert error.message == f"a: cannot be written: {os.strerror(number)}"
    assert error.hint == hint


def test_names_that_leave_no_room() -> None:
    assert fitting_name("a" * 235) == "a" * 235
    assert fitting_name("a" * 236) == "a" * 235
    assert fitting_name("日" * 80) == "日" * 78  # three bytes each
