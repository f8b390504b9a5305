from __future__ import annotations

from pathlib import Path

import pytest

from tests.training.conftest import Options
from yolo_cli.errors import ExitCode, UserError
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


def test_a_run_that_began_meanwhile_is_not_written_over(tmp_path: Path) -> None:
    run = RunFolder.choose(tmp_path / "run")
    (tmp_path / "run").mkdir()
    (tmp_path / "run/last.safetensors").touch()
    with pytest.raises(UserError, match="holds a run already"):
        run.claim()
