"""Reports of small scenes, with names that are other people's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

from yolo_cli.evaluation.evaluation import Evaluation, evaluate
from yolo_cli.evaluation.report.provenance import Provenance
from yolo_cli.evaluation.report.write import write_report
from yolo_cli.evaluation.understanding import understand

from ..scenes import Scene, random_scene, split

MARKUP = '<img src=x onerror="pwned=1">&amp;\''
EVIL = (
    MARKUP,
    "חתול",  # right to left
    "two\nlines",
    "$x^2$ \\frac",
    "猫",
    "half \ud800 a character",
    "</script><script>pwned=1</script>",
    "x" * 250,
)


def evaluation(
    classes: Sequence[str], *, images: int = 12, seed: int = 0, folder: Path | None = None
) -> Evaluation:
    """Of a random scene; with pictures if there is a folder for them."""
    rng = np.random.default_rng(seed)
    return of_scene(random_scene(rng, images, len(classes)), classes, folder)


def of_scene(scene: Scene, classes: Sequence[str], folder: Path | None = None) -> Evaluation:
    samples, found = split(scene)
    if folder is not None:
        for i, sample in enumerate(samples):
            path = folder / f"{sample.id}.png"
            Image.new("RGB", (400, 300), "gray").save(path)
            samples[i] = replace(sample, image=path)
    return evaluate(samples, found, classes, conf=0.25)


def report(folder: Path, scores: Evaluation, title: str = "weights on data") -> str:
    """Write a report and return its page."""
    facts = {"weights": "w.safetensors", "command": "yolo eval data --report out"}
    provenance = Provenance(title, facts, notes=["2 images skipped"])
    written = write_report(folder, scores, understand(scores), provenance)
    assert written[0] == folder / "report.html"
    assert sorted(folder.iterdir()) == sorted(written)  # nothing else is left behind
    return written[0].read_text("utf-8")
