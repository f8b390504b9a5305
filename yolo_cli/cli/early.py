"""Wrong values of options, refused before the seconds that torch takes to import."""

from __future__ import annotations

import re

from yolo_cli.errors import ExitCode, UserError
from yolo_cli.model.embedded import weights_path


def check_network(weights: str, device: str) -> None:
    """Refuse weights that are not there, and a device that no machine has.

    Raises:
        UserError: names the option, or the file.
    """
    if not re.fullmatch(r"auto|(cpu|cuda|mps)(:\d+)?", device):
        raise UserError(
            f"--device {device}: no such device",
            "use auto, cpu, cuda, cuda:1 or mps",
            ExitCode.USAGE,
        )
    weights_path(weights)
