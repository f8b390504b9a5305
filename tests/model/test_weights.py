from __future__ import annotations

import json
import pickle
import random
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from tests.model.builders import images, network, tiny
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.model import embedded as module
from yolo_cli.model.architectures import ARCHITECTURES
from yolo_cli.model.config import ModelConfig
from yolo_cli.model.embedded import default_for, weights_path
from yolo_cli.model.network import Network
from yolo_cli.model.weights import FORMAT, read_safetensors, save_weights
from yolo_cli.tasks.networks import load_weights, network_of
from yolo_cli.tasks.transfer import transfer

CONFIG = tiny("fast", classes=("cat", "dog"))
PREDICTOR = "head.predictor.layer"


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "best.safetensors"
    save_weights(path, network(CONFIG), {"epochs": 3, "score": 71.5})
    return path


def rewrite(path: Path, change: Mapping[str, str | None]) -> Path:
    """The file with other metadata; None takes a field out."""
    metadata = {
        "format": FORMAT,
        "model": json.dumps(CONFIG.to_json()),
        "info": "{}",
        **change,
    }
    kept = {name: text for name, text in metadata.items() if text is not None}
    save_file(load_file(path), path, kept)
    return path


def model(**change: Any) -> dict[str, str]:
    return {"model": json.dumps({**CONFIG.to_json(), **change})}


def refused(path: Path, match: str | None = None) -> UserError:
    """The error that the file gives: one that names it, in at most two lines."""
    with pytest.raises(UserError, match=match) as caught:
        network_of(load_weights(path))
    assert caught.value.message.startswith(str(path))
    assert "\n" not in caught.value.message + caught.value.hint
    return caught.value


# --- writing and reading ------------------------------------------------------------------------


@pytest.mark.parametrize("arch", ARCHITECTURES)
@pytest.mark.parametrize("head", ["conv", "fc"])
def test_round_trip(tmp_path: Path, arch: str, head: str) -> None:
    config = tiny(arch, head=head, classes=("Hund", "猫", "x"))
    net = network(config)
    save_weights(tmp_path / "w.safetensors", net, {"data": "voc", "epochs": 12})
    loaded = load_weights(tmp_path / "w.safetensors")
    assert loaded.config == config
    assert loaded.info == {"data": "voc", "epochs": 12}
    again = network_of(loaded).eval()
    for name, tensor in net.state_dict().items():
        # float16 keeps eleven bits: half of 1/1024 is the most that rounding takes.
        torch.testing.assert_close(again.state_dict()[name], tensor, rtol=1 / 2048, atol=1e-7)
    assert {p.dtype for p in again.parameters()} == {torch.float32}
    before, after = net(images(2)), again(images(2))
    assert (after - before).abs().mean() < 0.01 * before.std()


def test_a_pruned_network_comes_back(tmp_path: Path) -> None:
    config = tiny("fast", widths=(5, 3, 7, 4, 6, 9, 8, 11), head_widths=(13, 17, 19))
    net = network(config)
    save_weights(tmp_path / "w.safetensors", net, {})
    loaded = load_weights(tmp_path / "w.safetensors")
    assert loaded.config == config
    again = network_of(loaded).eval()
    assert {n: t.shape for n, t in again.state_dict().items()} == {
        n: t.shape for n, t in net.state_dict().items()
    }
    torch.testing.assert_close(again(images(1)), net(images(1)), rtol=0.02, atol=0.02)
    metadata = json.loads(read_safetensors(tmp_path / "w.safetensors")[1]["model"])
    assert metadata["widths"] == [5, 3, 7, 4, 6, 9, 8, 11]


def test_a_network_that_is_not_pruned_says_nothing_of_widths(saved: Path) -> None:
    assert "widths" not in json.loads(read_safetensors(saved)[1]["model"])


def test_the_file_is_float16_and_its_metadata_text(saved: Path) -> None:
    tensors = load_file(saved)
    assert {t.dtype for t in tensors.values()} == {torch.float16, torch.int64}
    assert tensors["backbone.features.1.num_batches_tracked"].dtype == torch.int64
    metadata = read_safetensors(saved)[1]
    assert metadata["format"] == FORMAT
    assert json.loads(metadata["model"])["classes"] == ["cat", "dog"]


def test_values_beyond_float16_stay_float32(tmp_path: Path) -> None:
    # A variance of 100,000 would become infinite, and the channel silent.
    net = network(CONFIG)
    variance = net.state_dict()["backbone.features.1.running_var"]
    variance[0] = 1e5
    save_weights(tmp_path / "w.safetensors", net, {})
    again = network_of(load_weights(tmp_path / "w.safetensors")).state_dict()
    assert torch.equal(again["backbone.features.1.running_var"], variance)


def test_layout_in_memory_does_not_matter(tmp_path: Path) -> None:
    net = network(tiny("vgg16"))
    save_weights(tmp_path / "a.safetensors", net, {})
    save_weights(tmp_path / "b.safetensors", net.to(memory_format=torch.channels_last), {})
    a, b = (load_file(tmp_path / name) for name in ("a.safetensors", "b.safetensors"))
    assert all(torch.equal(a[name], b[name]) for name in a)


def test_a_failed_write_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError) as caught:
        save_weights(tmp_path / "file" / "w.safetensors", network(CONFIG), {})
    assert caught.value.code == ExitCode.FAILURE
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


# --- files that are no weights ------------------------------------------------------------------


def test_missing_files_and_folders(tmp_path: Path) -> None:
    refused(tmp_path / "none.safetensors", "No such file")
    (tmp_path / "folder").mkdir()
    refused(tmp_path / "folder")


@pytest.mark.parametrize("name", ["a.onnx", "model.xml", "folder/model.xml", "folder/model.param"])
def test_exports_are_no_damaged_weights(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"of another tool")
    with pytest.raises(UserError, match="an export, which is run as it is") as caught:
        load_weights(path.parent if path.parent != tmp_path else path)
    assert "name the weights file" in caught.value.hint


def test_a_file_that_may_not_be_read_is_the_machines_fault(
    saved: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", closed)
    assert refused(saved, "Permission denied").code == ExitCode.FAILURE


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 100, -1, -1000])
def test_truncated_files(saved: Path, size: int) -> None:
    saved.write_bytes(saved.read_bytes()[:size])
    refused(saved, "not a readable safetensors file")


@pytest.mark.parametrize(
    "content",
    [
        b"hello, world, this is no weights file",
        b"\x00" * 64,
        b"\xff" * 64,
        (8).to_bytes(8, "little") + b"{broken}",
        (2).to_bytes(8, "little") + b"[]",
        (2**62).to_bytes(8, "little") + b"{}",
        (20).to_bytes(8, "little") + b'{"__metadata__":123}',
    ],
)
def test_garbage(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(content)
    refused(path, "not a readable safetensors file")


class Bomb:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_are_not_opened(tmp_path: Path, protocol: int) -> None:
    path = tmp_path / "w.safetensors"
    path.write_bytes(pickle.dumps(Bomb(tmp_path / "boom"), protocol))
    refused(path)
    assert not (tmp_path / "boom").exists()


@pytest.mark.parametrize("new", [True, False])
def test_pytorchs_own_files_are_named_as_what_they_are(tmp_path: Path, new: bool) -> None:
    path = tmp_path / "w.pt"
    torch.save({"bomb": Bomb(tmp_path / "boom")}, path, _use_new_zipfile_serialization=new)
    error = refused(path, "pickled")
    assert "--backbone" in error.hint
    assert not (tmp_path / "boom").exists()


def test_another_tools_safetensors(tmp_path: Path) -> None:
    path = tmp_path / "w.safetensors"
    save_file({"features.0.weight": torch.zeros(3)}, path)
    assert "--backbone" in refused(path, "not weights of yolo-cli").hint
    save_file({"features.0.weight": torch.zeros(3)}, path, {"format": "pt"})
    refused(path, "not weights of yolo-cli")


@pytest.mark.parametrize(
    "change",
    [
        {"model": None},
        {"model": ""},
        {"model": '{"classes": ["cat", "dog"'},
        {"model": "[" * 100_000},
        {"model": "null"},
        {"model": "[]"},
        {"model": '"fast"'},
        {"model": '{"classes": NaN}'},
        {"info": None},
        {"info": "not json"},
        {"info": "null"},
        {"info": "[1]"},
        {"info": "[" * 100_000},
        model(classes=None),
        model(classes=[]),
        model(classes=["cat", 3]),
        model(grid="7"),
        model(grid=None),
        model(grid=10**9, image_size=64 * 10**9),
        model(grid=10**4, image_size=64 * 10**4),
        model(boxes=10**9),
        model(boxes=-1),
        model(width=1e6),
        model(arch="resnet50"),
        model(arch=None),
        model(mean=[0.5]),
        model(std=[0, 0, 0]),
        model(future=1),
    ],
)
def test_damaged_metadata(saved: Path, change: dict[str, str | None]) -> None:
    refused(rewrite(saved, change))


@pytest.mark.parametrize(
    "change",
    [
        model(arch="vgg16"),
        model(arch="yolov1"),
        model(head="fc"),
        model(head="fc", grid=64, image_size=4096),  # 4 GB, were it built
        model(boxes=3),
        model(boxes=100),
        model(classes=["cat"]),
        model(norm=False),
        model(width=0.125),
        model(width=4.0),
        model(widths=[5, 3, 7, 4, 6, 9, 8, 11]),
        model(head_widths=[16, 16, 17]),
    ],
)
def test_tensors_of_another_architecture(saved: Path, change: dict[str, str]) -> None:
    refused(rewrite(saved, change), "do not fit the architecture")


@pytest.mark.parametrize("name", ["backbone.features.0.weight", f"{PREDICTOR}.bias"])
def test_missing_and_misshapen_tensors(saved: Path, name: str) -> None:
    tensors, metadata = read_safetensors(saved)
    save_file({n: t for n, t in tensors.items() if n != name}, saved, metadata)
    refused(saved, "do not fit")
    save_file({**tensors, name: torch.zeros(2, 3)}, saved, metadata)
    refused(saved, "do not fit")
    save_file({**tensors, "extra": torch.zeros(1)}, saved, metadata)
    refused(saved, "do not fit")


def test_no_damage_is_anything_but_a_users_error(saved: Path) -> None:
    whole = saved.read_bytes()
    header = 8 + int.from_bytes(whole[:8], "little")
    chance = random.Random(0)
    errors = 0
    for turn in range(150):
        data = bytearray(whole)
        for _ in range(chance.randint(1, 5)):
            data[chance.randrange(header if turn % 3 else 8)] = chance.randrange(256)
        saved.write_bytes(data)
        try:
            network_of(load_weights(saved))
        except UserError as error:
            assert str(saved) in error.message
            errors += 1
    assert errors > 100


# --- names --------------------------------------------------------------------------------------


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of embedded weights with two files, and another folder to work in."""
    folder = tmp_path / "package"
    folder.mkdir()
    for name in ("vgg16-voc", "fast-voc"):
        (folder / f"{name}.safetensors").write_bytes(b"")
    monkeypatch.setattr(module, "_embedded_folders", lambda: [folder])
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return folder


def test_embedded_weights_go_by_name(package: Path) -> None:
    assert sorted(module._embedded()) == ["fast-voc", "vgg16-voc"]
    assert weights_path("default") == package / "vgg16-voc.safetensors"
    assert weights_path("fast-voc") == package / "fast-voc.safetensors"


def test_the_embedded_weights_of_an_architecture(package: Path) -> None:
    assert default_for("fast") == "fast-voc"
    assert default_for("vgg16") == "vgg16-voc"
    assert default_for("yolov1") == default_for(None) == "default"
    assert default_for("fast", 14) == "fast-voc"
    assert default_for(None, 14) == "default"
    (package / "vgg16-voc-14.safetensors").write_bytes(b"")
    assert default_for("vgg16", 14) == default_for(None, 14) == "vgg16-voc-14"
    assert default_for("vgg16", 7) == "vgg16-voc"
    assert default_for(None, None, "lean-voc") == "default"
    (package / "lean-voc.safetensors").write_bytes(b"")
    assert default_for(None, None, "lean-voc") == "lean-voc"
    assert default_for("vgg16", None, "lean-voc") == "vgg16-voc"
    assert default_for("fast", 14) == "fast-voc"


def test_paths_are_taken_literally(package: Path) -> None:
    Path("mine").write_bytes(b"")
    Path("mine.safetensors").write_bytes(b"")
    assert weights_path("mine") == Path("mine")
    assert weights_path(str(Path("mine").resolve())) == Path("mine").resolve()
    assert weights_path("./mine.safetensors") == Path("mine.safetensors")


@pytest.mark.parametrize(
    "name", ["none.safetensors", "vgg16", "x" * 5000, "~nobody-at-all/w", "/a/b", "http://x"]
)
def test_unknown_names_are_told_the_known_ones(package: Path, name: str) -> None:
    with pytest.raises(UserError, match="no such weights file") as caught:
        weights_path(name)
    assert caught.value.message.startswith(name)  # as typed: a Path would lose a slash of two
    assert "default, fast-voc, vgg16-voc" in caught.value.hint


def test_without_embedded_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_embedded_folders", list)
    with pytest.raises(UserError, match="no embedded weights") as caught:
        weights_path("default")
    assert "--weights" in caught.value.hint
    with pytest.raises(UserError, match="no such weights file"):
        weights_path(str(tmp_path / "none"))


# --- transfer -----------------------------------------------------------------------------------


def states(net: Network) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in net.state_dict().items()}


def test_transfer_to_the_same_network_keeps_everything() -> None:
    old, new = network(CONFIG, seed=1), network(CONFIG, seed=2)
    report = transfer(new, old.state_dict(), CONFIG)
    assert report.replaced == report.dropped == ()
    assert set(report.kept) == set(old.state_dict())
    for name, tensor in old.state_dict().items():
        assert torch.equal(new.state_dict()[name], tensor)
    assert report.summary() == f"kept {len(report.kept)} tensors"


@pytest.mark.parametrize(("head", "cells"), [("conv", 1), ("fc", 4)])
def test_transfer_keeps_boxes_and_classes_of_the_same_name(head: str, cells: int) -> None:
    old_config = tiny(head=head, classes=("cat", "dog", "cow"))
    new_config = tiny(head=head, classes=("hen", "cow", "cat", "owl"))
    old, new = network(old_config, seed=1), network(new_config, seed=2)
    fresh = states(new)
    report = transfer(new, old.state_dict(), old_config)
    assert f"{PREDICTOR}.weight" in report.kept
    assert report.replaced == report.dropped == ()
    assert report.new_classes == ("hen", "owl")
    assert report.dropped_classes == ("dog",)
    assert report.summary().endswith("new classes hen, owl; 1 class dropped")
    for name in (f"{PREDICTOR}.weight", f"{PREDICTOR}.bias"):
        before, chance, after = old.state_dict()[name], fresh[name], new.state_dict()[name]
        for cell in range(cells):
            was, become = 13 * cell, 14 * cell  # rows of a cell: 2 x 5 numbers and the classes
            assert torch.equal(after[become : become + 10], before[was : was + 10])
            expected = [
                chance[become + 10],
                before[was + 12],
                before[was + 10],
                chance[become + 13],
            ]
            assert torch.equal(after[become + 10 : become + 14], torch.stack(expected))


def test_transfer_to_the_same_classes_in_another_order() -> None:
    # The shapes agree, so that a plain copy would mix the classes up.
    turned = replace(CONFIG, classes=("dog", "cat"))
    old, new = network(CONFIG, seed=1), network(turned, seed=2)
    transfer(new, old.state_dict(), CONFIG)
    before, after = (n.state_dict()[f"{PREDICTOR}.bias"].tolist() for n in (old, new))
    assert after == [*before[:10], before[11], before[10]]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        # outputs of another meaning, though of the same shape
        (tiny(output="linear"), tiny(output="sigmoid")),
        # 5 x 2 + 7 = 5 x 3 + 2
        (tiny(boxes=2, classes=tuple("abcdefg")), tiny(boxes=3, classes=("a", "b"))),
    ],
)
def test_a_predictor_of_another_meaning_starts_afresh(old: ModelConfig, new: ModelConfig) -> None:
    given, taker = network(old, seed=1), network(new, seed=2)
    fresh = states(taker)
    report = transfer(taker, given.state_dict(), old)
    assert report.replaced == (f"{PREDICTOR}.weight", f"{PREDICTOR}.bias")
    assert report.dropped == ()
    for name in report.replaced:
        assert torch.equal(taker.state_dict()[name], fresh[name])
    assert "2 start afresh" in report.summary()


def test_transfer_to_a_finer_grid() -> None:
    # The convolutional predictor is the same in every cell; the connected one is not.
    for head, kept in (("conv", True), ("fc", False)):
        old, new = tiny("vgg16", head=head), tiny("vgg16", head=head, grid=4)
        report = transfer(network(new), network(old).state_dict(), old)
        assert (f"{PREDICTOR}.weight" in report.kept) == kept
        assert "backbone.features.0.weight" in report.kept


def test_transfer_to_another_head_keeps_the_backbone() -> None:
    old, new = tiny("vgg16", head="fc", norm=False), tiny("vgg16", head="conv", norm=False)
    given, taker = network(old, seed=1), network(new, seed=2)
    report = transfer(taker, given.state_dict(), old)
    backbone = {name for name in given.state_dict() if name.startswith("backbone.")}
    assert backbone <= set(report.kept)
    # Predictors are of two kinds; the fc head's other layers have no counterpart.
    assert {f"{PREDICTOR}.weight", f"{PREDICTOR}.bias"} <= set(report.replaced)
    for name in backbone:
        assert torch.equal(taker.state_dict()[name], given.state_dict()[name])


def test_transfer_names_what_it_drops() -> None:
    taker = network(tiny("vgg16"))
    tensors = {n: t for n, t in states(taker).items() if n.startswith("backbone.")}
    report = transfer(taker, {**tensors, "classifier.0.weight": torch.zeros(2, 2)})
    assert report.dropped == ("classifier.0.weight",)
    assert set(report.kept) == set(tensors)
    assert all(name.startswith("head.") for name in report.replaced)
    assert "1 not used (classifier.0.weight)" in report.summary()


def test_float16_tensors_become_the_networks_type() -> None:
    old, new = network(CONFIG, seed=1), network(CONFIG, seed=2)
    transfer(new, {n: t.half() for n, t in states(old).items() if t.is_floating_point()}, CONFIG)
    assert {p.dtype for p in new.parameters()} == {torch.float32}


@pytest.mark.parametrize(
    ("old", "new"),
    [
        # Every network with normalisation has its counters, which always fit.
        (tiny("fast"), tiny("yolov1")),
        (tiny("yolov1"), tiny("fast")),
    ],
)
def test_nothing_in_common_is_an_error(old: ModelConfig, new: ModelConfig) -> None:
    taker = network(new)
    before = states(taker)
    with pytest.raises(UserError, match=f"fits a {new.arch} network"):
        transfer(taker, network(old).state_dict(), old)
    for name, tensor in taker.state_dict().items():
        assert torch.equal(tensor, before[name])


def test_an_empty_file_is_an_error() -> None:
    with pytest.raises(UserError):
        transfer(network(CONFIG), {})


def test_a_predictor_of_the_wrong_shape_is_no_traceback() -> None:
    # 11 rows are not those of the two classes that the configuration names.
    tensors = {**states(network(CONFIG)), f"{PREDICTOR}.weight": torch.zeros(11, 16, 1, 1)}
    report = transfer(network(CONFIG), tensors, CONFIG)
    assert f"{PREDICTOR}.weight" in report.replaced
