"""Names that others have given (of files, of classes), fit for one line of a terminal."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Sequence

# Control characters, halves of characters (bytes of a file name that are no UTF-8), line and
# paragraph separators: they would break the line, or do what the terminal takes them to mean.
_CONTROLS = frozenset({"Cc", "Cs", "Zl", "Zp"})
# Format characters, which are not seen: some turn the direction of the text around them. But
# Persian is not written, and families are not drawn, without the joiners.
_UNSEEN = frozenset({"Cf"})
_JOINERS = "\u200c\u200d"


def printable(text: str) -> str:
    r"""Return the text with what is no letter, mark or symbol as an escape: ``a\nb``."""
    return "".join(c if c in _JOINERS else _escaped(c, _CONTROLS | _UNSEEN) for c in text)


def encodable(text: str) -> str:
    r"""Return the text with halves of characters, which no encoding has, as escapes."""
    return "".join(_escaped(c, frozenset({"Cs"})) for c in text)


def class_lines(names: Iterable[str]) -> str:
    """Return the text of a ``classes.txt``: a name a line."""
    return "".join(f"{encodable(name)}\n" for name in names)


def without_controls(text: str) -> str:
    """Return the text with those characters as escapes that XML cannot hold."""
    return "".join(_escaped(c, _CONTROLS) for c in text)


def _escaped(character: str, categories: frozenset[str]) -> str:
    if unicodedata.category(character) not in categories:
        return character
    return character.encode("unicode_escape").decode("ascii")


def counted(number: int, what: str) -> str:
    """Return ``1 image``, ``2 images``, ``3 classes``, ``4 copies``, ``5 boxes``."""
    if number == 1:
        return f"{number} {what}"
    if what.endswith("y") and what[-2] not in "aeou":
        return f"{number} {what[:-1]}ies"
    return f"{number} {what}{'es' if what.endswith(('s', 'x')) else 's'}"


def listed(names: Sequence[str], most: int = 10) -> str:
    """Return ``a, b, c``; of long lists the beginning, and how many more there are."""
    shown = [f'"{name}"' if "," in name else name for name in names[:most]]
    rest = len(names) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")


def duration(seconds: float) -> str:
    """Return ``40 s``, ``2.5 min``, ``1.2 h``: as exact as an estimate deserves."""
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.1f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"
