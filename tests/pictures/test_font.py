from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from PIL import Image
from PIL.ImageFont import FreeTypeFont

from yolo_cli.pictures import font
from yolo_cli.pictures.drawing import draw_detections
from yolo_cli.pictures.font import label_font

DOG = "犬"


def make_font(path: Path, characters: str) -> str:
    """A font whose every character is a full square."""
    names = [".notdef", *(f"u{ord(one):X}" for one in characters)]
    pen = TTGlyphPen(None)
    pen.moveTo((0, 0))
    for corner in ((0, 1000), (1000, 1000), (1000, 0)):
        pen.lineTo(corner)
    pen.closePath()
    square = pen.glyph()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder(names)
    builder.setupCharacterMap({ord(one): f"u{ord(one):X}" for one in characters})
    builder.setupGlyf(dict.fromkeys(names, square))
    builder.setupHorizontalMetrics(dict.fromkeys(names, (1000, 0)))
    builder.setupHorizontalHeader(ascent=1000, descent=0)
    builder.setupNameTable({"familyName": path.stem, "styleName": "Regular"})
    builder.setupOS2()
    builder.setupPost()
    builder.save(path)
    return str(path)


@pytest.fixture
def system(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The fonts of the system: none, but those that a test adds."""
    files: list[str] = []
    monkeypatch.setattr("matplotlib.font_manager.findSystemFonts", lambda: files)
    _forget()
    yield files
    _forget()


def _forget() -> None:
    for one in (font._file_with, font._system_files, font._own_file):
        one.cache_clear()


def named(found: FreeTypeFont) -> str:
    return Path(str(found.path)).stem


def test_it_comes_along_and_is_one_object() -> None:
    assert named(label_font(20)) == "DejaVuSans"
    assert label_font(20) is label_font(20, "dog")
    assert label_font(20) is not label_font(21)


def test_it_is_found_where_matplotlib_says(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = font._own_file()
    font._own_file.cache_clear()
    monkeypatch.setattr(font, "find_spec", lambda _: None)
    assert font._own_file().samefile(usual)


def test_it_has_the_letters_for_which_nothing_is_looked_up() -> None:
    plain = frozenset(map(chr, [*range(0x20, 0x7F), *range(0xA0, ord(font._PLAIN))]))
    assert font._has(font._own_file(), plain)


def test_other_letters_are_the_systems(system: list[str], tmp_path: Path) -> None:
    bold = make_font(tmp_path / "A-Bold.ttf", "犬猫")
    cats = make_font(tmp_path / "Cats.ttf", "猫")
    (tmp_path / "broken.ttf").write_bytes(b"no font")
    system += [bold, cats, str(tmp_path / "broken.ttf"), str(tmp_path / "gone.ttf")]
    assert named(label_font(20, "собака كلب σκύλος ☃ …")) == "DejaVuSans"
    assert named(label_font(20, "猫")) == "Cats"  # regular ones first
    assert named(label_font(20, "a 猫 of 犬")) == "A-Bold"  # all of them
    assert named(label_font(20, "猫 鳥")) == "DejaVuSans"  # nobody has the bird


def test_a_name_is_drawn_in_the_font_that_has_it(system: list[str], tmp_path: Path) -> None:
    def drawn(name: str) -> bytes:
        image = Image.new("RGB", (200, 100), (128, 128, 128))
        return draw_detections(image, [[10, 40, 160, 90]], None, [0], [name]).tobytes()

    before = drawn("dog"), drawn(DOG)
    system.append(make_font(tmp_path / "Dogs.ttf", DOG))
    _forget()
    assert drawn("dog") == before[0]
    assert drawn(DOG) != before[1]
