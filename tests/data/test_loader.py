from __future__ import annotations

import pickle
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from yolo_cli.data.augmentation import Augmentation
from yolo_cli.data.loader import Batch, Key, TrainingImages, batches, collate, sample_rng
from yolo_cli.data.sample import Sample
from yolo_cli.data.target import Target
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.tasks.detect.augment import Preparation

SIZE = 32
# Later versions of Python warn of any fork beside threads, such as torch's.
forks = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


@pytest.fixture
def samples(tmp_path: Path) -> list[Sample]:
    """Five images of one colour each, 40 x 20, with as many objects as their index."""
    result = []
    for i in range(5):
        path = tmp_path / f"{i}.png"
        Image.new("RGB", (40, 20), (50 * i, 200, 100)).save(path)
        boxes = np.tile(np.array([4.0, 2, 24, 18]), (i, 1))
        result.append(
            Sample(
                id=str(i),
                image=path,
                width=40,
                height=20,
                boxes=boxes,
                labels=np.full(i, i, dtype=np.int64),
                difficult=np.zeros(i, dtype=np.bool_),
                crowd=np.zeros(i, dtype=np.bool_),
                area=np.full(i, 320.0),
            )
        )
    return result


def dataset(
    samples: Sequence[Sample], augmentation: Augmentation | None = None, seed: int = 0
) -> TrainingImages:
    return TrainingImages(samples, Preparation(SIZE, augmentation), seed)


def equal(one: Batch, other: Batch) -> bool:
    images, targets = one
    return torch.equal(images, other[0]) and all(
        torch.equal(a[name], b[name]) for a, b in zip(targets, other[1], strict=True) for name in a
    )


def load(images: TrainingImages, keys: Sequence[Sequence[Key]], workers: int = 0) -> list[Batch]:
    return list(batches(images, keys, workers))


def test_without_augmentation_images_are_stretched(samples: list[Sample]) -> None:
    pixels, target = dataset(samples)[7, 2]
    assert pixels.shape == (3, SIZE, SIZE)
    assert pixels[:, 5, 5].tolist() == [100, 200, 100]
    # 40 x 20 to 32 x 32: times .8 and 1.6.
    expected = torch.tensor([[3.2, 3.2, 19.2, 28.8]] * 2)
    torch.testing.assert_close(target["boxes"], expected)
    assert target["labels"].tolist() == [2, 2]
    assert torch.equal(dataset(samples)[0, 2][0], pixels)  # the same in every epoch


def test_batches_come_in_order(samples: list[Sample]) -> None:
    keys = [[(0, 3), (0, 1)], [(0, 0), (0, 4), (0, 2)]]
    first, second = load(dataset(samples), keys)
    assert first[0].shape == (2, 3, SIZE, SIZE)
    assert first[0].dtype == torch.uint8
    assert first[0][:, 0, 0, 0].tolist() == [150, 50]
    assert [len(t["labels"]) for t in first[1]] == [3, 1]
    assert second[0][:, 0, 0, 0].tolist() == [0, 200, 100]
    assert [len(t["labels"]) for t in second[1]] == [0, 4, 2]


def test_without_workers_a_thread_reads_one_batch_ahead(
    samples: list[Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    images = dataset(samples)
    read: list[tuple[int, int]] = []  # thread, index
    original = TrainingImages.__getitem__

    def recorded(self: TrainingImages, key: Key) -> tuple[torch.Tensor, Target]:
        read.append((threading.get_ident(), key[1]))
        return original(self, key)

    monkeypatch.setattr(TrainingImages, "__getitem__", recorded)
    keys = [[(0, i % len(samples))] for i in range(6)]
    for used, _ in enumerate(batches(images, keys, workers=0), start=1):
        assert used <= len(read) <= used + 1
    assert [index for _, index in read] == [index for ((_, index),) in keys]
    assert {thread for thread, _ in read}.isdisjoint({threading.get_ident()})
    assert len({thread for thread, _ in read}) == 1


def test_collated_images_are_channels_last() -> None:
    torch.manual_seed(0)
    images = [torch.randint(0, 256, (3, 4, 6), dtype=torch.uint8) for _ in range(3)]
    no_objects = dataset([])
    assert len(no_objects) == 0
    stacked, _ = collate([(image, {}) for image in images])
    assert torch.equal(stacked, torch.stack(images))
    assert stacked.is_contiguous(memory_format=torch.channels_last)


VARIED = Augmentation()


def test_chance_depends_on_seed_epoch_and_index_alone(samples: list[Sample]) -> None:
    key = [[(3, 4), (3, 2)]]
    one = load(dataset(samples, VARIED, seed=7), key)[0]
    again = dataset(samples, VARIED, seed=7)
    load(again, [[(0, 0), (1, 4)], [(3, 1)]])  # what was loaded before is of no account
    torch.manual_seed(99)
    np.random.seed(99)  # nor are the global streams
    assert equal(load(again, key)[0], one)
    for other in (
        load(dataset(samples, VARIED, seed=8), key),
        load(again, [[(4, 4), (4, 2)]]),
    ):
        assert not torch.equal(other[0][0], one[0])


def test_every_sample_has_its_own_chance() -> None:
    draws = {
        sample_rng(seed, epoch, index).random()
        for seed in range(3)
        for epoch in range(3)
        for index in range(3)
    }
    assert len(draws) == 27


@forks
def test_workers_change_nothing(samples: list[Sample]) -> None:
    keys = [[(1, 0), (1, 3)], [(1, 4)], [(2, 1), (2, 2), (2, 0)], [(2, 3)]]
    images = dataset(samples, VARIED)
    alone = load(images, keys)
    for workers in (1, 2):
        for one, other in zip(alone, load(images, keys, workers), strict=True):
            assert equal(one, other)


@forks
@pytest.mark.parametrize("workers", [0, 2])
def test_loading_leaves_the_global_stream_alone(samples: list[Sample], workers: int) -> None:
    before = torch.random.get_rng_state()
    load(dataset(samples, VARIED), [[(0, 1)], [(0, 2)]], workers)
    assert torch.equal(torch.random.get_rng_state(), before)


@forks
@pytest.mark.parametrize("workers", [0, 2])
def test_an_image_that_cannot_be_read_is_a_users_error(
    samples: list[Sample], tmp_path: Path, workers: int
) -> None:
    path = tmp_path / "bad.jpg"
    path.write_bytes(b"no image")
    bad = replace(samples[1], image=path)
    loader = batches(dataset([*samples, bad]), [[(0, 0)], [(0, 1), (0, 5), (0, 2)]], workers)
    assert next(loader)[0].shape[0] == 1  # those before it are fine
    with pytest.raises(UserError, match="not an image") as caught:
        next(loader)
    assert caught.value.message.startswith(str(path))
    assert caught.value.hint
    assert "\n" not in caught.value.message + caught.value.hint  # no worker's traceback


def test_a_users_error_survives_the_way_between_processes() -> None:
    error = pickle.loads(pickle.dumps(UserError("a", "b", ExitCode.FAILURE)))
    assert (error.message, error.hint, error.code) == ("a", "b", ExitCode.FAILURE)


@forks
def test_more_workers_than_cores_are_nobodys_fault(
    samples: list[Sample], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda _process: {0}, raising=False)
    (batch,) = batches(dataset(samples), [[(0, 1)]], 2)  # torch warns: an error in tests
    assert len(batch[1]) == 1
