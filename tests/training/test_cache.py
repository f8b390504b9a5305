from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.toy import make_voc
from yolo_cli.data.augmentation import Augmentation
from yolo_cli.data.dataset import open_dataset
from yolo_cli.data.loader import TrainingImages, collate
from yolo_cli.errors import UserError
from yolo_cli.model.config import new_config
from yolo_cli.model.network import Network
from yolo_cli.tasks.detect.augment import Preparation
from yolo_cli.tasks.networks import build_network
from yolo_cli.training.cache.features import FeatureCache
from yolo_cli.training.cache.key import cache_key
from yolo_cli.training.cache.space import check_space, feature_bytes
from yolo_cli.training.machine import Machine

CPU = torch.device("cpu")


@pytest.fixture
def images(tmp_path: Path) -> TrainingImages:
    dataset = open_dataset(make_voc(tmp_path / "toy", 18)).load(None)
    return TrainingImages(dataset.samples, Preparation(64, Augmentation()), seed=5)


DEPTH = 3


@pytest.fixture
def network(images: TrainingImages) -> Network:
    torch.manual_seed(2)
    result = build_network(
        new_config(("disc", "square"), grid=2, image_size=64, width=0.0625)
    ).eval()
    result.freeze(DEPTH)
    return result


def build(
    cache: FeatureCache,
    network: Network,
    dtype: torch.dtype = torch.float32,
    shallower: FeatureCache | None = None,
) -> list[int]:
    """Compute what is missing; return how many images each step added."""
    steps: list[int] = []
    machine = Machine(CPU, dtype, workers=0)
    cache.build(network, machine, progress=steps.append, shallower=shallower)
    return steps


def test_cached_activations_equal_computed_ones(
    images: TrainingImages, network: Network, tmp_path: Path
) -> None:
    cache = FeatureCache(tmp_path / "cache", images, 2, DEPTH)
    build(cache, network)
    for epoch, index in ((0, 0), (1, 0), (0, 17), (5, 3)):
        features, target = cache[epoch, index]
        pixels, expected = images[(epoch + index) % 2, index]
        with torch.inference_mode():
            computed = network.frozen_part()(network.normalise(pixels[None]))[0]
        # bfloat16 keeps 8 bits: a relative rounding error of at most 2^-8.
        torch.testing.assert_close(features.float(), computed, rtol=2**-8, atol=1e-6)
        assert torch.equal(target["boxes"], expected["boxes"])
        assert torch.equal(target["labels"], expected["labels"])


def test_activations_are_channels_last_without_a_copy(
    images: TrainingImages, network: Network, tmp_path: Path
) -> None:
    cache = FeatureCache(tmp_path / "cache", images, 1, DEPTH)
    build(cache, network)
    batch, _ = collate([cache[0, i] for i in range(2)])
    assert batch.is_contiguous(memory_format=torch.channels_last)


def test_every_epoch_takes_another_copy(
    images: TrainingImages, network: Network, tmp_path: Path
) -> None:
    cache = FeatureCache(tmp_path / "cache", images, 2, DEPTH)
    build(cache, network)
    first, second, third = (cache[epoch, 4][0] for epoch in range(3))
    assert not torch.equal(first, second)
    assert torch.equal(first, third)


def test_building_goes_on_with_what_is_missing(
    images: TrainingImages, network: Network, tmp_path: Path
) -> None:
    cache = FeatureCache(tmp_path / "cache", images, 2, DEPTH)
    assert build(cache, network) == [16, 2, 16, 2]
    before = cache[1, 17][0]
    cache.path(1, 0).unlink()
    cache.path(0, 16).unlink()
    again = FeatureCache(tmp_path / "cache", images, 2, DEPTH)
    assert build(again, network) == [2, 16]
    assert torch.equal(again[1, 17][0], before)
    assert build(again, network) == []


def test_more_copies_extend_a_cache(
    images: TrainingImages, network: Network, tmp_path: Path
) -> None:
    build(FeatureCache(tmp_path / "cache", images, 1, DEPTH), network)
    assert build(FeatureCache(tmp_path / "cache", images, 2, DEPTH), network) == [16, 2]


def test_deeper_activations_are_made_from_a_shallower_cache(
    images: TrainingImages, network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    direct = FeatureCache(tmp_path / "direct", images, 2, DEPTH)
    build(direct, network, torch.bfloat16)
    network.freeze(2)
    shallower = FeatureCache(tmp_path / "shallower", images, 2, 2)
    build(shallower, network, torch.bfloat16)
    network.freeze(3)
    deeper = FeatureCache(tmp_path / "deeper", images, 2, DEPTH)
    monkeypatch.delattr(TrainingImages, "__getitem__")  # no image is read again
    build(deeper, network, torch.bfloat16, shallower)
    for key in ((0, 0), (1, 0), (0, 17), (5, 3)):
        features, target = deeper[key]
        computed, expected = direct[key]
        assert torch.equal(features, computed)
        assert torch.equal(target["boxes"], expected["boxes"])


def test_the_key_changes_with_everything_that_counts(
    images: TrainingImages, network: Network
) -> None:
    def key(images: TrainingImages = images, dtype: torch.dtype = torch.float32) -> str:
        return cache_key(network, images.samples, images, dtype, network.frozen)

    original = key()
    assert key() == original
    keys = {original, key(dtype=torch.bfloat16)}
    for variant in (
        TrainingImages(images.samples, Preparation(64, Augmentation(jitter=0.1)), seed=5),
        TrainingImages(images.samples, Preparation(64, Augmentation()), seed=6),
        TrainingImages(images.samples, Preparation(64, None), seed=5),
        TrainingImages(images.samples, Preparation(128, Augmentation()), seed=5),
        TrainingImages(images.samples[:-1], Preparation(64, Augmentation()), seed=5),
    ):
        keys.add(key(variant))
    images.samples[0].boxes[0, 0] += 1
    keys.add(key())
    with images.samples[3].image.open("ab") as file:
        file.write(b"\0")
    keys.add(key())
    with torch.no_grad():
        network.get_parameter("backbone.features.0.weight").add_(1)
    keys.add(key())
    network.freeze(2)
    keys.add(key())
    assert len(keys) == 11


def test_the_key_does_not_depend_on_what_is_trained(
    images: TrainingImages, network: Network
) -> None:
    before = cache_key(network, images.samples, images, torch.float32, DEPTH)
    with torch.no_grad():
        network.get_parameter("backbone.features.28.weight").add_(1)
    assert cache_key(network, images.samples, images, torch.float32, DEPTH) == before


def test_the_key_takes_both_zeros_for_one(images: TrainingImages, network: Network) -> None:
    weight = network.get_parameter("backbone.features.0.weight")
    with torch.no_grad():
        weight[0, 0, 0, 0] = -0.0
    before = cache_key(network, images.samples, images, torch.float32, DEPTH)
    with torch.no_grad():
        weight[0, 0, 0, 0] = 0.0
    assert cache_key(network, images.samples, images, torch.float32, DEPTH) == before


def test_feature_bytes_at_full_size() -> None:
    with torch.device("meta"):
        network = build_network(new_config(("a",)))
    network.freeze(4)
    assert feature_bytes(network) == 512 * 28 * 28 * 2


def test_a_cache_that_does_not_fit_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage:
        free = 10**9

    monkeypatch.setattr("shutil.disk_usage", lambda _path: Usage)
    check_space(tmp_path / "not/there/yet", 9 * 10**8)
    with pytest.raises(UserError, match=r"needs 1\.0 GB"):
        check_space(tmp_path, 10**9)
