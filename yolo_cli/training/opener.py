"""Opens the sources of a phase: images, or activations of their frozen blocks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from yolo_cli.data.loader import TrainingImages
from yolo_cli.model.network import Network
from yolo_cli.training.cache import (
    FeatureCache,
    cache_key,
    check_space,
    describe,
    feature_bytes,
)
from yolo_cli.training.reporter import Reporter
from yolo_cli.training.source import Source


@dataclass(frozen=True)
class Machine:
    """Where a run computes.

    Attributes:
        device: of the network.
        dtype: precision of its convolutions.
        workers: processes that load images.
    """

    device: torch.device
    dtype: torch.dtype
    workers: int


@dataclass(frozen=True)
class SourceOpener:
    """What the sources of every phase are made from.

    Attributes:
        network: its frozen blocks are those of the phase when :meth:`open` is called.
        train: images to train on.
        val: images to validate on.
        folder: of the feature caches.
        machine: where the activations are computed.
        reporter: what the user sees.
    """

    network: Network
    train: TrainingImages
    val: TrainingImages
    folder: Path
    machine: Machine
    reporter: Reporter

    def open(self, copies: int) -> tuple[Source, Source]:
        """Sources to train and to validate on.

        Args:
            copies: augmented copies of each training image to cache; with 0 each epoch reads
                the images themselves, with fresh augmentation.
        """
        # Validation images are the same in every epoch: cached wherever a block is frozen.
        on_cpu = self.machine.device.type == "cpu"
        cached_val = self.network.frozen and (copies or on_cpu)
        return (
            self._cached(self.train, copies)
            if self.network.frozen and copies
            else self._plain(self.train),
            self._cached(self.val, 1) if cached_val else self._plain(self.val),
        )

    def _plain(self, images: TrainingImages) -> Source:
        return Source(images.samples, images, 0, self.machine.workers)

    def _cached(self, images: TrainingImages, copies: int) -> Source:
        """Activations from disk; computes what is missing."""
        network, machine = self.network, self.machine
        key = cache_key(network, images.samples, images, machine.dtype)
        cache = FeatureCache(self.folder / key, images, copies)
        each = feature_bytes(network)
        missing, total = len(cache.missing_keys()), len(cache) * copies
        part = "training" if images is self.train else "validation"
        self.reporter.note(
            f"cache     {cache.folder}: {total * each / 1e9:.2f} GB of {part} images, "
            f"{missing} of {total} to compute"
        )
        check_space(self.folder, missing * each)
        if missing:
            source = images.samples[0].image.parent
            describe(cache.folder, {"images": str(source), "blocks": network.frozen, "part": part})
            self.reporter.begin(f"caching {part} images", total, total - missing)
            cache.build(
                network,
                device=machine.device,
                dtype=machine.dtype,
                workers=machine.workers,
                progress=self.reporter.advance,
            )
            self.reporter.end()
        return Source(images.samples, cache, network.frozen, 0)
