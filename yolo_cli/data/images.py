"""Image files: whatever a camera, scanner or drawing program wrote becomes upright 8-bit RGB.

Every failure is a :class:`~yolo_cli.errors.UserError` that names the file. Pillow raises some
fifteen kinds of exception on damaged files; :func:`opened` is the one place that knows it.
"""

from __future__ import annotations

import stat
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, PngImagePlugin, UnidentifiedImageError

from yolo_cli.data.orientation import SIDEWAYS, orientation_of, turned_upright
from yolo_cli.errors import ExitCode, UserError

MAX_PIXELS = 178_956_970
"""Largest width x height that is decoded (512 MiB of RGB): beyond it, a decompression bomb."""

# Colour profiles of printers and comments of generators exceed Pillow's megabyte, and the picture
# behind them is sound. All text of a file together stays bounded by its MAX_TEXT_MEMORY.
PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY

_KNOWN = (
    ("jpg", "jpeg", "jpe", "jfif", "png", "bmp", "dib", "gif", "tif", "tiff"),
    ("webp", "avif", "ppm", "pgm", "pbm", "pnm", "jp2", "j2k"),
)
IMAGE_SUFFIXES = frozenset(f".{name}" for names in _KNOWN for name in names)
"""Suffixes, in lower case, by which a folder's images are recognised."""

# Named, because Pillow's other readers include one that starts Ghostscript (EPS).
_FORMATS = ("JPEG", "PNG", "BMP", "DIB", "GIF", "TIFF", "WEBP", "AVIF", "PPM", "JPEG2000", "MPO")


def is_image_path(path: Path) -> bool:
    """Whether the name looks like an image's; hidden files (``._a.jpg``) never do."""
    return path.suffix.lower() in IMAGE_SUFFIXES and not path.name.startswith(".")


def read_image(path: Path) -> Image.Image:
    """Decode an image file.

    Grey, palette, CMYK and 16-bit images are converted (16 bits are scaled to 8, not clipped),
    transparent ones are laid on white, and the EXIF orientation is applied. Of an animation or
    a multi-page file the first picture is read.

    Args:
        path: the file.

    Returns:
        The upright image in mode ``RGB``.

    Raises:
        UserError: the file is missing, unreadable, empty, not an image, damaged or too large.
    """
    with opened(path) as image:
        if image.format == "TIFF":
            image.load()  # turns itself upright, and then has no orientation
        rgb = to_rgb(turned_upright(image, orientation_of(image, path)))
        rgb.info = {}  # else the orientation would be there to be applied once more
        return rgb


@dataclass(frozen=True, eq=False)
class ImageHeader:
    """What the header of an image file says.

    Attributes:
        format: Pillow's name of it (``"JPEG"``), whatever the file is called.
        stored: width and height in pixels, EXIF orientation not applied.
        upright: width and height in pixels, EXIF orientation applied.
        orientation: of EXIF, 1 to 8; 1 is upright.
    """

    format: str
    stored: tuple[int, int]
    upright: tuple[int, int]
    orientation: int


def image_header(path: Path) -> ImageHeader:
    """Read the header of an image file.

    Args:
        path: the file.

    Raises:
        UserError: as :func:`read_image`, as far as the header shows it.
    """
    with opened(path) as image:
        return _header(image, path)


def _header(image: Image.Image, path: Path) -> ImageHeader:
    width, height = image.size
    if image.format == "TIFF":  # Pillow versions differ in when they swap the sides
        tags = image.getexif()
        width = int(tags.get(ExifTags.Base.ImageWidth, width))
        height = int(tags.get(ExifTags.Base.ImageLength, height))
    orientation = orientation_of(image, path)
    upright = (height, width) if orientation in SIDEWAYS else (width, height)
    return ImageHeader(image.format or "", (width, height), upright, orientation)


def image_size(path: Path) -> tuple[int, int]:
    """Return width and height as :func:`read_image` decodes the file, from the header alone.

    Raises:
        UserError: as :func:`image_header`.
    """
    return image_header(path).upright


@dataclass(frozen=True, eq=False)
class ImageFacts:
    """What there is to know of an image file without its picture.

    Attributes:
        header: of the file.
        thumbnail: ``[side, side]`` uint8, the upright image in grey, stretched to a square.
    """

    header: ImageHeader
    thumbnail: npt.NDArray[np.uint8]


def inspect_image(path: Path, side: int) -> ImageFacts:
    """Decode a whole image file, however small its thumbnail is to be: damage is found.

    JPEG files are decoded at a fraction of their size, which takes a third of the time.

    Args:
        path: the file.
        side: of the thumbnail in pixels.

    Raises:
        UserError: as :func:`read_image`.
    """
    with opened(path) as image:
        header = _header(image, path)
        image.draft("L", (2 * side, 2 * side))
        image.load()
        grey = image if image.mode == "L" else to_rgb(image).convert("L")
        small = grey.resize((side, side), Image.Resampling.BILINEAR)
        if image.format != "TIFF":  # which load() has turned
            small = turned_upright(small, header.orientation)
        return ImageFacts(header, np.array(small))


class DamagedImageError(UserError):
    """An image whose header can be read, but not its pixels."""


@contextmanager
def opened(
    path: Path,
    reader: Callable[[Path], Image.Image] | None = None,
    *,
    max_pixels: int | None = None,
) -> Iterator[Image.Image]:
    """Open an image, header only, and turn all that may go wrong with it into `UserError`.

    Args:
        path: the file.
        reader: opens it; None to let Pillow find out how.
        max_pixels: largest width x height; :data:`MAX_PIXELS` by default.
    """
    try:
        _check_file(path)
        with _SILENCE, (reader or _open)(path) as image:
            if image.width * image.height > (max_pixels or MAX_PIXELS):
                raise too_large(path, f"{image.width} x {image.height} pixels")
            if image.width < 1 or image.height < 1:
                raise ValueError("no pixels")
            yield image
    except UserError:
        raise
    except PermissionError as error:
        raise _no_permission(path) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise too_large(path, "too many pixels") from error
    except UnidentifiedImageError as error:
        raise UserError(
            "not an image, or one whose beginning is damaged",
            "JPEG, PNG, BMP, GIF, TIFF, WebP, AVIF, PNM and JPEG 2000 can be read",
            path=path,
        ) from error
    except MemoryError as error:
        raise UserError(
            "not enough memory to decode the image", code=ExitCode.FAILURE, path=path
        ) from error
    except Exception as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise DamagedImageError(
            f"damaged image ({reason})", "replace the file with an intact copy", path=path
        ) from error


def _open(path: Path) -> Image.Image:
    return Image.open(path, formats=_formats())


def _check_file(path: Path) -> None:
    try:
        status = path.stat()
    except FileNotFoundError as error:
        if path.is_symlink():
            raise UserError("broken link, there is no such image", path=path) from error
        raise UserError("no such image", path=path) from error
    except NotADirectoryError as error:
        raise UserError("no such image", path=path) from error
    except PermissionError:
        raise
    except OSError as error:  # a loop of links, a name too long, a disk that fails
        reason = error.strerror or str(error)
        raise UserError(f"cannot be read ({reason})", path=path) from error
    if stat.S_ISDIR(status.st_mode):
        raise UserError("a folder, not an image", path=path)
    if not stat.S_ISREG(status.st_mode):
        raise UserError("not a regular file", path=path)
    if status.st_size == 0:
        raise UserError("empty image file (zero bytes)", path=path)


def _no_permission(path: Path) -> UserError:
    return UserError(
        "no permission to read the image", "change its mode", ExitCode.FAILURE, path=path
    )


def too_large(path: Path, what: str) -> UserError:
    """Return the refusal of an image of more than ``MAX_PIXELS`` pixels; ``what`` is its size."""
    return UserError(
        f"image too large ({what})",
        f"at most {MAX_PIXELS:,} pixels are decoded: make a smaller copy",
        path=path,
    )


def _formats() -> tuple[str, ...]:
    """Those of `_FORMATS` that this build of Pillow has."""
    Image.init()  # returns at once when all plugins are loaded
    return tuple(name for name in _FORMATS if name in Image.OPEN)


def to_rgb(image: Image.Image) -> Image.Image:
    """Return a copy in mode ``RGB``, see :func:`read_image`."""
    if image.mode in {"I", "F"} or image.mode.startswith("I;16"):
        return _eight_bits(image).convert("RGB")
    if image.has_transparency_data:
        canvas = Image.new("RGBA", image.size, "white")
        canvas.alpha_composite(image.convert("RGBA"))
        return canvas.convert("RGB")
    return image.convert("RGB")  # a copy, also of what is RGB


def _eight_bits(image: Image.Image) -> Image.Image:
    """Scale 16-bit, 32-bit and float grey to 8 bits by the smallest usual range that holds it."""
    values = np.nan_to_num(np.asarray(image, dtype=np.float32), posinf=0.0, neginf=0.0)
    highest = float(values.max())
    ranges = (1.0, 255.0, 65535.0) if image.mode == "F" else (65535.0,)
    full = next((limit for limit in ranges if highest <= limit), highest)
    return Image.fromarray(np.rint(values.clip(0, full) * (255.0 / full)).astype(np.uint8))


class _Silence:
    """``warnings.catch_warnings`` that may be entered by several threads at once.

    Pillow warns of damaged metadata and large images, which are no news to a user, and an error
    where warnings are errors. The first thread in stores the filters, the last one out puts
    them back; each for itself would restore what another one has changed.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._saved = warnings.catch_warnings()

    def __enter__(self) -> None:
        with self._lock:
            if self._inside == 0:
                self._saved = warnings.catch_warnings()
                self._saved.__enter__()
                warnings.simplefilter("ignore")
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                self._saved.__exit__(None, None, None)


_SILENCE = _Silence()
