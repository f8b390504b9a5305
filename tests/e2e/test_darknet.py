from __future__ import annotations

from pathlib import Path

from tests.e2e.conftest import Refused, Yolo


def test_a_detector_there_and_back(yolo: Yolo, tiny: Path) -> None:
    """The names that it was written with are taken up again, and Darknet's file is the same."""
    assert yolo("convert", tiny, "--to", "darknet", "--out", "there").code == 0
    cfg, numbers = (next(Path("there").glob(f"*{end}")) for end in (".cfg", ".weights"))
    back = yolo("convert", cfg, numbers, "--out", "back.safetensors")
    assert back.code == 0
    named = cfg.with_suffix(".names")
    assert f"note: the classes are called as in {named}" in back.err
    assert yolo("info", "back.safetensors").code == 0
    assert yolo("convert", "back.safetensors", "--to", "darknet", "--out", "again").code == 0
    for path in (cfg, numbers, named):
        assert (Path("again") / f"back{path.suffix}").read_bytes() == path.read_bytes()


def test_the_names_beside_it_are_those_of_another(yolo: Yolo, refused: Refused, tiny: Path) -> None:
    assert yolo("convert", tiny, "--to", "darknet", "--out", "there").code == 0
    cfg, numbers, names = (
        next(Path("there").glob(f"*{end}")) for end in (".cfg", ".weights", ".names")
    )
    names.write_text("one\ntwo\nthree\nfour\n")
    message = refused("convert", cfg, numbers, "--out", "back.safetensors", code=3)
    assert message.startswith("error: 4 names, but [detection] in line ")
    Path("own.names").write_text("a\nb\n")
    result = yolo("convert", cfg, numbers, "--names", "own.names", "--out", "back.safetensors")
    assert result.code == 0
    assert "called as in" not in result.err
