from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from yolo_cli.engine.manifest import Manifest
from yolo_cli.engine.parts import Parts, digest_of, file_of, is_part, number_of
from yolo_cli.engine.places import Disk
from yolo_cli.engine.run import undone
from yolo_cli.errors import ExitCode, UserError

NAMES = [f"{i}.jpg" for i in range(7)]


@pytest.mark.parametrize(
    ("images", "actors", "size"),
    [
        (10, 2, 16),  # never less
        (2000, 2, 63),  # 32 parts
        (100_000, 2, 500),  # never more …
        (50_000_000, 2, 1000),  # … but where there would be over 50,000 files
    ],
)
def test_a_list_is_divided_so_that_no_actor_waits_for_long(
    images: int, actors: int, size: int
) -> None:
    assert Parts.for_actors(range(images), actors).size == size  # type: ignore[arg-type]


def test_every_image_is_in_one_part() -> None:
    parts = Parts(NAMES, 3)
    assert len(parts) == 3
    assert [list(parts.of(number)) for number in range(3)] == [NAMES[:3], NAMES[3:6], NAMES[6:]]


def test_a_file_says_its_part() -> None:
    assert file_of(12, "parquet") == "part-000012.parquet"
    assert number_of("part-000012.parquet", "parquet") == 12
    assert number_of("part-1234567.jsonl", "jsonl") == 1234567
    for other in ("part-000012.jsonl", ".ab12.part", "part-12.parquet", "manifest.json"):
        assert number_of(other, "parquet") is None
    assert is_part("part-000012.jsonl")
    assert not is_part(".ab12.part")


def test_lists_are_told_apart_by_names_and_order() -> None:
    lists = [["a", "b"], ["b", "a"], ["ab"], ["a", "b", ""], ["a", "\udcff"]]
    assert len({digest_of(names) for names in lists}) == len(lists)


def test_what_is_whole_is_not_done_again(tmp_path: Path) -> None:
    place = Disk(tmp_path)
    assert undone(place, Parts(NAMES, 3), "jsonl") == [0, 1, 2]
    place.write("detections/part-000001.jsonl", b"")
    (tmp_path / "detections/.cut.part").write_bytes(b"")
    assert undone(place, Parts(NAMES, 3), "jsonl") == [0, 2]


def manifest(**changes: Any) -> Manifest:
    same: dict[str, Any] = {
        "weights": "w",
        "thresholds": {"conf": 0.25, "classes": None},
        "images": 7,
        "names": "n",
        "form": "parquet",
        "size": 0,
    }
    return Manifest(**{**same, **changes})


def test_a_run_goes_on_as_it_began(tmp_path: Path) -> None:
    place = Disk(tmp_path)
    assert manifest().resumed(place) is None
    manifest(size=3, backend="ncnn", precision="fp32").write(place)
    before = manifest().resumed(place)
    assert before == manifest(size=3, backend="ncnn", precision="fp32")


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"weights": "x"}, "other weights"),
        ({"thresholds": {"conf": 0.3, "classes": None}}, "other thresholds"),
        ({"names": "m"}, "other images"),
        ({"form": "jsonl", "weights": "x"}, "other weights, --save"),
        ({"backend": "torch"}, "other --backend, then ncnn"),
        ({"version": 2}, "other version of yolo-cli"),
    ],
)
def test_another_run_is_refused(tmp_path: Path, changes: dict[str, Any], why: str) -> None:
    place = Disk(tmp_path)
    manifest(size=3, backend="ncnn", precision="fp32").write(place)
    with pytest.raises(UserError) as caught:
        manifest(**changes).resumed(place)
    assert caught.value.message == f"{tmp_path}: holds the results of another run ({why})"
    assert "--out" in caught.value.hint
    assert caught.value.code == ExitCode.USAGE


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"size": 0}', b"\xff"])
def test_a_damaged_manifest_is_another_runs(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "manifest.json").write_bytes(text)
    with pytest.raises(UserError, match=r"manifest\.json is damaged"):
        manifest().resumed(Disk(tmp_path))


def test_parts_without_a_manifest_are_another_runs(tmp_path: Path) -> None:
    place = Disk(tmp_path)
    (tmp_path / "photo.jpg").touch()
    assert manifest().resumed(place) is None
    place.write("errors/part-000000.jsonl", b"")
    with pytest.raises(UserError, match=r"manifest\.json is missing"):
        manifest().resumed(place)


def test_the_manifest_is_plain_json(tmp_path: Path) -> None:
    manifest(size=3).write(Disk(tmp_path))
    assert json.loads((tmp_path / "manifest.json").read_text())["images"] == 7
