"""Activations of the frozen blocks, computed once an augmented copy and kept on disk.

With the first blocks frozen their output never changes, so every epoch but the first would
compute it in vain. The cache is a folder of safetensors files of a few images each. A file is
written whole or not at all: a run that was cut off goes on with the first file that is missing.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import asdict
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor, nn
from torch.utils.data import Dataset

from yolo_cli.data.loader import Key, TrainingImages, batches, collate
from yolo_cli.data.sample import Sample
from yolo_cli.data.target import Target, concatenate, count, select
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.files import atomic_write
from yolo_cli.model.network import Network
from yolo_cli.tasks.networks import shapes_of

CACHE_VERSION = 2  # to be raised whenever the same inputs would give other activations
CHUNK = 16  # images a file
TARGET = "target."  # before the name of a target's tensor
# Images a forward pass. Larger passes are slower on a CPU: the first block's activations are so
# large that the allocator takes fresh, zeroed pages for each of them.
FORWARD = 2


def default_cache_folder() -> Path:
    """``$XDG_CACHE_HOME/yolo-cli/features``, usually under ``~/.cache``."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "yolo-cli" / "features"


class FeatureCache(Dataset[tuple[Tensor, Target]]):
    """Activations and targets of ``copies`` augmented copies of every sample.

    Args:
        folder: of this cache alone; made by :meth:`build`.
        images: what is cached; a copy is what ``images`` gives for an epoch of that number.
        copies: how many.
    """

    def __init__(self, folder: Path, images: TrainingImages, copies: int) -> None:
        self.folder = folder
        self.images = images
        self.copies = copies
        self._open = lru_cache(maxsize=None)(self._load_chunk)

    def __len__(self) -> int:
        return len(self.images)

    def chunks(self) -> Iterator[tuple[int, int]]:
        """(copy, index of the first sample) of every file."""
        for copy in range(self.copies):
            for first in range(0, len(self.images), CHUNK):
                yield copy, first

    def path(self, copy: int, first: int) -> Path:
        """The file that holds sample ``first`` and those after it."""
        return self.folder / f"copy{copy:03d}" / f"{first:06d}.safetensors"

    def missing(self) -> list[tuple[int, int]]:
        """The files that are still to be computed."""
        return [chunk for chunk in self.chunks() if not self.path(*chunk).is_file()]

    def complete(self) -> int:
        """How many copies, from the first on, have no file missing."""
        missing = self.missing()
        return missing[0][0] if missing else self.copies

    def missing_keys(self) -> list[Key]:
        """(copy, index) of every image that is still to be computed."""
        return [key for chunk in self.missing() for key in self._keys(*chunk)]

    def _keys(self, copy: int, first: int) -> list[Key]:
        return [(copy, i) for i in range(first, min(first + CHUNK, len(self.images)))]

    def build(
        self,
        network: Network,
        *,
        device: torch.device,
        dtype: torch.dtype,
        workers: int,
        progress: Callable[[int], None],
        shallower: tuple[int, FeatureCache] | None = None,
    ) -> None:
        """Compute what is missing.

        Args:
            network: whose frozen blocks are run.
            device: where they run.
            dtype: in which precision.
            workers: processes that decode images.
            progress: called with the number of images that each step has added.
            shallower: how many of the blocks another cache of the same images has been through,
                and that cache, complete: only the blocks after those are run. With ``dtype``
                bfloat16, which is what caches hold, the result is the same bit for bit.
        """
        missing = self.missing()
        if not missing:
            return
        keys = [self._keys(*chunk) for chunk in missing]
        done, cache = shallower or (0, None)
        part = network.backbone.block(done, network.frozen)
        blocks = _inference_copy(part, device, dtype)
        loader = (
            batches(self.images, keys, workers)
            if cache is None
            else (collate([cache.item(*key) for key in chunk]) for chunk in keys)
        )
        for chunk, (items, targets) in zip(missing, loader, strict=True):
            parts = items.to(device).split(FORWARD if device.type == "cpu" else CHUNK)
            with torch.inference_mode():
                ready = (p.to(dtype) if done else _prepare(network, p, dtype) for p in parts)
                features = torch.cat([blocks(p) for p in ready])
            _write_chunk(self.path(*chunk), features, targets)
            progress(len(items))

    def __getitem__(self, key: tuple[int, int]) -> tuple[Tensor, Target]:
        """Activations ``[C, H, W]`` (channels last in memory) and target of (epoch, index).

        Every epoch takes another copy of each sample.
        """
        epoch, index = key
        return self.item(copy_of(epoch, index, self.copies), index)

    def item(self, copy: int, index: int) -> tuple[Tensor, Target]:
        """Activations and target of a copy of a sample."""
        first = index - index % CHUNK
        features, targets = self._open(copy, first)
        return features[index - first].permute(2, 0, 1), targets[index - first]

    def _load_chunk(self, copy: int, first: int) -> tuple[Any, list[Target]]:
        path = self.path(copy, first)
        file = safe_open(path, framework="pt")
        counts = file.get_tensor("counts").tolist()
        together = {
            name.removeprefix(TARGET): file.get_tensor(name)
            for name in file.keys()  # noqa: SIM118  # no mapping
            if name.startswith(TARGET)
        }
        ends = torch.tensor(counts).cumsum(0).tolist()
        targets = [
            select(together, torch.arange(end - count, end))
            for end, count in zip(ends, counts, strict=True)
        ]
        return file.get_slice("features"), targets


def copy_of(epoch: int, index: int, copies: int) -> int:
    """The copy of a sample that an epoch takes: another one in every epoch."""
    return (epoch + index) % copies


def _prepare(network: Network, images: Tensor, dtype: torch.dtype) -> Tensor:
    return network.normalise(images).to(dtype, memory_format=torch.channels_last)


def _inference_copy(blocks: nn.Sequential, device: torch.device, dtype: torch.dtype) -> nn.Module:
    result = deepcopy(blocks).eval()
    # In one pass over the weights, which torch's stub knows nothing of.
    return result.to(device=device, dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _write_chunk(path: Path, features: Tensor, targets: list[Target]) -> None:
    together = concatenate(targets)
    tensors = {
        **{TARGET + name: values.contiguous() for name, values in together.items()},
        "counts": torch.tensor([count(target) for target in targets]),
        "features": features.permute(0, 2, 3, 1).contiguous().to("cpu", torch.bfloat16),
    }
    with atomic_write(path) as file:
        file.write(save(tensors))


def cache_key(
    network: Network,
    samples: Sequence[Sample],
    images: TrainingImages,
    dtype: torch.dtype,
    blocks: int | None = None,
) -> str:
    """A name that changes with everything that the activations depend on.

    The images' bytes, the labels, the frozen weights, the preprocessing, the augmentation and its
    seed, the precision, and the version of this module; not the number of copies.

    Args:
        network: whose activations they are.
        samples: what is read.
        images: how it is augmented.
        dtype: precision of the convolutions.
        blocks: how many of the network's there are before them; None for all that are frozen.
    """
    part = network.backbone.block(0, network.frozen if blocks is None else blocks)
    digest = hashlib.sha256()
    augmentation = images.prepare.augmentation
    settings: dict[str, Any] = {
        "version": CACHE_VERSION,
        "task": network.config.task,
        "size": images.prepare.image_size,
        "augmentation": asdict(augmentation) if augmentation else None,
        "seed": images.seed if augmentation else None,
        "mean": network.config.mean,
        "std": network.config.std,
        "dtype": str(dtype),
    }
    digest.update(json.dumps(settings, sort_keys=True).encode())
    for name, tensor in part.state_dict().items():
        values = tensor.detach().cpu().float() + 0.0  # -0.0, which averaging makes 0.0, is the same
        digest.update(name.encode() + values.numpy().tobytes())
    for sample in samples:
        digest.update(_file_digest(sample.image))
        for array in (sample.boxes, sample.labels, sample.difficult, sample.crowd, sample.area):
            digest.update(array.tobytes())
    return digest.hexdigest()[:16]


def _file_digest(path: Path) -> bytes:
    """Return a digest of a file's bytes; read again only if its size or time has changed."""
    stat = path.stat()
    return _digest_once(path, stat.st_size, stat.st_mtime_ns)


@cache
def _digest_once(path: Path, _size: int, _time: int) -> bytes:
    return hashlib.sha256(path.read_bytes()).digest()


def feature_bytes(network: Network) -> int:
    """Bytes of one image's activations after the frozen blocks."""
    shapes, size = shapes_of(network.config), network.config.image_size
    image = torch.empty(1, 3, size, size, device="meta")
    features: Tensor = shapes.backbone.block(0, network.frozen)(image)
    return features.numel() * torch.bfloat16.itemsize


def check_space(folder: Path, needed: int) -> None:
    """Refuse a cache that does not fit on the disk.

    Raises:
        UserError: if fewer than ``needed`` bytes are free.
    """
    existing = next(p for p in (folder, *folder.absolute().parents) if p.exists())
    free = shutil.disk_usage(existing).free
    if needed > free * 0.95:
        raise UserError(
            f"the feature cache needs {needed / 1e9:.1f} GB and {folder} has {free / 1e9:.1f} GB",
            "use fewer --copies, another --cache-dir, or --copies 0 to train without a cache",
            ExitCode.FAILURE,
        )
