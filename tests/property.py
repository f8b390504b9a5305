"""Settings of the property tests: quick and the same every time, or many (``EXAMPLES=5000``)."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

EXAMPLES = os.environ.get("EXAMPLES")


def examples(count: int) -> settings:
    """For a test of `count` examples; each has the folder of the one before."""
    return settings(
        max_examples=int(EXAMPLES) if EXAMPLES else count,
        derandomize=EXAMPLES is None,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _is_word(text: str) -> bool:
    """Whether it cannot be taken for a number: ``٣`` is one."""
    try:
        float(text.rsplit(maxsplit=1)[-1])
    except ValueError:
        return True
    return False


# Letters of any script and direction, marks, emoji: all that can stand in a line of text.
_LETTERS = st.characters(
    exclude_categories=("Cc", "Cs", "Cn", "Zl", "Zp"), exclude_characters="\ufeff"
)
NAMES = st.text(_LETTERS, min_size=1, max_size=250).map(_one_line).filter(bool).filter(_is_word)
"""Class names as they come back: spaces are single ones."""

WIDTH, HEIGHT = 100, 80
"""Of the images that boxes are drawn in."""


@st.composite
def boxes(draw: st.DrawFn) -> tuple[float, float, float, float]:
    """A box inside the image, at least a hundredth of a pixel wide."""
    numbers = st.one_of(
        st.floats(0, 1), st.sampled_from([0.0, 0.5, 1.0]), st.integers(0, 80).map(lambda n: n / 80)
    )
    sides = []
    for length in (WIDTH, HEIGHT):
        first, second = sorted((draw(numbers), draw(numbers)))
        if second - first < 1e-3:
            first, second = (first, 1.0) if first < 0.5 else (0.0, second)
        sides.append((first * length, second * length))
    (x1, x2), (y1, y2) = sides
    return x1, y1, x2, y2


NASTY = st.sampled_from(
    [
        *(b"-1", b"-0", b"0", b"1e308", b"-1e308", b"1e-320", b"1e999", b"nan", b"NaN", b"-inf"),
        *(b"1_0", b"+5", b"0x10", b"1,5", b"9" * 30, b"9" * 5000, b"\xd9\xa3", b"\xef\xbc\x91"),
        *(b"true", b"null", b"{}", b"[]", b'""', b"\0", b"\n", b"\r\n", b" ", b"\t", b"../", b"/"),
        *(b"\xe2\x80\xae", b"\xff\xfe", b"\xef\xbb\xbf", b"<a>", b"</object>", b"&lt;", b"&x;"),
        *(b"[" * 2000, b"<a>" * 200, b"difficult", b"1", b"2", b"100", b".5", b"cat", b"\\", b'"'),
    ]
)
"""What may stand where a number or a name should."""


@st.composite
def damaged(draw: st.DrawFn, whole: bytes) -> bytes:
    """A valid file after a few edits (bytes changed, cut, doubled, values replaced), or any."""
    if draw(st.integers(0, 9)) == 0:
        return draw(st.binary(max_size=200))
    data = whole
    for _ in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(["replace", "replace", "insert", "cut", "double", "value"]))
        at = draw(st.integers(0, len(data)))
        if kind == "value":
            starts = [i for i in range(len(data)) if data[i : i + 1].isalnum()] or [0]
            at = draw(st.sampled_from(starts))
            end = at + 1
            while data[end : end + 1].isalnum() or data[end : end + 1] == b".":
                end += 1
            data = data[:at] + draw(NASTY) + data[end:]
        elif kind == "replace":
            data = data[:at] + draw(st.binary(min_size=1, max_size=3)) + data[at + 1 :]
        elif kind == "insert":
            data = data[:at] + draw(NASTY) + data[at:]
        elif kind == "cut":
            data = data[:at] + data[at + draw(st.integers(0, 30)) :]
        else:
            data = data[:at] + data[max(0, at - draw(st.integers(0, 80))) :]
    return data
