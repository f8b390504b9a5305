"""The pictures of ``yolo info``: feature maps of a photograph, and four ways of upsampling."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from yolo_cli.cli.layers import show_lines
from yolo_cli.cli.startup import importing
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.model.architectures import ARCHITECTURES

if TYPE_CHECKING:
    from PIL import Image

MAPS, UPSAMPLED = Path("maps.png"), Path("upsampled.png")
FIRST = "1"


def check_options(
    what: str,
    *,
    maps: Path | None,
    layer: str | None,
    upsample: Path | None,
    out: Path | None,
    json_out: bool,
) -> None:
    """Refuse options that do not go together.

    Raises:
        UserError: with what is meant instead.
    """
    if maps is not None and upsample is not None:
        raise _usage("--maps and --upsample: one picture at a time", "leave one of them out")
    if json_out and (maps is not None or upsample is not None):
        raise _usage("--json goes with the table of layers", "leave it out: a picture is written")
    if layer is not None and maps is None:
        raise _usage("--layer says of which layer --maps shows the feature maps", "add --maps")
    if out is not None and maps is None and upsample is None:
        raise _usage("--out without a picture", "--maps or --upsample makes one")
    if maps is not None and what in ARCHITECTURES:
        raise _usage(
            f"--maps: {what} is an architecture, which has learned nothing",
            "name weights: a file, or embedded ones (default if none are named)",
        )


def draw_maps(weights: Path, photograph: Path, layer: str | None, out: Path | None) -> None:
    """Write the feature maps of a layer, and say what they are."""
    with importing():
        from yolo_cli.inference.feature_maps import feature_maps

    path = _check_out(out or MAPS, photograph)
    maps = feature_maps(weights, photograph, layer or FIRST)
    path = _save(maps.draw(weights.stem), path)
    row, count = maps.row, len(maps.values)
    same = f"; {maps.silent} of the maps have one value everywhere" if maps.silent else ""
    shown = f"the {maps.shown} of {count} maps that vary most" if maps.shown < count else "all maps"
    lines = {
        "layer": f"{maps.number}, {row.name}: {'×'.join(map(str, row.shape))}, "
        f"a value sees {row.field} pixels along each side",
        "values": f"{maps.values.min():.4g} to {maps.values.max():.4g}{same}",
        "picture": f"{path}: {shown}, each in the colours of its own range",
    }
    show_lines(Console(highlight=False), lines)


def draw_upsampling(mask: Path, out: Path | None) -> None:
    """Write what four ways of upsampling make of a mask, and how much of it."""
    with importing():
        from yolo_cli.model.upsampling import HALVINGS, compare, read_mask

    path = _check_out(out or UPSAMPLED, mask)
    comparison = compare(read_mask(mask))
    path = _save(comparison.draw(), path)
    (height, width), (rows, columns) = comparison.mask.shape, comparison.pooled.shape
    console = Console(highlight=False)
    lines = {
        "mask": f"{width}×{height} pixels, by max pooling, {HALVINGS} times, {columns}×{rows}",
        "IoU": ", ".join(f"{one.way} {one.iou:.3f}" for one in comparison.restored),
        "picture": str(path),
    }
    show_lines(console, lines)


def _check_out(out: Path, source: Path) -> Path:
    """Return where the picture goes, which is not where it comes from."""
    from yolo_cli.pictures.save import check_suffix

    if out.is_dir():
        raise _usage(f"--out {out}: a folder", f"name a file in it: {out / MAPS}")
    check_suffix(out)
    if out.exists() and source.exists() and out.samefile(source):
        raise _usage(f"--out {out}: that is the picture itself", "name another file")
    return out


def _save(image: Image.Image, path: Path) -> Path:
    from yolo_cli.pictures.save import save_annotated

    return save_annotated(image, path)


def _usage(message: str, hint: str) -> UserError:
    return UserError(message, hint, ExitCode.USAGE)
