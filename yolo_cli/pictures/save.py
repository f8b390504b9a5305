"""Pictures that are written: their names and formats."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

from PIL import Image

from yolo_cli.errors import ExitCode, UserError
from yolo_cli.files import atomic_write, fitting_name

_Format: TypeAlias = tuple[str, dict[str, int | str]]

# Suffixes that Pillow writes 24-bit colour under, and how. Full chroma resolution (subsampling 0)
# keeps the edges of coloured lines and letters clean.
_JPEG: _Format = ("JPEG", {"quality": 92, "subsampling": 0})
_WRITABLE: dict[str, _Format] = {
    ".jpg": _JPEG,
    ".jpeg": _JPEG,
    ".jpe": _JPEG,
    ".jfif": _JPEG,
    ".png": ("PNG", {}),
    ".webp": ("WEBP", {"quality": 92}),
    ".avif": ("AVIF", {"quality": 85, "speed": 9}),  # of 10: 6, Pillow's, is ten times as slow
    ".bmp": ("BMP", {}),
    ".dib": ("DIB", {}),
    ".tif": ("TIFF", {"compression": "tiff_lzw"}),
    ".tiff": ("TIFF", {"compression": "tiff_lzw"}),
    ".ppm": ("PPM", {}),
}
# Drawings and masks, which JPEG would blur; everything else that is unusual is a photograph.
_TO_PNG = frozenset({".gif", ".pgm", ".pbm", ".pnm"})


def save_annotated(image: Image.Image, path: Path, inside: Path | None = None) -> Path:
    """Save an image in the format of its suffix, whole or not at all.

    Of the metadata only an RGB colour profile is kept: the others, orientation above all, are
    those of the original.

    Args:
        image: an RGB image.
        path: where to; a suffix that cannot be written is replaced as in :func:`output_path`.
        inside: a folder that has to be there, see :func:`yolo_cli.files.atomic_write`.

    Returns:
        The path of the file.

    Raises:
        UserError: the file cannot be written; exit code 1.
    """
    path = path.with_suffix(_writable_suffix(path.suffix))
    image_format, options = _WRITABLE[path.suffix.lower()]
    profile = image.info.get("icc_profile")
    plain = image if image.mode == "RGB" and not image.info else image.convert("RGB")
    plain.info = {}
    # Bytes 16 to 20 of a profile tell its colour space; that of a CMYK original does not apply.
    kept = profile if isinstance(profile, bytes) and profile[16:20] == b"RGB " else None
    with atomic_write(path, inside) as file:
        plain.save(file, format=image_format, icc_profile=kept, **options)
    return path


def check_suffix(out: Path) -> None:
    """Refuse the name of a picture whose suffix :func:`save_annotated` would replace.

    Another file may have the name that came of it.

    Raises:
        UserError: with :attr:`ExitCode.USAGE`.
    """
    if _writable_suffix(out.suffix) != out.suffix:
        raise UserError(
            f"--out {out}: no picture has that suffix",
            f"try {out.with_suffix('.png') if out.name else 'a file, picture.png'}",
            ExitCode.USAGE,
        )


def taken_by(sources: Iterable[Path]) -> set[str]:
    """Return what :func:`output_path` must not write over: the source images."""
    return {_key(source) for source in sources}


def output_path(
    out_dir: Path,
    source: Path,
    taken: set[str],
    suffix: str | None = None,
    stems: set[str] | None = None,
) -> Path:
    """Choose where the annotated copy of an image goes.

    The name is that of the source, with a suffix that can be written, or the one given. Where that
    is taken, a number is added: ``a/x.jpg`` and ``b/x.jpg`` become ``x.jpg`` and ``x-2.jpg``. Given
    the same sources in the same order, the names are the same again, whatever the folder holds. A
    name that leaves no room for a number and a suffix is cut.

    Args:
        out_dir: the folder of the results.
        source: the image; never chosen itself.
        taken: starts with :func:`taken_by`; the path chosen is added.
        suffix: of the path.
        stems: where no two paths may differ in their suffix alone, those of all paths so far; the
            one chosen is added.

    Returns:
        A path in ``out_dir``; nothing is made there.
    """
    forbidden = taken | {_key(source)}
    suffix = suffix or _writable_suffix(source.suffix)
    stem = fitting_name(source.stem)
    number = 1
    path = out_dir / (stem + suffix)
    while _key(path) in forbidden or (stems is not None and path.stem.casefold() in stems):
        number += 1
        path = out_dir / f"{stem}-{number}{suffix}"
    taken.add(_key(path))
    if stems is not None:
        stems.add(path.stem.casefold())
    return path


def _writable_suffix(suffix: str) -> str:
    """Return the suffix itself if Pillow can write it here, else that of a usual format."""
    Image.init()
    known = _WRITABLE.get(suffix.lower())
    if known is not None and known[0] in Image.SAVE:
        return suffix
    return ".png" if suffix.lower() in _TO_PNG else ".jpg"


def _key(path: Path) -> str:
    """Return what is equal for paths that may be one file: some file systems ignore case."""
    return os.path.realpath(path).casefold()  # Path.resolve fails on a loop of links
