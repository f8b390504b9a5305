"""Wrong values of options, refused before the seconds that torch takes to import."""

from __future__ import annotations

import re

from yolo_cli.errors import ExitCode, UserError
from yolo_cli.model.embedded import weights_path


def check_network(weights: str | None, device: str) -> None:
    """Refuse weights that are not there, and a device that no machine has.

    Args:
        weights: a file, or embedded weights by name; None for neither.
        device: as after ``--device``.

    Raises:
        UserError: names the option, or the file.
    """
    if not re.fullmatch(r"auto|(cpu|cuda|mps)(:\d+)?", device):
        raise UserError(
            f"--device {device}: no such device",
            "use auto, cpu, cuda, cuda:1 or mps",
            ExitCode.USAGE,
        )
    if weights is not None:
        weights_path(weights)
