"""The photographs that come with the package: of an installed one, or of the checkout."""

from __future__ import annotations

from pathlib import Path

IMAGES = "JPEGImages"


def samples_folder() -> Path | None:
    """Return the dataset of sample photographs; None for an installation without them."""
    package = Path(__file__).parents[1]
    folders = (package / "samples", package.parent / "samples")
    return next((folder for folder in folders if (folder / IMAGES).is_dir()), None)
