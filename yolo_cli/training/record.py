"""``config.json``: everything that a run was started with."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import asdict
from typing import Any

import torch
import torchvision

from yolo_cli.data.sample import Dataset
from yolo_cli.data.splits import TrainingSplits
from yolo_cli.model.config import ModelConfig
from yolo_cli.training.decide import Decision, Facts
from yolo_cli.training.options import TrainOptions
from yolo_cli.version import __version__


def run_record(
    options: TrainOptions,
    facts: Facts,
    decision: Decision,
    model: ModelConfig,
    start: str,
    splits: TrainingSplits,
) -> dict[str, Any]:
    """Return plain values for ``config.json``.

    Args:
        options: what the user asked for.
        facts: what the run found.
        decision: what it made of both.
        model: the network.
        start: where its tensors come from.
        splits: its images.
    """
    return {
        "yolo_cli": __version__,
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "command": sys.argv[1:],
        "options": options.to_json(),
        "facts": asdict(facts),
        "model": model.to_json(),
        "recipe": decision.recipe.to_json(),
        **({"plan": decision.plan.to_json()} if decision.plan else {}),
        "start": start,
        "split": splits.note,
        "train": _images(splits.train),
        "val": _images(splits.val),
    }


def weights_record(decision: Decision, start: str, splits: TrainingSplits) -> dict[str, Any]:
    """Return what the weights files of a run say of it."""
    name = splits.train.root.resolve().name
    return {
        "data": {"name": name, "train": len(splits.train), "val": len(splits.val)},
        "recipe": decision.recipe.to_json(),
        "start": start,
        "yolo_cli": __version__,
    }


def _images(dataset: Dataset) -> dict[str, Any]:
    return {
        "root": str(dataset.root.resolve()),
        "format": dataset.format,
        "split": dataset.split,
        "images": [sample.id for sample in dataset.samples],
        "digest": label_digest(dataset),
        "skipped": list(dataset.skipped),
    }


def label_digest(dataset: Dataset) -> str:
    """Return what changes with every label, and with an image's size in pixels or bytes."""
    digest = hashlib.sha256()
    for sample in dataset.samples:
        size = f"{sample.width}x{sample.height}, {sample.image.stat().st_size}"
        digest.update(f"{sample.id}: {size}\n".encode(errors="surrogatepass"))
        digest.update(sample.fingerprint())
    return digest.hexdigest()
