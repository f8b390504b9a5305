"""How training on several processes begins and ends; what they compute is tested elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path

import pytest
from torch._C._distributed_c10d import HashStore

from yolo_cli.cli import several
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.training import ranks as training_ranks
from yolo_cli.training.ranks import Ranks

KILLED, LEFT_ALONE = -9, several.BEREFT


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[list[str]]:
    """The arguments of each start; the processes end as :func:`ending` says."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["yolo", "train", "DATA", "--nproc", "2", "--lr", "0.1"])
    for name in ("OMP_NUM_THREADS", several.BEGAN):  # set by the launcher: put back in the end
        monkeypatch.setenv(name, "1")
    return []


def ending(monkeypatch: pytest.MonkeyPatch, started: list[list[str]], *codes: list[int]) -> None:
    """Let starts end with these exit codes; each leaves a configuration behind."""
    coming = iter(codes)

    def start(_count: int, arguments: Sequence[str]) -> list[int]:
        started.append(list(arguments))
        Path("runs/train-1/config.json").touch()
        return next(coming)

    monkeypatch.setattr(several, "_start", start)


def launch() -> int:
    return several.launch(2, None, resumed=False, began=0.0)


def test_a_killed_process_starts_all_again(
    started: list[list[str]], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ending(monkeypatch, started, [KILLED], [LEFT_ALONE, KILLED, -15], [])
    assert launch() == ExitCode.OK
    again = ["train", "--resume", "runs/train-1"]
    assert started == [["train", "DATA", "--lr", "0.1", "--out", "runs/train-1"], again, again]
    assert capsys.readouterr().err.count("a process was killed (SIGKILL)") == 2


def test_bad_input_is_no_reason_to_start_again(
    started: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    ending(monkeypatch, started, [LEFT_ALONE, ExitCode.BAD_INPUT])
    assert launch() == ExitCode.BAD_INPUT
    assert len(started) == 1


def test_a_machine_that_kills_every_time_is_given_up(
    started: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    ending(monkeypatch, started, *[[KILLED]] * 4)
    with pytest.raises(UserError, match="killed 4 times") as caught:
        launch()
    assert caught.value.hint == "go on with: yolo train --resume runs/train-1"


def test_the_option_is_left_out_in_both_spellings() -> None:
    given = ["train", "--nproc", "4", "D", "--nproc=2", "--out", "x"]
    assert several.without_option(given, "--nproc") == ["train", "D", "--out", "x"]


def test_torchrun_needs_the_folder_to_start_again(monkeypatch: pytest.MonkeyPatch) -> None:
    several.check_restarts(None)
    monkeypatch.setenv("TORCHELASTIC_MAX_RESTARTS", "3")
    several.check_restarts(Path("run"))
    with pytest.raises(UserError, match="would not find their run"):
        several.check_restarts(None)


def test_torchrun_and_nproc_are_one_too_many(
    refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    assert "--nproc: torchrun has started" in refused("train", tmp_path, "--nproc", 2, code=2)


def fail(monkeypatch: pytest.MonkeyPatch, ranks: Ranks, error: Exception) -> None:
    monkeypatch.setattr(training_ranks, "GRACE", 0.0)
    monkeypatch.setattr(training_ranks, "joined", lambda _device: nullcontext(ranks))
    with several.together("cpu"):
        raise error


def test_a_fault_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    store = HashStore()
    with pytest.raises(UserError, match="process 1: no space"):  # it alone has found it
        fail(monkeypatch, Ranks(1, 2, store=store), UserError("no space", code=ExitCode.FAILURE))
    lost = RuntimeError("[gloo] Connection closed by peer")
    with pytest.raises(SystemExit) as left:  # the others end because of it
        fail(monkeypatch, Ranks(0, 2, store=store), lost)
    assert left.value.code == LEFT_ALONE


def test_a_fault_that_all_have_found_is_told_by_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    store = HashStore()
    with pytest.raises(UserError, match=r"^the loss is nan$"):
        fail(monkeypatch, Ranks(0, 2, store=store), UserError("the loss is nan"))
    with pytest.raises(SystemExit) as left:
        fail(monkeypatch, Ranks(1, 2, store=store), UserError("the loss is nan"))
    assert left.value.code == ExitCode.BAD_INPUT
