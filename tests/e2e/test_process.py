"""What only a process of its own shows: streams, signals, exit codes."""

from __future__ import annotations

import ast
import json
import os
import shlex
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.data.builders import write
from tests.e2e.conftest import Yolo
from tests.toy import make_voc

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals and pipes of POSIX")

COMMAND = [sys.executable, "-m", "yolo_cli"]
PATIENCE = 200  # seconds; a machine may be busy with other things


def start(*arguments: object, **options: Any) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **options.pop("env", {})}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    return subprocess.Popen([*COMMAND, *map(str, arguments)], env=environment, **pipes)


def photos(folder: Path, count: int) -> Path:
    folder.mkdir()
    for i in range(count):
        Image.new("RGB", (40, 20)).save(folder / f"{i}.png")
    return folder


def read_terminal(terminal: int) -> bytes:
    """All that is written until the last writer has closed it."""
    said = b""
    with suppress(OSError):  # Linux' way to say that it is closed
        while part := os.read(terminal, 4096):
            said += part
    os.close(terminal)
    return said


def test_help_imports_nothing_heavy() -> None:
    with start("detect", "--help", env={"PYTHONPROFILEIMPORTTIME": "1"}) as process:
        out, imports = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert b"Usage: yolo detect" in out
    modules = {line.rsplit(b"|")[-1].strip() for line in imports.splitlines()}
    assert b"yolo_cli.cli.app" in modules
    assert not modules & {b"torch", b"torchvision", b"numpy", b"PIL", b"matplotlib"}


# What torch imports for its compiler, and torchvision with it, would double the time of a start.
HEAVY = {"torchvision", "torch._dynamo", "torch._inductor", "torch.distributed.fsdp", "sympy"}
HEAVY |= {"triton", "onnx", "onnxruntime", "openvino", "matplotlib", "pandas", "scipy"}


def test_a_photograph_waits_for_nothing_that_it_does_not_need(fixed: Path, tmp_path: Path) -> None:
    photo = photos(tmp_path / "photos", 1) / "0.png"
    code = f"""
import sys
import torch
before = set(sys.modules)
from yolo_cli.cli.app import run
code = run(["detect", {str(photo)!r}, "--weights", {str(fixed)!r}])
from yolo_cli import load
found = load({str(fixed)!r})({str(photo)!r})
print(code, len(found.boxes), sorted({HEAVY!r} & set(sys.modules) - before))
"""
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=tmp_path, timeout=PATIENCE, check=True
    )
    assert done.stdout.strip() == "0 8 []", done.stderr


def test_streams_and_exit_code(fixed: Path, tmp_path: Path) -> None:
    folder = photos(tmp_path / "photos", 2)
    (folder / "bad.jpg").touch()
    # Neither this name nor the next is of the encoding that the process is told to write.
    (folder / "0.png").rename(folder / "é.png")
    os.rename(os.fsencode(folder / "1.png"), os.fsencode(folder) + b"/\xff.png")  # noqa: PTH104
    arguments = ("detect", folder, "--weights", fixed, "--json", "--classes", "disc")
    with start(*arguments, env={"PYTHONIOENCODING": "ascii"}) as process:
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 3
    records = [json.loads(line) for line in out.splitlines()]
    assert [Path(record["image"]).name for record in records] == ["é.png", "\udcff.png"]
    assert all(len(record["detections"]) == 4 for record in records)
    assert b"bad.jpg: empty image file" in err
    assert b"Traceback" not in err


def test_json_goes_to_standard_output_while_a_bar_is_on_the_terminal(
    fixed: Path, tmp_path: Path
) -> None:
    import pty

    folder = photos(tmp_path / "photos", 3)
    terminal, other_end = pty.openpty()
    arguments = ("detect", folder, "--weights", fixed, "--json")
    with (
        ThreadPoolExecutor(1) as pool,
        start(*arguments, stderr=other_end, env={"TERM": "xterm"}) as process,
    ):
        os.close(other_end)
        reader = pool.submit(read_terminal, terminal)  # a terminal that nobody reads blocks
        out, _ = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0
        said = reader.result()
    assert len(out.splitlines()) == 3
    assert b"detections" not in said
    assert b"3 images" in said


def test_a_reader_that_goes_away(fixed: Path, tmp_path: Path) -> None:
    folder = photos(tmp_path / "photos", 40)
    with start("detect", folder, "--weights", fixed, "--json", "--batch", "1") as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.readline().startswith(b'{"image"')
        process.stdout.close()  # as head -1 does
        err = process.stderr.read()
        assert process.wait(PATIENCE) == 0
    assert b"Traceback" not in err
    assert b"BrokenPipe" not in err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
def test_standard_output_on_a_full_disk() -> None:
    with Path("/dev/full").open("wb") as full, start("--version", stdout=full) as process:
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert err.startswith(b"error: No space left on device")
    assert len(err.splitlines()) == 2


def test_standard_output_that_is_closed(fixed: Path, tmp_path: Path) -> None:
    folder = photos(tmp_path / "photos", 2)
    arguments = [*COMMAND, "detect", str(folder), "--weights", str(fixed), "--json"]
    line = f"{shlex.join(arguments)} --out {tmp_path / 'found'} >&-"
    done = subprocess.run(["/bin/sh", "-c", line], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert b"2 images" in done.stderr
    assert b"Traceback" not in done.stderr
    # No file got the number of standard output, and with it what is printed.
    with Image.open(tmp_path / "found/0.png") as image:
        image.load()


@pytest.mark.parametrize("columns", ["0", "00", ""])
def test_a_terminal_of_no_width(fixed: Path, columns: str, tmp_path: Path) -> None:
    folder = photos(tmp_path / "photos", 1)
    with start("detect", folder, "--weights", fixed, env={"COLUMNS": columns}) as process:
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert b"1 image: 4 disc, 4 square" in err
    assert b"0.png" in err


def test_torch_that_cannot_be_loaded(fixed: Path, tmp_path: Path) -> None:
    reason = "libtorch_cpu.so: failed to map segment from shared object"
    write(tmp_path / "path/torch/__init__.py", f"raise ImportError({reason!r})")
    folder = photos(tmp_path / "photos", 1)
    place = os.pathsep.join([str(tmp_path / "path"), os.environ.get("PYTHONPATH", "")])
    with start("detect", folder, "--weights", fixed, env={"PYTHONPATH": place}) as process:
        _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 1
    assert err.decode().splitlines() == [
        f"error: a library cannot be loaded: {reason}",
        "free some memory: close other programs, or raise the limit (ulimit -v)",
    ]


@pytest.mark.parametrize(
    ("what", "code", "said"),
    [("", 0, ""), ("0", 0, ""), ("7", 7, ""), ("True", 1, ""), ("'no way'", 1, "error: no way\n")],
)
def test_whatever_ends_the_program_has_a_say_in_its_exit_code(
    what: str, code: int, said: str, monkeypatch: pytest.MonkeyPatch, yolo: Yolo
) -> None:
    def leave(*_: object, **__: object) -> None:
        raise SystemExit(*([ast.literal_eval(what)] if what else []))

    monkeypatch.setattr("yolo_cli.cli.app.app", leave)
    result = yolo("info")
    assert (result.code, result.err) == (code, said)


@pytest.mark.parametrize(
    "options", [["--save", "gif"], ["--device", "tpu"], ["--weights", "none.safetensors"]]
)
def test_wrong_values_are_refused_before_torch_is_loaded(
    options: list[str], tmp_path: Path
) -> None:
    write(tmp_path / "path/torch/__init__.py", "raise SystemExit('torch is loaded')")
    folder = photos(tmp_path / "photos", 1)
    place = os.pathsep.join([str(tmp_path / "path"), os.environ.get("PYTHONPATH", "")])
    for command in ("detect", "eval"):
        if command == "eval" and "--save" in options:
            continue
        with start(command, folder, *options, env={"PYTHONPATH": place}) as process:
            _, err = process.communicate(timeout=PATIENCE)
        assert process.returncode in (2, 3)
        assert options[1].encode() in err
        assert len(err.splitlines()) == 2


def test_ctrl_c_while_modules_are_loaded(tmp_path: Path) -> None:
    write(tmp_path / "rich/__init__.py", "raise KeyboardInterrupt")
    with start("--version", env={"PYTHONPATH": str(tmp_path)}) as process:
        out, err = process.communicate(timeout=PATIENCE)
    assert (process.returncode, out, err) == (130, b"", b"")


def test_ctrl_c_and_resume(yolo: Yolo, tiny: Path, tmp_path: Path) -> None:
    data = make_voc(tmp_path / "data", 10, size=80)
    options = ["--weights", tiny, "--epochs", "100000", "--patience", "0", "--freeze", "0"]
    arguments = ["train", data, *options, "--batch", "4", "--workers", "1", "--out", "run"]
    with start(*arguments) as process:
        deadline = time.monotonic() + PATIENCE
        while not Path("run/metrics.csv").exists():  # written at the end of an epoch
            assert process.poll() is None, process.stderr and process.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert not out
    assert b"Traceback" not in err
    assert b"stopped; go on with: yolo train --resume run\n" in err
    # To see it go on without waiting for all its epochs, let it end after the next one.
    config = json.loads(Path("run/config.json").read_text())
    done = len(Path("run/metrics.csv").read_text().splitlines()) - 1
    config["recipe"]["epochs"] = done + 1
    Path("run/config.json").write_text(json.dumps(config))
    result = yolo("train", "--resume", "run")
    assert result.code == 0, result.err
    assert f"resumed   at epoch {done + 1}, step " in result.err
    assert len(Path("run/metrics.csv").read_text().splitlines()) == 1 + done + 1
