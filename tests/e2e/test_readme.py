"""Every command that the README shows is run, in a folder that holds what the README names."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from pathlib import Path

import pytest
from PIL import Image

from tests import lecture
from tests.darknet.builders import CONV, POOL, classifier, detector, write_network
from tests.toy import make_folders, make_masks
from yolo_cli.cli.app import run
from yolo_cli.errors import ExitCode
from yolo_cli.model import embedded
from yolo_cli.model.config import new_config
from yolo_cli.model.embedded import weights_path
from yolo_cli.model.weights import read_weights, save_weights
from yolo_cli.tasks.networks import build_network

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"```bash\n(.*?)```", re.DOTALL)


def commands() -> list[str]:
    """The ``yolo`` commands of the README's blocks, in order, without comments."""
    found = []
    for block in BLOCK.findall((ROOT / "README.md").read_text("utf-8")):
        for line in block.splitlines():
            last = line.split("&&")[-1].split("#")[0].strip()
            if last.startswith("yolo "):
                found.append(last)
    return found


def lecture_commands() -> list[list[str]]:
    """The arguments of those that draw the README's pictures."""
    drawing = ("--maps", "--upsample", "--explain")
    return [shlex.split(c)[1:] for c in commands() if any(f"{d} " in c for d in drawing)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The working directory of a reader: samples, photographs, a dataset and a finished run."""
    path = tmp_path_factory.mktemp("reader")
    shutil.copytree(ROOT / "samples", path / "samples")
    shutil.copytree(ROOT / "samples", path / "my-dataset")
    for name in ("holiday", "photos"):
        shutil.copytree(ROOT / "samples/JPEGImages", path / name)
    shutil.copytree(lecture.FOLDER, path / "weights/lecture")
    for split in (lists := path / "my-dataset/ImageSets/Main").glob("*.txt"):
        kept = [i for i in split.read_text().split() if i not in {"chelsea", "owl"}]
        split.write_text("".join(f"{i}\n" for i in kept))
    (lists / "test.txt").write_text("chelsea\nowl\n")
    for name in ("photo", "new-photo"):
        shutil.copy(ROOT / "samples/JPEGImages/chelsea.jpg", path / f"{name}.jpg")
    Image.open(path / "photo.jpg").save(path / "photo.png")
    make_folders(path / "my-pets", splits=False)
    make_masks(path / "my-masks", 6)
    for name in ("A", "B"):
        shutil.copy(weights_path("default"), path / f"{name}.safetensors")
    box = {"category_id": "person", "bbox": [10, 10, 99, 99], "score": 0.5}
    found = [{"image_id": "cameraman", **box}]
    (path / "results.json").write_text(json.dumps(found))
    for name, network in (("yolov1", detector(CONV, POOL)), ("darknet19", classifier(CONV, POOL))):
        for file in write_network(path, network):
            file.rename(path / f"{name}{file.suffix}")
    for name in ("voc.names", "imagenet.shortnames.list"):
        (path / name).write_text("cat\ndog\nperson\n")
    return path


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Networks of the embedded weights' names that train in moments on the slowest machine."""
    classes = read_weights(weights_path("default")).config.classes
    path = tmp_path_factory.mktemp("embedded")
    for arch in ("vgg16", "fast"):
        config = new_config(classes, arch=arch, grid=2, image_size=64, width=0.0625)
        save_weights(path / f"{arch}-voc.safetensors", build_network(config), {})
    return path


def shortened(arguments: list[str]) -> list[str]:
    """Options after which a training command takes seconds; of one given twice the last counts."""
    if "--resume" in arguments:
        return []
    size = ["--image-size", "64", "--grid", "2"] if "none" in arguments else []
    return [
        *size,
        *(["--time-budget", "8s"] if "--time-budget" in arguments else ["--epochs", "1"]),
    ]


def test_the_readme_shows_every_command() -> None:
    shown = {command.split()[1] for command in commands()}
    others = {"train", "prune", "eval", "check", "convert", "info", "label"}
    assert shown == {"detect", "classify", "segment", *others}


def test_the_readme_commands_run(
    folder: Path, small: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    for command in commands():
        arguments = shlex.split(command.split(">")[0])[1:]
        with monkeypatch.context() as patch:
            if arguments[0] == "train":
                patch.setattr(embedded, "_embedded_folders", lambda: [small])
                arguments += shortened(arguments)
            if arguments[0] == "label":
                patch.setattr("yolo_cli.label.serve.serve", lambda *_, **__: None)
            if arguments[0] == "prune":  # networks that have nothing like as much to spare
                arguments += ["--round", "4", "--flops", "0.9"]
            assert run(arguments) == ExitCode.OK, f"{command}\n{capsys.readouterr().err}"
        if arguments[0] == "label":  # what its user would have made
            shutil.copytree(folder / "my-dataset", folder / "photos-labels")
    annotated = {p.name for p in (folder / "detections").iterdir()}
    assert {p.name for p in (folder / "samples/JPEGImages").iterdir()} <= annotated
    strip = lecture.strip(folder / "detections")
    assert lecture.difference(strip, lecture.STRIP.read_bytes()) < 0.7
    assert len(strip) < 200_000
    for picture in lecture.PICTURES:
        made = lecture.small(folder / picture.made, picture)
        shown = (lecture.FOLDER / picture.name).read_bytes()
        # Full precision instead of bfloat16 makes 0.5, voting 0.9.
        assert lecture.difference(made, shown) < 0.7, picture.name


def test_the_table_of_the_readme_is_what_the_command_prints(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    text = (ROOT / "README.md").read_text("utf-8")
    (shown,) = re.findall(r"```bash\nyolo (info [^\n]*)\n```\n\n```text\n(.*?)```", text, re.DOTALL)
    assert run(shlex.split(shown[0])) == ExitCode.OK
    printed = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert shown[1].splitlines() == printed[: len(shown[1].splitlines())]


def test_the_pictures_of_the_readme_are_small_and_shown() -> None:
    shown = re.findall(
        r"!\[.+?\]\((weights/lecture/.+?)\)", (ROOT / "README.md").read_text("utf-8")
    )
    assert [Path(name).name for name in shown] == [picture.name for picture in lecture.PICTURES]
    assert sum((ROOT / name).stat().st_size for name in shown) <= 160_000


def test_the_readme_python_runs(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    (code,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    exec(compile(code, "README.md", "exec"), {})
    assert "cat" in capsys.readouterr().out
    assert (folder / "annotated.png").stat().st_size > 10_000


def test_the_embedded_weights_find_what_is_in_the_samples(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    assert run(["detect", "samples/", "--json"]) == ExitCode.OK
    records = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    found = {
        Path(record["image"]).stem: {d["label"] for d in record["detections"]} for record in records
    }
    for name, label in {
        "chelsea": "cat", "tabby": "cat", "dog": "dog", "astronaut": "person",
        "moonwalk": "person", "cameraman": "person", "parrot": "bird", "owl": "bird",
    }.items():  # fmt: skip
        assert label in found[name], name
