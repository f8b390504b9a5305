from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

import pytest
from PIL import Image
from safetensors import safe_open
from safetensors.torch import save_file

import yolo_cli
from tests.e2e.conftest import Refused, Yolo
from yolo_cli.model.architectures import ARCHITECTURES

SAMPLES = Path(__file__).parents[2] / "samples"


def test_version(yolo: Yolo) -> None:
    result = yolo("--version")
    assert (result.code, result.out) == (0, f"yolo-cli {yolo_cli.__version__}\n")


@pytest.mark.parametrize("command", [[], ["train"], ["detect"], ["classify"], ["eval"], ["info"]])
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_fits_a_terminal(
    yolo: Yolo, command: list[str], flag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    result = yolo(*command, flag)
    assert result.code == 0
    assert not result.err
    assert result.out.lstrip().startswith(f"Usage: {' '.join(['yolo', *command])}")
    assert max(map(len, result.out.splitlines())) <= 80
    assert "…" not in result.out.replace("train …", "")  # nothing is cut off


def test_no_command_gives_help(yolo: Yolo) -> None:
    result = yolo()
    assert result.code == 2
    assert "detect" in result.out


@pytest.mark.parametrize(
    "arguments", [["nothing"], ["detect"], ["eval"], ["detect", "a.jpg", "--wieghts", "x"]]
)
def test_wrong_usage(yolo: Yolo, arguments: list[str]) -> None:
    result = yolo(*arguments)
    assert result.code == 2
    assert not result.out
    assert "Usage: yolo" in result.err


def document(yolo: Yolo, *arguments: object) -> Any:
    result = yolo("info", *arguments, "--json")
    assert result.code == 0, result.err
    assert not result.err
    return json.loads(result.out, parse_constant=pytest.fail)


@pytest.mark.parametrize("head", ["conv", "fc"])
@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_architectures(yolo: Yolo, arch: str, head: str) -> None:
    told = document(yolo, arch, "--head", head)
    assert (told["model"]["arch"], told["model"]["head"]) == (arch, head)
    assert told["parameters"] == sum(layer["parameters"] for layer in told["layers"])
    assert told["flops"] == sum(layer["flops"] for layer in told["layers"])
    # Of 448 × 448 pixels; VOC's 20 classes and two boxes: 5·2 + 20 numbers a cell.
    last = told["layers"][-1]["shape"]
    assert last == ([30, 7, 7] if head == "conv" else [7 * 7 * 30])
    shown = yolo("info", arch, "--head", head)
    assert shown.code == 0
    assert f"network  {arch}, {head} head, 448×448 pixels, " in shown.out


def test_the_work_of_vgg16(yolo: Yolo) -> None:
    # The convolutions of configuration D at 448 × 448, counted by hand: a 3×3 convolution from
    # a to b channels at side s is 2·9·a·b·s² operations.
    table = [
        (3, 64, 448), (64, 64, 448), (64, 128, 224), (128, 128, 224),
        (128, 256, 112), (256, 256, 112), (256, 256, 112),
        (256, 512, 56), (512, 512, 56), (512, 512, 56),
        (512, 512, 28), (512, 512, 28), (512, 512, 28),
    ]  # fmt: skip
    layers = document(yolo, "vgg16")["layers"]
    backbone = [x for x in layers if x["name"].startswith("backbone.") and x["flops"]]
    assert [x["flops"] for x in backbone] == [18 * a * b * s * s for a, b, s in table]
    assert [x["parameters"] for x in backbone] == [9 * a * b + b for a, b, _ in table]


def test_a_weights_file(yolo: Yolo, tiny: Path) -> None:
    told = document(yolo, tiny)
    assert told["model"]["classes"] == ["disc", "square"]
    assert told["info"] == {}
    shown = yolo("info", tiny)
    assert (shown.code, shown.err) == (0, "")
    assert "grid     2×2 cells, 2 boxes each, sigmoid output" in shown.out


@pytest.mark.parametrize(
    "info",
    [
        {"data": 3, "val": [1], "epoch": {}, "start": 5},
        {"data": None, "val": {"voc07": 7}, "minutes": "[red]"},
        {"data": {"name": "\x1b[2J", "train": None}, "val": {"voc07": {"mAP": [1]}}},
    ],
)
def test_metadata_that_says_other_things(
    yolo: Yolo, tiny: Path, tmp_path: Path, info: dict[str, Any]
) -> None:
    path = rewritten(tiny, tmp_path / "odd.safetensors", info=json.dumps(info))
    shown = yolo("info", path)
    assert shown.code == 0
    assert "\x1b" not in shown.out
    assert document(yolo, path)["info"] == info


def test_nan_in_metadata_is_null(yolo: Yolo, tiny: Path, tmp_path: Path) -> None:
    path = rewritten(tiny, tmp_path / "nan.safetensors", info='{"val": {"loss": NaN}}')
    assert document(yolo, path)["info"] == {"val": {"loss": None}}


def test_the_classifier_of_alexnet(yolo: Yolo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    told = document(yolo, "alexnet", "--head", "classifier")
    # torchvision's number, of which the connected layers have 9217·4096 + 4097·4096 + 4097·1000.
    assert (told["parameters"], told["connected"]) == (61_100_840, 58_631_144)
    shown = yolo("info", "alexnet", "--head", "classifier")
    rows = [line.split() for line in shown.out.splitlines()]
    assert ["9", "head.fc1", "connected", "4096", "37,752,832", "75", "all"] in rows
    assert "58.6 of 61.1 million parameters are in connected layers: 96%" in shown.out


@pytest.mark.parametrize("what", [["yolov1", "--head", "fc"], ["vgg16"], ["default"]])
def test_the_table_fits_a_terminal(
    yolo: Yolo, what: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = yolo("info", *what)
    assert shown.code == 0
    lines = shown.out.splitlines()
    assert max(map(len, lines)) <= 80
    count = len(document(yolo, *what)["table"])
    assert [line.split()[0] for line in lines[: count + 1]] == ["#", *map(str, range(1, count + 1))]
    assert "…" not in shown.out


def test_maps_of_a_photograph(yolo: Yolo, tiny: Path) -> None:
    photo = SAMPLES / "JPEGImages" / "dog.jpg"
    shown = yolo("info", tiny, "--maps", photo, "--layer", "conv1_1")
    assert (shown.code, shown.err) == (0, "")
    # 64 channels times 0.0625, on 64 pixels.
    assert "1, conv1_1: 4×64×64, a value sees 3 pixels along each side" in shown.out
    assert "maps.png: all maps" in shown.out
    with Image.open("maps.png") as picture:
        assert picture.mode == "RGB"


def test_four_ways_of_upsampling(yolo: Yolo) -> None:
    mask = Image.new("P", (16, 16))
    mask.putpixel((0, 0), 1)
    mask.save("mask.png")
    shown = yolo("info", "--upsample", "mask.png", "--out", "up.png")
    assert (shown.code, shown.err) == (0, "")
    # 28 × 28 of 448 × 448 pixels; of 4 × 4 windows of 8 × 8 each keeps its first pixel.
    assert "max-unpooling 0.020, " in shown.out
    assert Path("up.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "message", "code"),
    [
        (["--maps", "no.jpg"], "no.jpg: no such image", 3),
        (["--upsample", "no.png"], "no.png: no such image", 3),
        (["--maps", "a.jpg", "--upsample", "a.png"], "one picture at a time", 2),
        (["--maps", "a.jpg", "--json"], "--json goes with the table", 2),
        (["--upsample", "a.jpg", "--layer", "1"], "--layer says of which layer --maps", 2),
        (["--out", "a.png"], "--out without a picture", 2),
        (["vgg16", "--maps", "a.jpg"], "vgg16 is an architecture", 2),
        (["--maps", "a.jpg", "--out", "."], "--out .: a folder", 2),
        (["--maps", "a.jpg", "--out", "a"], "--out a: no picture has that suffix", 2),
    ],
)
def test_pictures_that_are_refused(
    refused: Refused, tiny: Path, arguments: list[str], message: str, code: int
) -> None:
    assert message in refused("info", *arguments, code=code)


def test_no_picture_is_written_over_its_source(refused: Refused) -> None:
    source = Path("maps.png")
    Image.new("RGB", (8, 8)).save(source)
    before = source.read_bytes()
    assert "that is the picture itself" in refused("info", "--maps", source, code=2)
    assert source.read_bytes() == before


def test_no_such_architecture(refused: Refused) -> None:
    message = refused("info", "resnet", code=3)
    assert "resnet: no such weights file" in message
    assert f"or an architecture: {', '.join(ARCHITECTURES)}" in message


def test_weights_have_the_head_that_they_have(refused: Refused, tiny: Path) -> None:
    message = refused("info", tiny, "--head", "fc", code=2)
    assert f"--head fc: {tiny} names weights" in message
    assert "--head goes with an architecture" in message


def rewritten(source: Path, path: Path, **metadata: str) -> Path:
    with safe_open(source, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # no mapping
        save_file(tensors, path, {**file.metadata(), **metadata})
    return path


def test_the_choices_of_the_options_are_those_of_the_code() -> None:
    from yolo_cli.cli import options
    from yolo_cli.data.formats import FORMATS

    assert set(get_args(options.FormatName)) == set(FORMATS)
