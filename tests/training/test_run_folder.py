from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.training.conftest import Options
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.files import LOCK
from yolo_cli.training.prepare import prepare, prepare_resumed
from yolo_cli.training.reporter import Reporter
from yolo_cli.training.run.folder import RunFolder


def test_two_runs_that_start_at_once_get_folders_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    runs = [RunFolder.choose(None) for _ in range(2)]  # both before either has made anything
    for run in runs:
        run.claim()
    assert [run.path for run in runs] == [Path("runs/train-1"), Path("runs/train-2")]
    assert all(run.config.parent == run.path for run in runs)


def test_names_of_images_that_are_no_utf_8(tmp_path: Path) -> None:
    run = RunFolder(tmp_path)
    run.write_config({"images": ["\udcff.jpg", "ä.jpg"]})
    assert json.loads(run.config.read_text())["images"] == ["\udcff.jpg", "ä.jpg"]


def test_a_folder_that_another_run_writes_into_is_refused(
    options: Options, tmp_path: Path, reporter: Reporter
) -> None:
    out = tmp_path / "run"
    first = prepare(options(), out, reporter)
    with pytest.raises(UserError, match="another run is writing into this folder") as caught:
        prepare(options(), out, reporter)
    assert caught.value.code == ExitCode.FAILURE
    with pytest.raises(UserError, match="another run is writing"):
        prepare_resumed(out, reporter)
    first.fit()
    prepare_resumed(out, reporter)


def test_a_run_that_began_meanwhile_is_not_written_over(
    options: Options, tmp_path: Path, reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    claim = RunFolder.claim

    def late(run: RunFolder) -> None:
        claim(run)
        (out / "last.safetensors").touch()

    monkeypatch.setattr(RunFolder, "claim", late)
    with pytest.raises(UserError, match="holds a run already"):
        prepare(options(), out, reporter)
    assert [path.name for path in out.iterdir()] == ["last.safetensors"]


def test_the_folder_of_numbered_runs_can_be_a_run_itself(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = RunFolder.choose(Path("runs"))
    run.claim()
    assert run.path == Path("runs")
    assert not list(run.path.iterdir())


def test_a_resume_that_fails_frees_the_folder(
    options: Options, toy: Path, tmp_path: Path, reporter: Reporter
) -> None:
    out = tmp_path / "run"
    prepare(options(), out, reporter).run.release()
    moved = toy.rename(tmp_path / "moved")
    with pytest.raises(UserError, match="if it has moved") as caught:
        prepare_resumed(out, reporter)
    assert caught.value.__traceback__ is not None  # its frames still hold the folder
    assert not (out / LOCK).exists()
    prepare_resumed(out, reporter, moved)
