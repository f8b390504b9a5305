"""What a stranger may do wrong, and what they are told: a line or two, nothing written by half."""

from __future__ import annotations

import errno
import io
import json
import os
import pickle
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from tests.data.builders import CAT, coco, image, voc, voc_object, voc_xml, write
from tests.e2e.conftest import Refused, Yolo
from tests.e2e.test_info import rewritten
from yolo_cli.model.config import new_config

DISC = voc_object("disc", 11, 21, 50, 60)


@pytest.fixture(params=["eval", "train"])
def read(request: pytest.FixtureRequest, refused: Refused, tiny: Path) -> Callable[[Path], str]:
    """Hand a bad dataset to a command that reads one; its message."""
    options = ["--weights", tiny]
    if request.param == "train":
        options += ["--epochs", "1", "--freeze", "0", "--workers", "0", "--out", "run"]

    def command(data: Path) -> str:
        message = refused(request.param, data, *options, code=3)
        assert not Path("run/last.safetensors").exists()
        return message

    return command


Read = Callable[[Path], str]


# Datasets


def test_folders_that_are_no_datasets(read: Read, tmp_path: Path) -> None:
    assert "nowhere: no such folder" in read(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    assert "empty: empty folder" in read(tmp_path / "empty")
    photo = image(tmp_path / "photos/a.jpg")
    assert "photos: not recognised as a dataset" in read(photo.parent)
    assert "a.jpg: a file, not a dataset folder" in read(photo)
    (tmp_path / "loops").mkdir()
    (tmp_path / "loops/a").symlink_to("b")
    (tmp_path / "loops/b").symlink_to("a")
    assert "loops: not recognised as a dataset" in read(tmp_path / "loops")
    assert "no such folder" in read(tmp_path / "loops/a")


def test_no_labels(read: Read, tmp_path: Path) -> None:
    message = read(voc(tmp_path / "data", {"a": voc_xml(), "b": voc_xml()}))
    assert "data: no labels at all" in message
    assert "at least one object in it must be labelled" in message


def test_an_empty_split(read: Read, tmp_path: Path) -> None:
    data = voc(tmp_path / "data", {"a": voc_xml(DISC)}, {"train": ["a"], "val": []})
    message = read(data)
    assert "data: split 'val': no images" in message
    assert "train" in message.splitlines()[1]


def test_no_such_split(refused: Refused, tmp_path: Path, tiny: Path) -> None:
    data = voc(tmp_path / "data", {"a": voc_xml(DISC)}, {"train": ["a"]})
    message = refused("eval", data, "--split", "test", "--weights", tiny, code=3)
    assert message.endswith("data: no split 'test'\nits splits are: train")


def test_an_unknown_class(read: Read, tmp_path: Path) -> None:
    image(tmp_path / "data/images/a.jpg")
    write(tmp_path / "data/labels/a.txt", "0 .5 .5 .2 .2\n7 .5 .5 .2 .2\n")
    write(tmp_path / "data/classes.txt", "disc\n")
    assert "a.txt:2: class 7" in read(tmp_path / "data")


@pytest.mark.parametrize(
    ("corners", "reason"),
    [
        (("nan", 1, 2, 3), "is not finite"),
        ((1, 1, "inf", 30), "is not finite"),
        ((-50, 1, 20, 30), "leaves the image of 100 x 80 pixels"),
        ((1, 1, 500, 30), "leaves the image of 100 x 80 pixels"),
        ((50, 1, 20, 30), "has swapped corners"),
        (("x", 1, 20, 30), "is 'x', not a number"),
    ],
)
def test_boxes(read: Read, tmp_path: Path, corners: tuple[object, ...], reason: str) -> None:
    data = voc(tmp_path / "data", {"a": voc_xml(voc_object("disc", *corners))})
    message = read(data)
    assert f"{data / 'Annotations/a.xml'}:4: " in message
    assert reason in message
    assert "--skip-bad" in message


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty annotation file"),
        (b"<annotation><object>", "broken XML"),
        (b"<annotation>\0</annotation>", "broken XML"),
        (b"\x89PNG\r\n", "broken XML"),
        (b"<html></html>", "not a VOC annotation"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><annotation>&b;</annotation>', "declares entities"),
        (b'<!DOCTYPE a [<!ENTITY b SYSTEM "/etc/passwd">]><a>&b;</a>', "declares entities"),
    ],
)
def test_xml(read: Read, tmp_path: Path, content: bytes, reason: str) -> None:
    data = voc(tmp_path / "data", {"a": voc_xml(DISC)})
    (data / "Annotations/a.xml").write_bytes(content)
    message = read(data)
    assert str(data / "Annotations/a.xml") in message
    assert reason in message
    assert "--skip-bad" in message


def cut(name: str) -> bytes:
    """The first two thirds of a noisy picture."""
    buffer = io.BytesIO()
    Image.effect_noise((100, 80), 50).convert("RGB").save(buffer, format=name)
    return buffer.getvalue()[: len(buffer.getvalue()) * 2 // 3]


def bomb() -> bytes:
    """A PNG of 60,000 × 60,000 pixels in a hundred bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    pixels = chunk(b"IDAT", zlib.compress(b"\0"))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + pixels + chunk(b"IEND", b"")


ONE = {"id": 1, "image_id": 1, "category_id": 7, "bbox": [1, 1, 30, 30]}

BAD_IMAGES = {
    "zero.jpg": (b"", "empty image file (zero bytes)"),
    "html.jpg": (b"<!doctype html><html>", "not an image"),
    "zip.png": (b"PK\x03\x04" + bytes(100), "not an image"),
    "cut.jpg": (cut("JPEG"), "damaged image"),
    "cut.png": (cut("PNG"), "damaged image"),
    "bomb.png": (bomb(), "image too large"),
}


@pytest.mark.parametrize("name", BAD_IMAGES)
def test_images_of_a_dataset(read: Read, tmp_path: Path, name: str) -> None:
    content, reason = BAD_IMAGES[name]
    data = voc(tmp_path / "data", {"good": voc_xml(DISC)})
    write(data / "Annotations" / f"{Path(name).stem}.xml", voc_xml(DISC))
    (data / "JPEGImages" / name).write_bytes(content)
    message = read(data)
    assert str(data / "JPEGImages" / name) in message
    assert reason in message
    assert "drop it with --skip-bad" in message


def test_training_without_the_bad_images(yolo: Yolo, tiny: Path, tmp_path: Path) -> None:
    data = voc(tmp_path / "data", {f"good{i}": voc_xml(DISC) for i in range(3)})
    for name, (content, _) in BAD_IMAGES.items():
        write(data / "Annotations" / f"{Path(name).stem}.xml", voc_xml(DISC))
        (data / "JPEGImages" / name).write_bytes(content)
    (data / "JPEGImages" / "cut.png").unlink()
    options = ("--epochs", "1", "--freeze", "0", "--workers", "0", "--skip-bad")
    result = yolo("train", data, "--weights", tiny, *options, "--out", "run")
    assert result.code == 0, result.err
    skipped = [line for line in result.err.splitlines() if line.startswith("skipped")]
    assert len(skipped) == 5
    assert "2 images to train, 1 to validate" in result.err


def test_images_to_detect_on(yolo: Yolo, fixed: Path, tmp_path: Path) -> None:
    for name, (content, _) in BAD_IMAGES.items():
        (tmp_path / name).write_bytes(content)
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "folder.jpg" / "broken.jpg").symlink_to("nothing")
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    result = yolo("detect", tmp_path, "-r", "--weights", fixed)
    assert result.code == 3
    told = {
        **{name: reason for name, (_, reason) in BAD_IMAGES.items()},
        "broken.jpg": "broken link",
        "loop.jpg": "cannot be read",
        "pipe.jpg": "not a regular file",
    }
    lines = [line for line in result.err.splitlines() if line.startswith("error:")]
    assert len(lines) == len(told)
    for name, reason in told.items():
        assert any(f"{name}: " in line and reason in line for line in lines), name
    assert not Path("detections").exists()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"images": [', "broken JSON"),
        ("", "empty annotation file"),
        ("[" * 100_000, "JSON"),
        ('"text"', "not a COCO dataset (a text where an object should be)"),
        (coco([(1, "../a.jpg")], [ONE], {7: "disc"}), "leaves the image folder"),
        (coco([(1, "/etc/passwd")], [ONE], {7: "disc"}), "leaves the image folder"),
        (coco([(1, "..\\a.jpg")], [ONE], {7: "disc"}), "leaves the image folder"),
    ],
)
def test_json(read: Read, tmp_path: Path, text: str, reason: str) -> None:
    image(tmp_path / "data/images/a.jpg")
    path = write(tmp_path / "data/annotations/instances.json", text)
    message = read(tmp_path / "data")
    assert message.startswith(f"error: {path}:")
    assert reason in message


@pytest.mark.parametrize("escaped", ["c\\ud800", "\\udfffat"])
def test_a_class_name_that_is_no_text(read: Read, tmp_path: Path, escaped: str) -> None:
    image(tmp_path / "data/images/a.jpg")
    text = coco([(1, "a.jpg")], [ONE], {7: "disc"})  # the category begins in line 24
    path = tmp_path / "data/annotations/instances.json"
    write(path, text.replace('"disc"', f'"{escaped}"'))
    message = read(tmp_path / "data")
    assert message.startswith(f"error: {path}:24: class name '{escaped}' is not valid Unicode")
    assert "rename the class" in message


def test_only_background_to_train_on(refused: Refused, tiny: Path, tmp_path: Path) -> None:
    lists = {"train": ["b"], "val": ["a"]}
    data = voc(tmp_path / "data", {"a": voc_xml(DISC), "b": voc_xml()}, lists)
    message = refused("train", data, "--weights", tiny, "--out", "run", code=3)
    assert "data: no objects to train on in 1 image (train)" in message
    assert not Path("run").exists()


@pytest.mark.parametrize(
    "annotations",
    [
        {"a": voc_xml(DISC)},  # one image in all
        {"a": voc_xml(DISC, CAT), "b": voc_xml(DISC), "c": voc_xml(DISC)},  # one cat
        {"a": voc_xml(DISC), "b": voc_xml(), "c": voc_xml()},  # mostly background
    ],
)
def test_datasets_that_are_small_but_right(
    yolo: Yolo, tiny: Path, tmp_path: Path, annotations: dict[str, str]
) -> None:
    data = voc(tmp_path / "data", annotations)
    options = ("--epochs", "1", "--freeze", "0", "--workers", "0", "--out", "run")
    trained = yolo("train", data, "--weights", tiny, *options)
    assert trained.code == 0, trained.err
    assert yolo("eval", data, "--weights", tiny).code == 0


# Weights


def odd_weights(tiny: Path, folder: Path) -> dict[str, str]:
    """Files that are no weights, and what is said of them."""
    whole = tiny.read_bytes()
    contents = {
        "empty": b"",
        "html": b"<!doctype html><html>404</html>",
        "cut": whole[: len(whole) // 2],
        "short": whole[:-1],
        "noise": b"\xff" * 1000,
    }
    for name, content in contents.items():
        (folder / f"{name}.safetensors").write_bytes(content)
    told = {f"{name}.safetensors": "not a readable safetensors file" for name in contents}
    with zipfile.ZipFile(folder / "zip.safetensors", "w") as file:
        file.writestr("a", "b")
    (folder / "model.pkl").write_bytes(pickle.dumps({"a": 1}))
    torch.save({"a": torch.zeros(1)}, folder / "model.pt")
    told |= dict.fromkeys(["zip.safetensors", "model.pkl", "model.pt"], "run any code")
    save_file({"a": torch.zeros(3)}, folder / "other.safetensors", {"format": "pt"})
    told["other.safetensors"] = "not weights of yolo-cli"
    model = new_config(("disc", "square"), grid=2, image_size=64, width=0.0625).to_json()
    for name, change, reason in (
        ("arch", {"arch": "resnet"}, "unknown arch 'resnet'"),
        ("fast", {"arch": "fast"}, "do not fit the architecture"),
        ("classes", {"classes": ["a"]}, "do not fit the architecture"),
        ("twice", {"classes": ["a", "a"]}, "two classes are called 'a'"),
        ("grid", {"grid": "x"}, "grid is 'x'"),
        ("giant", {"grid": 10**9, "image_size": 32 * 10**9}, "size of 32000000000 is too large"),
        ("half", {"classes": ["a", "c\ud800"]}, "is not valid Unicode"),
        ("newer", {"colour": 1}, "newer version"),
    ):
        rewritten(tiny, folder / f"{name}.safetensors", model=json.dumps({**model, **change}))
        told[f"{name}.safetensors"] = reason
    rewritten(tiny, folder / "next.safetensors", format="yolo-cli weights 9")
    told["next.safetensors"] = "newer version"
    rewritten(tiny, folder / "info.safetensors", info="[")
    told["info.safetensors"] = "metadata is damaged"
    (folder / "folder").mkdir()
    told["folder"] = "a folder, not a weights file"
    os.mkfifo(folder / "pipe.safetensors")
    told["pipe.safetensors"] = "not a regular file"
    told["nothing.safetensors"] = "no such weights file"
    return told


def test_weights(refused: Refused, tiny: Path, tmp_path: Path) -> None:
    photo = image(tmp_path / "a.jpg")
    for name, reason in odd_weights(tiny, tmp_path).items():
        for command in (["info"], ["detect", photo, "--weights"]):
            message = refused(*command, tmp_path / name, code=3)
            assert str(tmp_path / name) in message
            assert reason in message, name


def test_weights_that_are_not_finite(refused: Refused, fixed: Path, tmp_path: Path) -> None:
    from safetensors.torch import load_file, save

    tensors = load_file(fixed)
    name = "head.predictor.layer.bias"
    tensors[name][3] = float("nan")
    path = tmp_path / "nan.safetensors"
    rewritten(fixed, path)
    header = rewritten_metadata(path)
    path.write_bytes(save(tensors, header))
    message = refused("detect", image(tmp_path / "a.jpg"), "--weights", path, code=3)
    assert f"{path}: " in message
    assert f"{name} has values that are no finite numbers" in message


def rewritten_metadata(path: Path) -> dict[str, str]:
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        return dict(file.metadata())


def test_weights_of_another_architecture(refused: Refused, tiny: Path, toy: Path) -> None:
    message = refused("train", toy, "--weights", tiny, "--arch", "fast", code=3)
    assert "holds a vgg16 network, not fast" in message
    assert "--weights none --arch fast" in message


def test_backbones(refused: Refused, toy: Path, tiny: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.pkl").write_bytes(pickle.dumps(os.getcwd))
    torch.save({"a": torch.zeros(1)}, tmp_path / "other.pt")
    for path, reason in (
        (tmp_path / "bad.pkl", "damaged, or holds other things than tensors"),
        (tmp_path / "other.pt", "no VGG-16 convolutions"),
        (tiny, "no VGG-16 convolutions"),
        (tmp_path / "nothing.pt", "No such file"),
        (tmp_path, "a folder"),
    ):
        message = refused("train", toy, "--backbone", path, "--out", "run", code=3)
        assert str(path) in message
        assert reason in message
    assert not Path("run").exists()
    message = refused("train", toy, "--backbone", "x.pt", "--weights", tiny, code=2)
    assert "a run starts from one of them" in message


# Options


@pytest.mark.parametrize(
    "options",
    [
        ["--conf", "nan"],
        ["--conf", "2"],
        ["--iou", "-1"],
        ["--max-det", "0"],
        ["--batch", "0"],
        ["--batch", "x"],
        ["--precision", "fp8"],
        ["--device", "cuda"],
        ["--device", "meta"],
        ["--device", ""],
        ["--classes", "cat"],
        ["--classes", " , "],
        ["--out", "a-file"],
        ["--colour"],
    ],
)
def test_options_of_detect(yolo: Yolo, fixed: Path, tmp_path: Path, options: list[str]) -> None:
    if options == ["--device", "cuda"] and torch.cuda.is_available():
        pytest.skip("there is one")
    write(Path("a-file"), "older")
    result = yolo("detect", image(tmp_path / "a.jpg"), "--weights", fixed, *options)
    assert result.code == 2
    assert not result.out
    assert options[0] in result.err or "no such class: cat\nthe weights know: disc" in result.err
    assert Path("a-file").read_text() == "older"
    assert not Path("detections").exists()


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ("--epochs 0", "--epochs"),
        ("--batch 0", "--batch"),
        ("--lr nan", "--lr nan: out of range"),
        ("--lr inf", "--lr inf: out of range"),
        ("--lr -1", "--lr -1.0: out of range"),
        ("--momentum 1", "--momentum 1.0: out of range"),
        ("--weight-decay inf", "--weight-decay inf: out of range"),
        ("--dropout 1", "--dropout 1.0: out of range"),
        ("--ema 1", "--ema 1.0: out of range"),
        ("--warmup -1", "--warmup -1.0: out of range"),
        ("--optimizer adam", "--optimizer"),
        ("--seed 99999999999999999999", "out of range"),
        ("--copies 100000000 --freeze 2", "--copies 100000000: out of range"),
        ("--workers 100000", "--workers"),
        ("--freeze 9", "--freeze 9: the vgg16 backbone has 5 blocks"),
        ("--grid 0", "grid 0"),
        ("--grid -2 --image-size -64", "grid -2"),
        ("--boxes 0", "boxes 0"),
        ("--boxes 1000000", "boxes 1000000"),
        ("--image-size 100", "use --image-size 64 or 128"),
        ("--image-size 0", "use --image-size 64 or 128"),
        ("--image-size 1000000", "too large"),
        ("--arch resnet", "--arch"),
        ("--head mlp", "--head"),
        ("--recipe mine", "--recipe"),
        ("--format xml", "--format"),
        ("--out a-file", "--out a-file: is a file"),
    ],
)
def test_options_of_train(yolo: Yolo, tiny: Path, toy: Path, options: str, reason: str) -> None:
    write(Path("a-file"), "older")
    result = yolo("train", toy, "--weights", tiny, *options.split())
    assert result.code == 2, result.err
    assert reason in result.err
    assert sorted(path.name for path in Path().iterdir()) == ["a-file"]


def test_a_rate_that_is_too_high(refused: Refused, tiny: Path, toy: Path) -> None:
    options = ("--epochs", "2", "--freeze", "0", "--batch", "2", "--workers", "0", "--lr", "1e30")
    message = refused("train", toy, "--weights", tiny, *options, "--out", "run", code=1)
    assert "in epoch 1, step 2 (" in message
    assert "lower the rate (--lr 3.3e+29)" in message


# Runs


def test_folders_that_are_no_runs(refused: Refused, toy: Path, tmp_path: Path) -> None:
    write(tmp_path / "html/config.json", "<html>")
    write(tmp_path / "deep/config.json", "[" * 100_000)
    (tmp_path / "utf16/config.json").parent.mkdir()
    (tmp_path / "utf16/config.json").write_bytes(b"\xff\xfe{\0}\0")
    for name in ("html", "deep", "utf16"):
        message = refused("train", "--resume", tmp_path / name, code=3)
        assert f"{tmp_path / name / 'config.json'}: damaged" in message
    for path in (toy, tmp_path / "nothing", toy / "JPEGImages/000.png"):
        message = refused("train", "--resume", path, code=3)
        assert f"--resume {path}: not the folder of a training run" in message


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, toy: Path, tiny: Path) -> Path:
    """A run of one epoch."""
    from yolo_cli.cli.app import run

    folder = tmp_path_factory.mktemp("runs") / "run"
    options = ["--epochs", "1", "--freeze", "0", "--workers", "0", "--out", str(folder)]
    assert run(["train", str(toy), "--weights", str(tiny), *options]) == 0
    return folder


NONSENSE: list[tuple[str, Any]] = [
    ("options", 3),
    ("options.data", None),
    ("options.data", 5),
    ("options.device", 7),
    ("options.workers", "x"),
    ("options.recipe_name", []),
    ("options.format", "xml"),
    ("recipe", None),
    ("recipe.epochs", "x"),
    ("recipe.epochs", -1),
    ("recipe.batch", 0),
    ("recipe.lr", "fast"),
    ("recipe.augmentation", 5),
    ("recipe.loss.box", "round"),
    ("recipe.milestones", 3),
    ("recipe.seed", 1.5),
    ("model", None),
    ("model.grid", "x"),
    ("model.classes", ["a", "b", "c"]),
    ("model.image_size", 10**12),
    ("train", 5),
    ("train.images", ["other"]),
    ("start", None),
]


@pytest.mark.parametrize(("place", "value"), NONSENSE)
def test_a_configuration_edited_to_nonsense(
    yolo: Yolo, finished: Path, place: str, value: object
) -> None:
    folder = Path("run")
    folder.mkdir()
    for path in finished.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    config = json.loads((folder / "config.json").read_text())
    *parents, last = place.split(".")
    part = config
    for name in parents:
        part = part[name]
    part[last] = value
    (folder / "config.json").write_text(json.dumps(config))
    result = yolo("train", "--resume", folder)
    assert result.code in (2, 3), result.err
    assert len(result.error.splitlines()) <= 2


def test_a_dataset_that_changed(refused: Refused, yolo: Yolo, tiny: Path, tmp_path: Path) -> None:
    data = voc(tmp_path / "data", {name: voc_xml(DISC) for name in "abcd"})
    options = ("--epochs", "1", "--freeze", "0", "--workers", "0", "--out", "run")
    assert yolo("train", data, "--weights", tiny, *options).code == 0
    voc(data, {"e": voc_xml(DISC)})
    message = refused("train", "--resume", "run", code=3)
    assert "the images to train are not those that run began with" in message


def test_labels_that_changed(refused: Refused, yolo: Yolo, tiny: Path, tmp_path: Path) -> None:
    data = voc(tmp_path / "data", {name: voc_xml(DISC) for name in "abcd"})
    options = ("--epochs", "1", "--freeze", "0", "--workers", "0", "--out", "run")
    assert yolo("train", data, "--weights", tiny, *options).code == 0
    for path in data.glob("Annotations/*.xml"):
        path.write_text(path.read_text().replace("<ymax>", "<ymax> "))
    assert yolo("train", "--resume", "run").code == 0  # the same labels, written otherwise
    voc(data, {name: voc_xml(DISC, DISC) for name in "abcd"})
    message = refused("train", "--resume", "run", code=3)
    assert "the labels of the images to train are not those that run began with" in message


# The machine


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS])
def test_a_folder_that_cannot_be_written(
    yolo: Yolo, fixed: Path, toy: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    # Simulated: whoever runs the tests as root may write everywhere.
    def refuse(self: Path, target: Path) -> Path:
        raise OSError(number, os.strerror(number), str(self))

    monkeypatch.setattr(Path, "replace", refuse)
    options = ("--epochs", "1", "--freeze", "2", "--copies", "1", "--workers", "0")
    for arguments in (
        ("detect", toy / "JPEGImages/000.png", "--weights", fixed, "--out", "out"),
        ("train", toy, "--weights", fixed, *options, "--out", "out"),
    ):
        result = yolo(*arguments)
        assert result.code == 1
        assert not result.out
        lines = result.error.splitlines()
        assert len(lines) == 2
        assert lines[0].startswith("error: out/")
        assert lines[0].endswith(f": cannot be written: {os.strerror(number)}")
        assert not list(Path("out").iterdir())


def test_a_cache_that_does_not_fit(
    refused: Refused, tiny: Path, toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    usage = shutil.disk_usage(toy)._replace(free=1000)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage)
    options = ("--epochs", "1", "--freeze", "2", "--copies", "2", "--workers", "0")
    message = refused("train", toy, "--weights", tiny, *options, "--cache-dir", "features", code=1)
    assert "the feature cache needs" in message
    assert "--copies 0" in message
    assert not list(Path("features").rglob("*.safetensors"))


def test_a_cache_folder_that_is_a_file(refused: Refused, tiny: Path, toy: Path) -> None:
    write(Path("features"), "older")
    options = ("--epochs", "1", "--freeze", "2", "--copies", "1", "--workers", "0")
    message = refused("train", toy, "--weights", tiny, *options, "--cache-dir", "features", code=2)
    assert "--cache-dir features: is a file" in message
    assert not Path("runs").exists()


def test_out_of_memory(
    refused: Refused, fixed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from yolo_cli.inference.predictor import Predictor

    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Predictor, "predict", fail)
    message = refused("detect", image(tmp_path / "a.jpg"), "--weights", fixed, code=1)
    assert message.startswith("error: out of memory")
