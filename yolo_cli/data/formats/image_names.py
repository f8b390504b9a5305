"""Which image of a dataset a name in a label file means."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from yolo_cli.data.formats.files import exists, walk
from yolo_cli.data.images import IMAGE_SUFFIXES, is_image_path


class ImageNames:
    """The images below a folder, by their names.

    Args:
        root: folder of the dataset.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.paths = sorted(filter(is_image_path, walk(root)))
        """All images, sorted."""
        self._by_name: dict[str, list[Path]] = {}
        self._by_stem: dict[str, list[Path]] = {}
        for path in self.paths:
            self._by_name.setdefault(path.name.lower(), []).append(path)
            self._by_stem.setdefault(path.stem.lower(), []).append(path)

    def find(self, name: str, places: Sequence[Path]) -> Path | list[Path]:
        """Find an image by the name or path that a label gives.

        Labels travel: of a path of another machine the last parts count. Case does not matter,
        nor does the suffix where no image has it.

        Args:
            name: as written.
            places: folders that it may be relative to, the likeliest first.

        Returns:
            The image; or those among which nothing decides; or an empty list.
        """
        parts = [part for part in name.replace("\\", "/").split("/") if part not in {"", ".", ".."}]
        if not parts:
            return []
        written = Path(*parts)
        for place in places:
            if is_image_path(written) and exists(place / written):
                return place / written
        alike = self._by_name.get(written.name.lower(), [])
        if not alike:
            suffixed = written.suffix.lower() in IMAGE_SUFFIXES
            alike = self._by_stem.get((written.stem if suffixed else written.name).lower(), [])
        return self._nearest(parts, alike, places)

    def _nearest(
        self, parts: Sequence[str], alike: list[Path], places: Sequence[Path]
    ) -> Path | list[Path]:
        """The image with the most last folders in common, then the one in the first place."""
        if len(alike) < 2:
            return alike[0] if alike else []
        common = [_in_common(parts, path) for path in alike]
        alike = [path for path, n in zip(alike, common, strict=True) if n == max(common)]
        for place in places:
            inside = [path for path in alike if path.is_relative_to(place)]
            if len(inside) == 1:
                return inside[0]
        return alike[0] if len(alike) == 1 else alike

    def looked_in(self, places: Sequence[Path]) -> str:
        """Return the folders that names were looked for in, for a message."""
        kept = [*dict.fromkeys(place for place in places if place != self.root)][:2]
        named = ", ".join(os.path.relpath(place, self.root) for place in kept)
        whole = f"all {len(self.paths)} images below {self.root}"
        return f"{named} and {whole}" if named else whole


def _in_common(parts: Sequence[str], path: Path) -> int:
    """How many folders before the name are the same, from the last one on."""
    count = 0
    for written, found in zip(parts[-2::-1], path.parts[-2::-1], strict=False):
        if written.lower() != found.lower():
            break
        count += 1
    return count
