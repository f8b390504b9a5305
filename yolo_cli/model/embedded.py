"""Weights that come with the package, and the file that a user names; without torch."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

from yolo_cli.errors import UserError
from yolo_cli.model.architectures import DEFAULT as DEFAULT_ARCHITECTURE

DATASET = "voc"  # that embedded weights were trained on
# Their names are ARCH-DATASET, or ARCH-DATASET-GRID where the grid is not the paper's; of pruned
# ones a word that says how small.
DEFAULT = f"{DEFAULT_ARCHITECTURE}-{DATASET}"
EMBEDDED = "embedded"  # folder of the installed package that holds the repository's weights/


def weights_path(name: str) -> Path:
    """Return the file that ``--weights`` names: ``default``, another embedded one, or a path."""
    embedded = _embedded()
    stem = DEFAULT if name == "default" else name
    if stem in embedded:
        return embedded[stem]
    if name == "default":
        raise UserError(
            "this installation carries no embedded weights", "name a weights file with --weights"
        )
    try:
        path = Path(name).expanduser()
        found = path.exists()
    except (OSError, RuntimeError):  # a name too long for a file, the home of an unknown user
        found = False
    if not found:
        known = ", ".join(["default", *sorted(embedded)] if embedded else [])
        raise UserError(
            f"{name}: no such weights file", f"a path, or one of: {known}" if known else ""
        )
    return path


def default_for(arch: str | None, grid: int | None = None, preferred: str | None = None) -> str:
    """Return the name of the embedded weights that a training begins with.

    Args:
        arch: of the network; None for the default one.
        grid: S, of which weights are preferred; None for the paper's.
        preferred: name of those of the task, where the user names no architecture.

    Returns:
        The preferred ones, else those of the architecture and the grid, else those of the
        architecture, else ``default``.
    """
    embedded = _embedded()
    if arch is None and preferred in embedded:
        return preferred
    fine = f"{arch or DEFAULT_ARCHITECTURE}-{DATASET}-{grid}"
    return next((one for one in (fine, f"{arch}-{DATASET}") if one in embedded), "default")


def _embedded() -> dict[str, Path]:
    folders = reversed(_embedded_folders())  # the first one wins
    return {path.stem: path for folder in folders for path in folder.glob("*.safetensors")}


def _embedded_folders() -> list[Path]:
    """List the wheel's folder, and the checkout's when installed in place (``pip install -e``)."""
    with as_file(files("yolo_cli")) as package:
        folders = [package / EMBEDDED, package.parent / "weights"]
    return [folder for folder in folders if folder.is_dir()]
