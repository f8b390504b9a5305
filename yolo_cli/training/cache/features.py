"""Activations of the frozen blocks, computed once an augmented copy and kept on disk.

With the first blocks frozen their output never changes, so every epoch but the first would
compute it in vain. The cache is a folder of safetensors files of a few images each. A file is
written whole or not at all: a run that was cut off goes on with the first file that is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor
from torch.utils.data import Dataset

from yolo_cli.data.loader import Key, TrainingImages, batches, collate
from yolo_cli.data.target import Target, concatenate, count, select
from yolo_cli.files import atomic_write, cache_folder
from yolo_cli.model.network import Network
from yolo_cli.training.cache.runtime import Blocks
from yolo_cli.training.machine import Machine
from yolo_cli.training.ranks import ALONE, Ranks

CHUNK = 16  # images a file
TARGET = "target."  # before the name of a target's tensor


def default_cache_folder() -> Path:
    """Return ``$XDG_CACHE_HOME/yolo-cli/features``, usually under ``~/.cache``."""
    return cache_folder("features")


class FeatureCache(Dataset[tuple[Tensor, Target]]):
    """Activations and targets of ``copies`` augmented copies of every sample.

    Args:
        folder: of this cache alone; made by :meth:`build`.
        images: what is cached; a copy is what ``images`` gives for an epoch of that number.
        copies: how many.
        depth: backbone blocks that the activations have passed.
    """

    def __init__(self, folder: Path, images: TrainingImages, copies: int, depth: int) -> None:
        self.folder = folder
        self.images = images
        self.copies = copies
        self.depth = depth
        self._open = lru_cache(maxsize=None)(self._load_chunk)

    def __len__(self) -> int:
        return len(self.images)

    def chunks(self) -> Iterator[tuple[int, int]]:
        """Yield (copy, index of the first sample) of every file."""
        for copy in range(self.copies):
            for first in range(0, len(self.images), CHUNK):
                yield copy, first

    def path(self, copy: int, first: int) -> Path:
        """Return the file that holds sample ``first`` and those after it."""
        return self.folder / f"copy{copy:03d}" / f"{first:06d}.safetensors"

    def missing(self) -> list[tuple[int, int]]:
        """Return the files that are still to be computed."""
        return [chunk for chunk in self.chunks() if not self.path(*chunk).is_file()]

    def complete(self) -> int:
        """Count the copies, from the first on, that have no file missing."""
        missing = self.missing()
        return missing[0][0] if missing else self.copies

    def missing_keys(self) -> list[Key]:
        """Return (copy, index) of every image that is still to be computed."""
        return [key for chunk in self.missing() for key in self._keys(*chunk)]

    def _keys(self, copy: int, first: int) -> list[Key]:
        return [(copy, i) for i in range(first, min(first + CHUNK, len(self.images)))]

    def build(
        self,
        network: Network,
        machine: Machine,
        *,
        progress: Callable[[int], None],
        shallower: FeatureCache | None = None,
        ranks: Ranks = ALONE,
    ) -> None:
        """Compute what is missing.

        Args:
            network: whose frozen blocks are run.
            machine: where they run, in which precision, and what runs them.
            progress: called with the number of images that each step has added.
            shallower: a complete cache of the same images at a smaller depth: only the blocks
                after it are run. In bfloat16, which is what caches hold, the result is the same
                bit for bit.
            ranks: the processes that share the work, on one disk or each on its own.
        """
        for part, parts in ranks.rounds():
            missing = self.missing()
            ranks.barrier()  # none writes before all have looked
            self._compute(
                missing[part::parts],
                network,
                machine,
                progress=partial(_advance, progress, parts),
                shallower=shallower,
            )
            ranks.barrier()

    def _compute(
        self,
        missing: list[tuple[int, int]],
        network: Network,
        machine: Machine,
        *,
        progress: Callable[[int], None],
        shallower: FeatureCache | None,
    ) -> None:
        """Compute the files of these first samples of these copies."""
        if not missing:
            return
        keys = [self._keys(*chunk) for chunk in missing]
        done = shallower.depth if shallower else 0
        blocks = Blocks(network, done, self.depth, machine)
        loader = (
            (collate([shallower.item(*key) for key in chunk]) for chunk in keys)
            if shallower
            else batches(self.images, keys, machine.workers)
        )
        for chunk, (items, targets) in zip(missing, loader, strict=True):
            _write_chunk(self.path(*chunk), blocks(items), targets)
            progress(len(items))

    def __getitem__(self, key: tuple[int, int]) -> tuple[Tensor, Target]:
        """Return activations ``[C, H, W]`` (channels last in memory) and target.

        Every epoch takes another copy of each sample.
        """
        epoch, index = key
        return self.item(copy_of(epoch, index, self.copies), index)

    def item(self, copy: int, index: int) -> tuple[Tensor, Target]:
        """Return activations and target of a copy of a sample."""
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
    """Return the copy of a sample that an epoch takes: another one in every epoch."""
    return (epoch + index) % copies


def _advance(progress: Callable[[int], None], parts: int, images: int) -> None:
    """Note that each of ``parts`` processes has made as many images."""
    progress(images * parts)


def _write_chunk(path: Path, features: Tensor, targets: list[Target]) -> None:
    together = concatenate(targets)
    tensors = {
        **{TARGET + name: values.contiguous() for name, values in together.items()},
        "counts": torch.tensor([count(target) for target in targets]),
        "features": features.permute(0, 2, 3, 1).contiguous().to("cpu", torch.bfloat16),
    }
    with atomic_write(path) as file:
        file.write(save(tensors))
