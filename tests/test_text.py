from __future__ import annotations

import pytest

from yolo_cli.text import counted, encodable, listed, printable, without_controls


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Zoë's 日本 🐈‍⬛ [b] \\n", "Zoë's 日本 🐈‍⬛ [b] \\n"),  # letters, marks, symbols stay
        ("a\nb\rc\td", r"a\nb\rc\td"),
        ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
        ("\u2028", r"\u2028"),  # a line separator
        ("a\u202eb\u2066c\ufeff", r"a\u202eb\u2066c\ufeff"),  # would turn the line around
        (b"caf\xe9".decode("utf-8", "surrogateescape"), r"caf\udce9"),
    ],
)
def test_printable(text: str, expected: str) -> None:
    assert printable(text) == expected


def test_what_files_can_hold() -> None:
    assert encodable("a\n日本\ud800") == "a\n日本\\ud800"
    assert without_controls("a\n日\u202e\ud800") == "a\\n日\u202e\\ud800"


def test_counted() -> None:
    numbers = [counted(n, "image") for n in (0, 1, 2)]
    assert numbers == ["0 images", "1 image", "2 images"]
    assert counted(3, "class") == "3 classes"


def test_lists_that_are_long() -> None:
    assert listed(["a", "b, c"]) == 'a, "b, c"'
    assert listed(list("abcde"), 3) == "a, b, c and 2 more"
