from __future__ import annotations

import os
import time
from pathlib import Path

from yolo_cli.training.cache.entries import ABOUT, depths, describe, others, removal, touch


def entry(parent: Path, name: str, size: int, days: float = 0) -> Path:
    folder = parent / name
    (folder / "copy000").mkdir(parents=True)
    (folder / "copy000/000000.safetensors").write_bytes(bytes(size))
    describe(folder, images="/photos/cats", part="training", depth=4)
    then = time.time() - days * 86400
    os.utime(folder / "about.json", (then, then))
    return folder


def test_other_entries_are_named_with_size_age_and_the_way_to_remove_them(tmp_path: Path) -> None:
    mine = entry(tmp_path, "mine", 100)
    small = entry(tmp_path, "small", 10_000_000, days=3.5)
    large = entry(tmp_path, "la rge", 1_000_000_000)
    found = others(tmp_path, [mine])
    assert [e.path for e in found] == [large, small]
    lines = removal(found)
    assert lines[0] == "2 caches of other runs, 1.01 GB:"
    assert lines[1] == f"  {large}: 1.00 GB, /photos/cats, last used today"
    assert lines[2] == f"  {small}: 0.01 GB, /photos/cats, last used 3 days ago"
    assert lines[3] == f"  remove what you do not need: rm -r '{large}' {small}"


def test_nothing_is_said_without_other_entries(tmp_path: Path) -> None:
    (tmp_path / "holiday pictures").mkdir()
    assert removal(others(tmp_path, [])) == []
    assert others(tmp_path / "missing", []) == []


def test_a_damaged_description_hides_no_entry(tmp_path: Path) -> None:
    folder = entry(tmp_path, "broken", 5)
    (folder / "about.json").write_text("{")
    assert others(tmp_path, [])[0].images == "of unknown images"


def test_use_makes_an_entry_new(tmp_path: Path) -> None:
    folder = entry(tmp_path, "old", 5, days=9)
    touch(folder)
    assert others(tmp_path, [])[0].days < 1


def test_depths_are_those_that_entries_tell_of(tmp_path: Path) -> None:
    assert depths(tmp_path / "none") == set()
    for name, blocks in (("a", 4), ("b", 2), ("c", 4)):
        describe(tmp_path / name, images="photos", part="training", depth=blocks)
    for name, text in (("d", "{"), ("e", "[]"), ("f", '{"depth": null}')):
        (tmp_path / name).mkdir()
        (tmp_path / name / ABOUT).write_text(text)
    assert depths(tmp_path) == {2, 4}
