from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from tests.model.builders import network, tiny
from yolo_cli.data.images import read_image
from yolo_cli.data.transforms import stretch
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.inference.feature_maps import feature_maps
from yolo_cli.model.weights import read_weights, save_weights
from yolo_cli.pictures.feature_maps import GAP, MOST, TILE, chosen, draw_maps
from yolo_cli.tasks.networks import network_of

pytestmark = pytest.mark.usefixtures("_one_thread")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    save_weights(path, network(tiny("vgg16", head="fc")), {})
    return path


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    noise = np.random.default_rng(0).integers(0, 256, (30, 50, 3), dtype=np.uint8)
    Image.fromarray(noise).save(path)
    return path


@pytest.mark.parametrize(("layer", "number"), [("conv1_2", 2), ("2", 2), ("3", 3), ("pool1", 3)])
def test_a_layers_maps_are_what_it_computes(
    weights: Path, photo: Path, layer: str, number: int
) -> None:
    maps = feature_maps(weights, photo, layer)
    net = network_of(read_weights(weights)).eval()
    first = net.normalise(stretch(read_image(photo), 128)[None])
    with torch.no_grad():  # convolution, ReLU, convolution, ReLU, pooling
        expected = net.backbone.features[: 4 if number == 2 else 5](first)[0]
    assert maps.number == number
    assert maps.row.name == ("conv1_2" if number == 2 else "pool1")
    torch.testing.assert_close(maps.values, expected)
    assert maps.seen.size == (128, 128)


@pytest.mark.parametrize(
    ("layer", "message", "hint"),
    [
        ("0", "--layer 0: the network has 21 layers", "1 is conv1_1, 21 is the output"),
        ("22", "--layer 22: the network has 21 layers", "1 is conv1_1"),
        ("conv1_3", "there is no such layer", "did you mean conv1_2, "),
        ("relu", "there is no such layer", "the layers are conv1_1, conv1_2, pool1, "),
        ("output", "the 48 outputs of output have no place", "the last layer with maps is head"),
        ("head.fc1", "the 256 outputs of head.fc1 have no place", "with maps is head.conv1"),
    ],
)
def test_layers_that_have_no_maps(
    weights: Path, photo: Path, layer: str, message: str, hint: str
) -> None:
    with pytest.raises(UserError) as caught:
        feature_maps(weights, photo, layer)
    assert message in caught.value.message
    assert hint in caught.value.hint
    assert caught.value.code == ExitCode.USAGE


def test_a_mean_has_no_places(photo: Path, tmp_path: Path) -> None:
    config = tiny("alexnet", task="classify", head="pool")
    save_weights(tmp_path / "classifier.safetensors", network(config), {})
    with pytest.raises(UserError, match=r"outputs of head\.mean1 have no place") as caught:
        feature_maps(tmp_path / "classifier.safetensors", photo, "head.mean1")
    assert "with maps is pool3" in caught.value.hint


def test_channels_with_one_value_are_counted(weights: Path, photo: Path) -> None:
    maps = feature_maps(weights, photo, "conv1_1")
    maps.values[:2] = torch.tensor([0.0, 3.0]).view(2, 1, 1)
    assert maps.silent == 2


def test_the_maps_that_vary_most_are_drawn_in_order() -> None:
    values = np.zeros((MOST + 2, 4, 4), dtype=np.float64)
    values[:, 0, 0] = np.arange(MOST + 2)  # the later, the more
    assert chosen(values).tolist() == list(range(2, MOST + 2))
    assert chosen(values[:3]).tolist() == [0, 1, 2]


def test_a_tile_is_dark_where_its_map_is_low_and_bright_where_it_is_high() -> None:
    values = np.zeros((1, 2, 2), dtype=np.float64)
    values[0, 1, 1] = 7
    sheet = draw_maps(values, Image.new("RGB", (64, 64), "green"), "title")
    right, bottom = sheet.width - GAP, sheet.height // 2 + GAP  # the first of two rows of tiles
    tile = np.array(sheet.crop((right - TILE, 0, right, bottom)))
    low = (tile == (0, 0, 3)).all(axis=-1).sum()  # first and last colour of matplotlib's magma
    high = (tile == (251, 252, 191)).all(axis=-1).sum()
    assert high == (TILE / 2) ** 2
    assert low == 3 * high
