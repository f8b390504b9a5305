"""Opens the sources of a phase: images, or activations of their frozen blocks."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from yolo_cli.data.loader import TrainingImages
from yolo_cli.model.network import Network
from yolo_cli.text import counted, duration
from yolo_cli.training.budget.clock import Budget
from yolo_cli.training.budget.plan import COPIES_LIMIT
from yolo_cli.training.budget.speed import measure_cache
from yolo_cli.training.cache.entries import begun, depths, describe, others, removal, touch
from yolo_cli.training.cache.features import FeatureCache
from yolo_cli.training.cache.key import cache_key
from yolo_cli.training.cache.runtime import fastest_runtime
from yolo_cli.training.cache.space import check_space, feature_bytes
from yolo_cli.training.machine import Machine, Runtime
from yolo_cli.training.ranks import ALONE, Ranks
from yolo_cli.training.reporter import Reporter
from yolo_cli.training.source import Copies, Source

FEW = 50  # images; with fewer, nothing is measured


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
        ranks: the processes that share the work.
    """

    network: Network
    train: TrainingImages
    val: TrainingImages
    folder: Path
    machine: Machine
    reporter: Reporter
    ranks: Ranks = ALONE

    def ready(self) -> tuple[int, int]:
        """Count what is cached already: copies of all training images, validation images."""
        train = self._cache(self.train, COPIES_LIMIT)
        val = self._cache(self.val, 1)
        return train.complete(), len(val) - len(val.missing_keys())

    def with_runtime(self) -> SourceOpener:
        """Return this opener with the runtime that fills caches soonest on this machine.

        An entry that is there already is used, whatever it was made with. What few images there
        are is for torch, until a larger set has shown which is faster.
        """
        if not self.network.frozen or self.machine.device.type != "cpu":
            return self
        if self.network.backbone.carries:  # ncnn does not say where the maxima were
            return self
        runtimes: tuple[Runtime, ...] = ("ncnn", "torch")
        openers = [replace(self, machine=replace(self.machine, runtime=one)) for one in runtimes]
        for opener in openers:
            if any(begun(opener._cache(part, 1).folder) for part in (self.train, self.val)):
                return opener
        chosen, speeds = fastest_runtime(
            self.network,
            self.machine,
            measured=len(self.train) + len(self.val) >= FEW,
            failed=lambda error: self.reporter.note(f"runtime   torch: {error.message}"),
        )
        if speeds:
            times = ", ".join(
                f"{speed.backend} {speed.precision} {speed.alone * 1e3:.0f} ms" for speed in speeds
            )
            self.reporter.note(f"runtime   {chosen} for the frozen blocks of an image: {times}")
        return openers[runtimes.index(chosen)]

    def open(self, copies: int, budget: Budget | None = None) -> tuple[Source, Source]:
        """Open the sources to train and to validate on.

        Args:
            copies: augmented copies of each training image to cache; with 0 each epoch reads
                the images themselves, with fresh augmentation.
            budget: fewer copies are made where they take longer than was planned.
        """
        # Validation images are the same in every epoch: cached wherever a block is frozen.
        on_cpu = self.machine.device.type == "cpu"
        cached_val = self.network.frozen and (copies or on_cpu)
        val = self.cached(self.val, 1) if cached_val else self._plain(self.val)
        if not self.network.frozen or not copies:
            return self._plain(self.train), val
        train = self.cached(self.train, copies, budget)
        if self.ranks.first:
            self._name_others(train, val)
        return train, val

    def _name_others(self, *sources: Source) -> None:
        """Name the caches of other runs, which take space until somebody removes them."""
        used = [s.dataset.folder for s in sources if isinstance(s.dataset, FeatureCache)]
        for line in removal(others(self.folder, used)):
            self.reporter.note(f"{'':10}{line}")

    def open_with_teacher(self, teacher: SourceOpener, copies: int) -> tuple[Source, Source]:
        """Do as :meth:`open`, with a teacher's activations of the training images.

        Args:
            teacher: the same images before the teacher's network.
            copies: augmented copies of each training image.
        """
        activations = teacher.cached(self.train, copies).dataset
        if self.network.frozen:
            train = replace(self.cached(self.train, copies), teacher=activations)
            return train, self.cached(self.val, 1)
        images, workers = Copies(self.train, copies), self.machine.workers
        train = Source(self.train.samples, images, 0, workers, copies, activations)
        return train, self._plain(self.val)

    def _plain(self, images: TrainingImages) -> Source:
        return Source(images.samples, images, 0, self.machine.workers)

    def _cache(self, images: TrainingImages, copies: int, depth: int | None = None) -> FeatureCache:
        """Return a cache as it stands, of the frozen blocks unless another depth is given."""
        depth = self.network.frozen if depth is None else depth
        dtype, runtime = self.machine.dtype, self.machine.runtime
        key = cache_key(self.network, images.samples, images, dtype, depth, runtime)
        return FeatureCache(self.folder / key, images, copies, depth)

    def cached(self, images: TrainingImages, copies: int, budget: Budget | None = None) -> Source:
        """Open activations on disk; compute what is missing."""
        network = self.network
        cache = self._cache(images, copies)
        each = feature_bytes(network)
        shallower = self._shallower(images, copies) if cache.missing() else None
        # What some other process lacks on its own disk is work for this one as well.
        missing = int(self.ranks.most(len(cache.missing_keys())))
        total = len(cache) * copies
        part = "training" if images is self.train else "validation"
        check_space(self.folder, missing * each)
        cost = "complete"
        if missing:
            done = shallower.depth if shallower else 0
            each_seconds = measure_cache(network, images, self.machine, done)
            seconds = missing * each_seconds / self.ranks.size
            cost = f"{missing} of {total} to compute, about {duration(seconds)}"
        self.reporter.note(
            f"cache     {cache.folder}: {total * each / 1e9:.2f} GB of {part} images, {cost}"
        )
        touch(cache.folder)
        if missing:
            source = str(images.samples[0].image.parent)
            describe(cache.folder, images=source, part=part, depth=network.frozen)
            self.reporter.begin(f"caching {part} images", total, total - missing)
            cache = self._build(cache, budget, shallower)
            self.reporter.end()
        return Source(images.samples, cache, network.frozen, 0, cache.copies)

    def _shallower(self, images: TrainingImages, copies: int) -> FeatureCache | None:
        """Return the deepest complete cache that is not as deep as the frozen blocks.

        Only where convolutions are computed in the precision that caches keep, so that what was
        cached before changes nothing. Keys take a while, so depths that no entry has are left out.
        """
        if self.machine.dtype != torch.bfloat16 or self.machine.runtime != "torch":
            return None
        for depth in sorted(depths(self.folder), reverse=True):
            if 0 < depth < self.network.frozen:
                cache = self._cache(images, copies, depth)
                if not cache.missing():
                    return cache
        return None

    def _build(
        self,
        cache: FeatureCache,
        budget: Budget | None,
        shallower: FeatureCache | None,
    ) -> FeatureCache:
        """Compute what is missing, copy by copy; with a budget only what there is time for."""
        first = -int(self.ranks.most(-cache.complete()))
        for copies in range(first + 1, cache.copies + 1):
            began = time.monotonic()
            partial = FeatureCache(cache.folder, cache.images, copies, cache.depth)
            partial.build(
                self.network,
                self.machine,
                progress=self.reporter.advance,
                shallower=shallower,
                ranks=self.ranks,
            )
            seconds = time.monotonic() - began
            late = budget is not None and not budget.room_for_copy(seconds)
            if copies < cache.copies and self.ranks.agree(late):
                self.reporter.note(f"plan      {counted(copies, 'copy')} instead of {cache.copies}")
                return partial
        return cache
