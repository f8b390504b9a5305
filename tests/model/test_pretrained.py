from __future__ import annotations

import hashlib
import pickle
import random
import socket
from http.client import HTTPMessage, IncompleteRead
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from tests.model.builders import network, tiny
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.model.pretrained import backbone_from_file, imagenet_backbone
from yolo_cli.model.weights import save_weights
from yolo_cli.tasks.transfer import transfer

CAFFE = ((0.48235, 0.45882, 0.40784), (1 / 255, 1 / 255, 1 / 255))
TORCHVISION = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
STATED = "RGB, value range [0,1], normalised with mean=(0.4,0.45,.5) std=(1/255,1/250,0.5)"


def convolutions() -> dict[str, Tensor]:
    """Named as torchvision names them, and small."""
    state = network(tiny("vgg16")).backbone.state_dict()
    return {name: tensor.clone() for name, tensor in state.items()}


def safetensors(path: Path, metadata: dict[str, str] | None = None, **more: Tensor) -> Path:
    save_file({**convolutions(), **more}, path, metadata)
    return path


def refused(path: Path, match: str, preprocessing: str | None = "caffe") -> UserError:
    with pytest.raises(UserError, match=match) as caught:
        backbone_from_file(path, preprocessing, "vgg16")
    assert str(path) in caught.value.message
    assert "\n" not in caught.value.message + caught.value.hint
    return caught.value


# --- what a file says of its images -------------------------------------------------------------


@pytest.mark.parametrize(
    "metadata",
    [
        {"input": STATED},
        {"mean": "[0.4, 0.45, 0.5]", "std": "(1/255, 1/250, 1/2)"},
        {"preprocessing": "std = [1/255,1/250,.5], mean = [.4,.45,.5]"},
    ],
)
def test_the_preprocessing_is_read_from_the_metadata(
    tmp_path: Path, metadata: dict[str, str]
) -> None:
    path = safetensors(tmp_path / "vgg.safetensors", {"origin": "ILSVRC", **metadata})
    found = backbone_from_file(path, None, "vgg16")
    assert found.preprocessing.mean == pytest.approx((0.4, 0.45, 0.5))
    assert found.preprocessing.std == pytest.approx((1 / 255, 1 / 250, 0.5))
    assert found.origin == "ILSVRC"


@pytest.mark.parametrize(
    "metadata",
    [
        None,
        {"keys": "torchvision.models.vgg16"},
        {"input": "mean=(0.4,0.45,0.5)"},
        {"input": "mean=(0.4,0.45) std=(1,1)"},
        {"input": "mean=(a,b,c) std=(1,1,1)"},
        {"input": "mean=(0.4,0.45,0.5) std=(1,1,1/0)"},
        {"input": "mean=(0.4,0.45,0.5) std=(0,0,0)"},
        {"input": "mean=(0.4,0.45,nan) std=(1,1,1)"},
        {"input": "mean=(123.68,116.78,103.94) std=(1,1,1)"},  # of pixels to 255
        {"mean": "", "std": ""},
    ],
)
def test_a_file_that_does_not_say_is_asked_for(
    tmp_path: Path, metadata: dict[str, str] | None
) -> None:
    path = safetensors(tmp_path / "vgg.safetensors", metadata)
    error = refused(path, "does not say how", preprocessing=None)
    assert error.code == ExitCode.USAGE
    assert "--preprocessing caffe" in error.hint
    assert "torchvision" in error.hint
    assert backbone_from_file(path, "torchvision", "vgg16").preprocessing.std == TORCHVISION[1]


@pytest.mark.parametrize(("name", "expected"), [("caffe", CAFFE), ("torchvision", TORCHVISION)])
def test_the_users_word_counts_more_than_the_files(
    tmp_path: Path, name: str, expected: tuple[tuple[float, ...], tuple[float, ...]]
) -> None:
    path = safetensors(tmp_path / "vgg.safetensors", {"input": STATED})
    found = backbone_from_file(path, name, "vgg16")
    assert found.preprocessing == expected
    assert found.origin == "vgg.safetensors"


def test_an_unknown_preprocessing() -> None:
    with pytest.raises(UserError, match="--preprocessing imagenet") as caught:
        backbone_from_file(Path("vgg.safetensors"), "imagenet", "vgg16")
    assert caught.value.code == ExitCode.USAGE
    assert caught.value.hint == "use caffe or torchvision"


# --- tensors ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["vgg.safetensors", "vgg.pth", "vgg.pt", "vgg"])
def test_the_convolutions_alone_are_taken_under_this_projects_names(
    tmp_path: Path, name: str
) -> None:
    path = tmp_path / name
    tensors = {**convolutions(), "classifier.0.weight": torch.zeros(4, 4)}
    if path.suffix == ".safetensors":
        save_file(tensors, path)
    else:
        torch.save(tensors, path)
    found = backbone_from_file(path, "caffe", "vgg16").tensors
    taker = network(tiny("vgg16", width=0.0625), seed=5)
    report = transfer(taker, found)
    assert set(report.kept) == {f"backbone.{name}" for name in convolutions()}
    assert report.dropped == ()
    for key, tensor in convolutions().items():
        assert torch.equal(taker.backbone.state_dict()[key], tensor)


@pytest.mark.parametrize("new", [True, False])
def test_both_kinds_of_pytorch_files(tmp_path: Path, new: bool) -> None:
    path = tmp_path / "vgg.pth"
    torch.save(convolutions(), path, _use_new_zipfile_serialization=new)
    assert len(backbone_from_file(path, "caffe", "vgg16").tensors) == 26  # 13 weights and biases


def test_a_file_without_vgg16s_convolutions(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"conv1.weight": torch.zeros(2), "classifier.0.weight": torch.zeros(2)}, path)
    assert "--weights" in refused(path, "no VGG-16 convolutions").hint
    torch.save({"state_dict": convolutions()}, tmp_path / "nested.pth")
    refused(tmp_path / "nested.pth", "no VGG-16 convolutions")
    torch.save({}, tmp_path / "empty.pth")
    refused(tmp_path / "empty.pth", "no VGG-16 convolutions")


def test_this_tools_own_weights_are_no_backbone_file(tmp_path: Path) -> None:
    path = tmp_path / "best.safetensors"
    save_weights(path, network(tiny("vgg16")), {})
    assert "--weights" in refused(path, "no VGG-16 convolutions").hint


def test_a_state_dict_is_what_is_wanted(tmp_path: Path) -> None:
    path = tmp_path / "list.pth"
    torch.save([torch.zeros(2)], path)
    refused(path, "holds a list, not a state dict")


# --- files that are damaged or mean harm --------------------------------------------------------


class Bomb:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("kind", ["zip", "legacy", "pickle"])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_no_code_in_a_file_is_run(tmp_path: Path, kind: str, suffix: str) -> None:
    path, boom = tmp_path / f"vgg{suffix}", tmp_path / "boom"
    content = {**convolutions(), "bomb": Bomb(boom)}
    if kind == "pickle":
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=kind == "zip")
    refused(path, "state dict|pickled")
    assert not boom.exists()
    # It does go off where pickles are trusted.
    pickle.loads(pickle.dumps(content))
    assert boom.exists()


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_missing_files_and_folders(tmp_path: Path, suffix: str) -> None:
    refused(tmp_path / f"none{suffix}", "No such file")
    (tmp_path / f"folder{suffix}").mkdir()
    refused(tmp_path / f"folder{suffix}", "folder")


def test_no_damage_is_anything_but_a_users_error(tmp_path: Path) -> None:
    good = tmp_path / "good.pth"
    torch.save({"features.0.weight": torch.zeros(4, 3, 3, 3)}, good)
    whole, path = good.read_bytes(), tmp_path / "bad.pth"
    starts = (b"", b"\x80\x02", b"\x80\x04", b"PK\x03\x04", b"}q\x00", b"(dp0\n")
    chance = random.Random(0)
    errors = 0
    for turn in range(400):
        data = bytearray(whole)
        if turn % 4 == 0:
            data = data[: chance.randrange(len(data))]
        elif turn % 4 == 1:
            data = bytearray(chance.choice(starts) + chance.randbytes(chance.randrange(60)))
        else:
            for _ in range(chance.randint(1, 8)):
                data[chance.randrange(len(data))] = chance.randrange(256)
        path.write_bytes(data)
        try:
            backbone_from_file(path, "caffe", "vgg16")
        except UserError as error:
            assert str(path) in error.message
            assert "\n" not in error.message
            errors += 1
    assert errors > 200


# --- torchvision's weights ----------------------------------------------------------------------


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Torch's folder of downloads, empty; and no way to the network."""

    def closed(*_: object, **__: object) -> None:
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket, "create_connection", closed)
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path / "hub"))
    return tmp_path / "hub"


@pytest.mark.parametrize(
    "failure",
    [
        URLError("Name or service not known"),
        URLError(ConnectionRefusedError(111, "Connection refused")),
        HTTPError("https://x", 404, "Not Found", None, None),  # type: ignore[arg-type]
        TimeoutError("timed out"),
        ConnectionResetError(104, "Connection reset by peer"),
        IncompleteRead(b"half"),
    ],
)
def test_without_a_network_one_line_says_what_to_do(
    hub: Path, monkeypatch: pytest.MonkeyPatch, failure: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise failure

    monkeypatch.setattr(torch.hub, "urlopen", fail)
    with pytest.raises(UserError, match="cannot be downloaded") as caught:
        imagenet_backbone("vgg16")
    error = caught.value
    assert error.code == ExitCode.FAILURE
    assert error.message.startswith("https://")
    assert "--backbone FILE --preprocessing caffe" in error.hint
    assert "\n" not in error.message + error.hint
    assert not [p for p in hub.rglob("*") if p.is_file()]


def fake_download(
    monkeypatch: pytest.MonkeyPatch, content: dict[str, Any], *, legacy: bool = True
) -> list[str]:
    """Stands in for the download; returns the list of what was fetched."""
    fetched: list[str] = []

    def download(url: str, path: str, hash_prefix: str | None, progress: bool) -> None:
        assert hash_prefix  # the content is to be checked
        assert progress
        fetched.append(url)
        torch.save(content, path, _use_new_zipfile_serialization=not legacy)

    monkeypatch.setattr(torch.hub, "download_url_to_file", download)
    return fetched


@pytest.mark.parametrize("legacy", [True, False])
def test_torchvisions_features_have_caffes_preprocessing(
    hub: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    legacy: bool,
) -> None:
    # As in the real file: the convolutions, and a classifier that is no use.
    classifier = {"classifier.0.weight": torch.full((2, 2), float("nan"))}
    fetched = fake_download(monkeypatch, {**convolutions(), **classifier}, legacy=legacy)
    found = imagenet_backbone("vgg16")
    assert len(fetched) == 1
    assert "vgg16_features" in fetched[0]  # IMAGENET1K_FEATURES, not IMAGENET1K_V1
    assert found.preprocessing == CAFFE
    assert found.origin == fetched[0]
    assert set(found.tensors) == {f"backbone.{name}" for name in convolutions()}
    assert capsys.readouterr().out == ""  # standard output is for data
    imagenet_backbone("vgg16")
    assert len(fetched) == 1  # from torch's folder the second time


def test_a_download_is_not_unpickled_either(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake_download(monkeypatch, {**convolutions(), "bomb": Bomb(hub / "boom")})
    with pytest.raises(UserError) as caught:
        imagenet_backbone("vgg16")
    assert "\n" not in caught.value.message
    assert not (hub / "boom").exists()


def test_a_download_with_the_wrong_content(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = b"not the weights"
    assert not hashlib.sha256(wrong).hexdigest().startswith("88682ab5")

    class Answer:
        """As much of a response as torch looks at."""

        def __init__(self) -> None:
            self.parts = [wrong, b""]

        def info(self) -> HTTPMessage:
            return HTTPMessage()

        def read(self, _size: int) -> bytes:
            return self.parts.pop(0)

        def __enter__(self) -> Answer:
            return self

        def __exit__(self, *_: object) -> None: ...

    monkeypatch.setattr(torch.hub, "urlopen", lambda *_, **__: Answer())
    with pytest.raises(UserError, match="invalid hash") as caught:
        imagenet_backbone("vgg16")
    assert "\n" not in caught.value.message
    assert not [p for p in hub.rglob("*") if p.is_file()]


def test_connected_layers_of_a_published_classifier(tmp_path: Path) -> None:
    # AlexNet's places: a dropout before each connected layer; the last knows ImageNet's classes.
    state = dict(_alexnet_state())
    for place, shape in ((1, (8, 4)), (4, (8, 8)), (6, (1000, 8))):
        state[f"classifier.{place}.weight"] = torch.full(shape, float(place))
        state[f"classifier.{place}.bias"] = torch.zeros(shape[0])
    torch.save(state, tmp_path / "alexnet.pth")
    read = backbone_from_file(tmp_path / "alexnet.pth", "torchvision", "alexnet")
    names = {f"head.layers.{i}.{part}" for i in (1, 4) for part in ("weight", "bias")}
    assert read.connected.keys() == names
    assert read.connected["head.layers.4.weight"].unique().tolist() == [4]


def _alexnet_state() -> dict[str, torch.Tensor]:
    return {"features.0.weight": torch.zeros(64, 3, 11, 11), "features.0.bias": torch.zeros(64)}
