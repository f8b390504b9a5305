from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.model.builders import images, network, tiny
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.inference.backends import converted, fastest, ncnn_net
from yolo_cli.inference.backends.choose import export_kind, load_backend, of_network
from yolo_cli.inference.backends.converted import MOST_KEPT, folder_for
from yolo_cli.inference.backends.graph import RAW
from yolo_cli.inference.backends.ncnn_backend import NcnnBackend
from yolo_cli.inference.backends.ncnn_folder import ABOUT, PARAM, WEIGHTS
from yolo_cli.inference.backends.ncnn_graph import FEATURES, _Writer, blocks_to_ncnn, to_ncnn
from yolo_cli.inference.backends.ncnn_net import NcnnNet
from yolo_cli.model.architectures import ARCHITECTURES
from yolo_cli.model.weights import save_weights

pytest.importorskip("ncnn")

CPU = torch.device("cpu")
ODD = {"arch": "vgg16", "widths": (3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27)}


@pytest.fixture(autouse=True)
def _empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.safetensors"
    save_weights(path, network(tiny()), {"epoch": 3})
    return path


def outputs(path: Path) -> torch.Tensor:
    return load_backend(str(path), backend="ncnn")[1](images(1))


@pytest.mark.precision
@pytest.mark.parametrize("options", [ODD, {**ODD, "head_widths": (5, 1, 33)}, {"arch": "yolov1"}])
@pytest.mark.parametrize("head", ["conv", "fc"])
@pytest.mark.parametrize("grid", [2, 4])
def test_every_head_grid_and_width(options: dict[str, Any], head: str, grid: int) -> None:
    if head == "fc" and "head_widths" in options:
        options = {**options, "head_widths": (7, 9) if grid == 2 else (9,)}
    net = network(tiny(**options, head=head, grid=grid))
    pixels = images(2)
    with torch.no_grad():
        wanted = net(pixels)
    torch.testing.assert_close(
        of_network(net, "ncnn", CPU, "auto")(pixels), wanted, atol=1e-4, rtol=1e-4
    )


@pytest.mark.precision
@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_a_graph_may_end_with_any_block(arch: str) -> None:
    net = network(tiny(arch))
    pixels = images(1)
    for depth in range(1, net.backbone.blocks + 1):
        run = NcnnNet(blocks_to_ncnn(net, depth), FEATURES, 1, half=False, name="blocks")
        with torch.no_grad():
            wanted = net.backbone.block(0, depth)(net.normalise(pixels))[0]
        found = torch.from_numpy(run(pixels[0].numpy()))
        torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("side", [7, 8, 9])
@pytest.mark.parametrize("pool", [(2, 2, 0), (3, 2, 1), (3, 2, 0)])
def test_cells_that_do_not_fit_are_not_pooled(side: int, pool: tuple[int, int, int]) -> None:
    layer, writer = nn.MaxPool2d(*pool), _Writer()
    writer.layers([layer])
    run = NcnnNet(writer.graph(), writer.last, 1, half=False, name="pooling")
    pixels = images(1, side)
    assert np.array_equal(run(pixels[0].numpy()), layer(pixels.float())[0].numpy())


@pytest.mark.parametrize("act", [None, nn.ReLU(), nn.LeakyReLU(0.1)])
def test_activations_are_part_of_the_layer_before(act: nn.Module | None) -> None:
    conv, writer = nn.Conv2d(3, 4, 3, 2, 1), _Writer()
    writer.layers([conv, *([act] if act else []), nn.Dropout(), nn.Identity()])
    assert len(writer.lines) == 2  # the input, and one layer
    run = NcnnNet(writer.graph(), writer.last, 1, half=False, name="activation")
    pixels = images(1, 9)
    with torch.no_grad():
        wanted = conv(pixels.float()) if act is None else act(conv(pixels.float()))
    torch.testing.assert_close(
        torch.from_numpy(run(pixels[0].numpy())), wanted[0], atol=1e-3, rtol=1e-4
    )


def test_a_layer_that_no_network_has_is_refused() -> None:
    with pytest.raises(UserError, match="Sigmoid"):
        _Writer().layers([nn.Sigmoid()])
    with pytest.raises(UserError, match="ReLU"):
        _Writer().layers([nn.MaxPool2d(2), nn.ReLU()])


def test_the_predictor_stays_in_float32() -> None:
    # What comes before it differs by some thousandths; rounded itself, a number would have at most
    # eight significant bits, as bfloat16 has.
    found = of_network(network(tiny()), "ncnn", CPU, "bf16")(images(1))
    assert not torch.equal(found, found.bfloat16().float())


def test_threads_change_nothing_that_matters() -> None:
    backend = of_network(network(tiny()), "ncnn", CPU, "fp32")
    found = []
    try:
        for threads in (1, 2):
            torch.set_num_threads(threads)
            found.append(backend(images(2)))
    finally:
        torch.set_num_threads(1)
    torch.testing.assert_close(*found, atol=1e-5, rtol=1e-5)


def test_weights_are_converted_once(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = outputs(weights)
    folder = folder_for(weights)
    assert folder is not None
    assert sorted(path.name for path in folder.iterdir()) == [WEIGHTS, ABOUT, PARAM]
    monkeypatch.setattr(converted, "to_ncnn", None)  # not a second time
    assert torch.equal(outputs(weights), wanted)
    # The folder is an export: everything that the weights file says is in it.
    config, backend = load_backend(str(folder))
    assert isinstance(backend, NcnnBackend)
    assert (config, backend.description.info) == (tiny(), {"epoch": 3})


def test_other_weights_have_a_folder_of_their_own(tmp_path: Path, weights: Path) -> None:
    other = tmp_path / "other.safetensors"
    save_weights(other, network(tiny(), seed=1), {})
    assert folder_for(weights) != folder_for(other)
    assert not torch.equal(outputs(weights), outputs(other))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-5])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("harm", [cut, flip, Path.unlink])
@pytest.mark.parametrize("name", [PARAM, WEIGHTS, ABOUT])
def test_what_is_damaged_in_the_cache_is_made_again(
    weights: Path, name: str, harm: Callable[[Path], None]
) -> None:
    wanted = outputs(weights)
    folder = folder_for(weights)
    assert folder is not None
    content = {path.name: path.read_bytes() for path in folder.iterdir()}
    harm(folder / name)
    assert torch.equal(outputs(weights), wanted)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == content


def test_files_of_other_weights_are_noticed(tmp_path: Path, weights: Path) -> None:
    other = tmp_path / "other.safetensors"
    save_weights(other, network(tiny(), seed=1), {})
    wanted = outputs(weights)
    outputs(other)
    mine, theirs = folder_for(weights), folder_for(other)
    assert mine is not None
    assert theirs is not None
    (mine / WEIGHTS).write_bytes((theirs / WEIGHTS).read_bytes())
    with pytest.raises(UserError, match="is damaged, or is not the file that was exported here"):
        load_backend(str(mine))
    assert torch.equal(outputs(weights), wanted)


def test_a_cache_that_cannot_be_written_is_done_without(
    tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = outputs(weights)
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", Path(os.devnull)):
        monkeypatch.setenv("XDG_CACHE_HOME", str(place))
        assert torch.equal(outputs(weights), wanted)


def test_the_cache_does_not_grow_for_ever(tmp_path: Path) -> None:
    paths = [tmp_path / f"{seed}.safetensors" for seed in range(MOST_KEPT + 2)]
    for i, path in enumerate(paths):
        save_weights(path, network(tiny(width=0.01), seed=i), {})
        outputs(path)
        folder = folder_for(path)
        assert folder is not None
        os.utime(folder, (i, i))
    kept = [folder for folder in map(folder_for, paths) if folder is not None and folder.is_dir()]
    assert kept == [folder_for(path) for path in paths[2:]]


def test_a_folder_of_another_tool_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    (folder / PARAM).write_text("7767517\n1 1\nInput data 0 1 data\n")
    assert export_kind(folder) == "ncnn"
    with pytest.raises(UserError, match=r"model\.json is missing"):
        load_backend(str(folder))
    (folder / WEIGHTS).touch()
    for text, message in [
        ("{", "the metadata is damaged"),
        ("[]", "the metadata is damaged"),
        ("{}", "not an export of yolo-cli"),
        (json.dumps({"format": "yolo-cli export 9"}), "is not a format that this version reads"),
        (json.dumps({"format": "yolo-cli export 1", "model": 3, "info": {}}), "not readable"),
    ]:
        (folder / ABOUT).write_text(text)
        with pytest.raises(UserError, match=message) as error:
            load_backend(str(folder))
        assert error.value.code == ExitCode.BAD_INPUT


def test_a_graph_that_does_not_load_is_no_crash() -> None:
    graph = to_ncnn(network(tiny()))
    for param, content in [("no graph", graph.weights), (graph.param, graph.weights[:1000])]:
        broken = type(graph)(param, content)
        with pytest.raises(UserError, match="odd: ncnn cannot load it"):
            NcnnNet(broken, RAW, 1, half=False, name="odd")
    run = NcnnNet(graph, "nothing", 1, half=False, name="odd")
    with pytest.raises(UserError, match="odd: ncnn cannot run it"):
        run(images(1)[0].numpy())


def test_without_ncnn(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ncnn", None)  # importing it fails
    with pytest.raises(UserError, match="ncnn"):
        load_backend(str(weights), backend="ncnn")
    monkeypatch.setattr(fastest, "HEAVY", 0)  # as large as the default network
    lines: list[str] = []
    _, backend = load_backend(str(weights), say=lines.append)
    assert backend.name == "torch"
    assert len(lines) == 1
    assert lines[0].endswith("--backend auto does without it")
    with pytest.warns(UserWarning, match="--backend auto does without it"):
        load_backend(str(weights))


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (ModuleNotFoundError("No module named 'ncnn'", name="ncnn"), "ncnn is not installed"),
        (ModuleNotFoundError("No module named 'numpy'", name="numpy"), "does not load here"),
        (
            ImportError("libgomp.so.1: cannot open shared object file"),
            "does not load here .libgomp",
        ),
    ],
)
def test_why_ncnn_cannot_be_used(
    error: ImportError, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_name: str) -> None:
        raise error

    monkeypatch.setattr(ncnn_net, "import_module", fail)
    with pytest.raises(UserError, match=message):
        ncnn_net.library()
