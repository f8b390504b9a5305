"""The fonts of labels: the one that comes along, and the system's for what that one lacks."""

from __future__ import annotations

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from PIL import ImageFont

_PLAIN = "\u0250"  # DejaVu has every letter before this one
_WORSE = ("bold", "black", "heavy", "light", "thin", "italic", "oblique", "mono", "serif")


def label_font(size: int, text: str = "") -> ImageFont.FreeTypeFont:
    """Return the font of labels; the same object for the same size and kind of text.

    Args:
        size: in pixels.
        text: that is to be written. Where DejaVu Sans lacks one of its characters, a font of the
            system that has them all is taken, if there is one.
    """
    rare = frozenset(character for character in text if character >= _PLAIN)
    return _loaded(_file_with(rare) if rare else _own_file(), size)


@lru_cache(maxsize=64)
def _loaded(path: Path, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(str(path), size)


@lru_cache(maxsize=1)
def _own_file() -> Path:
    """DejaVu Sans, as matplotlib brings it: Latin, Greek, Cyrillic and Arabic letters.

    matplotlib itself is imported only where a distribution keeps its data elsewhere: that takes
    longer than drawing, and warns where the home folder cannot be written.
    """
    font = Path("fonts", "ttf", "DejaVuSans.ttf")
    package = find_spec("matplotlib")
    for place in (package and package.submodule_search_locations) or ():
        if (path := Path(place, "mpl-data", font)).is_file():
            return path
    import matplotlib as mpl

    return Path(mpl.get_data_path(), font)


@lru_cache(maxsize=1024)
def _file_with(characters: frozenset[str]) -> Path:
    """Return the first font that has some characters; DejaVu Sans if none has."""
    own = _own_file()
    if _has(own, characters):
        return own
    return next((path for path in _system_files() if _has(path, characters)), own)


@lru_cache(maxsize=1)
def _system_files() -> list[Path]:
    """List the fonts of the system, regular ones without serifs first."""
    from matplotlib.font_manager import findSystemFonts

    def rank(path: Path) -> tuple[int, str]:
        name = path.stem.lower().replace("sansserif", "sans")
        return sum(word in name for word in _WORSE), str(path)

    return sorted(map(Path, findSystemFonts()), key=rank)


def _has(path: Path, characters: frozenset[str]) -> bool:
    from matplotlib.ft2font import FT2Font

    try:
        _loaded(path, 12)  # not fonts of pictures, which have sizes of their own
        font = FT2Font(str(path))
    except (OSError, RuntimeError):  # or none at all
        return False
    return all(font.get_char_index(ord(character)) for character in characters)
