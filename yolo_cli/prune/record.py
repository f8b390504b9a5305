"""What a pruned weights file says of itself."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from yolo_cli.prune.goal import Goal
from yolo_cli.prune.prune import Pruned
from yolo_cli.version import __version__

_OF_THE_ORIGINAL = ("val",)  # a smaller network cannot claim its score


def pruned_record(
    info: Mapping[str, Any], path: Path, pruned: Pruned, goal: Goal, *, images: int, seed: int
) -> dict[str, Any]:
    """Return plain values for the file's metadata.

    Args:
        info: what the original's file says.
        path: of the original.
        pruned: what was made of it.
        goal: what was asked for.
        images: how many were looked at.
        seed: of their choice.
    """
    before, after = pruned.flops
    kept = {name: value for name, value in info.items() if name not in _OF_THE_ORIGINAL}
    origin = {
        "weights": path.name,
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "flops": round(after / before, 4),
        "goal": str(goal),
        "images": images,
        "seed": seed,
        "yolo_cli": __version__,
    }
    if pruned.race is not None:
        origin["times_as_fast"] = round(pruned.race.times_as_fast, 2)
    if (score := info.get("val")) is not None:
        origin["val"] = score
    return {**kept, "start": f"{path.name}, pruned", "pruned": origin}
