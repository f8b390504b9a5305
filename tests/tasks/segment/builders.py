"""Segmenters small enough to run."""

from __future__ import annotations

from typing import Any

from tests.model.builders import tiny
from yolo_cli.model.config import ModelConfig

UPSAMPLINGS = ("unpool", "transposed", "bilinear", "nearest")


def config(upsample: str = "unpool", **options: Any) -> ModelConfig:
    """A thin network for three classes at 64 pixels, with an output of 32 × 32."""
    given = {"classes": ("ground", "disc", "square"), "image_size": 64, "width": 0.125}
    return tiny(**{**given, **options}, task="segment", upsample=upsample)
