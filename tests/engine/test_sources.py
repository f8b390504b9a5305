from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from yolo_cli.engine.sources import list_images
from yolo_cli.errors import ExitCode, UserError


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("photos/b.jpg", "photos/a.jpg", "photos/notes.md", "lists/c.png"):
        Path(name).parent.mkdir(exist_ok=True)
        Path(name).touch()


def listed(*sources: str, stdin: bytes = b"") -> list[str]:
    def fail(error: UserError) -> None:
        raise error

    return list_images(sources, stdin=io.BytesIO(stdin), report=fail)


def table(path: str, values: Sequence[object], column: str = "path") -> str:
    Path(path).parent.mkdir(exist_ok=True)
    pq.write_table(pa.table({column: values, "id": list(range(len(values)))}), path)
    return path


def test_images_are_listed_once_at_their_first_place() -> None:
    assert listed("photos/b.jpg", "photos", "./photos/a.jpg") == ["photos/b.jpg", "photos/a.jpg"]


def test_a_table_names_images_in_its_order() -> None:
    names = ["photos/b.jpg", "/far/away.jpg", "s3://bucket/x.jpg", "photos/a.jpg"]
    assert listed(table("names.parquet", names)) == names


def test_paths_that_lead_nowhere_are_seen_from_the_lists_folder() -> None:
    assert listed(table("lists/names.parquet", ["c.png"])) == ["lists/c.png"]
    Path("lists/names.txt").write_text("c.png\nphotos/a.jpg\nnowhere.jpg\n")
    assert listed("lists/names.txt") == ["lists/c.png", "photos/a.jpg", "nowhere.jpg"]


def test_a_folder_of_tables_is_read_in_the_order_of_its_names() -> None:
    table("tables/2.parquet", ["z.jpg", "y.jpg"])
    table("tables/1.parquet", ["x.jpg"])
    assert listed("tables") == ["x.jpg", "z.jpg", "y.jpg"]


def test_lists_and_standard_input_may_name_what_is_in_buckets() -> None:
    Path("names.txt").write_text("s3://bucket/a.jpg\n")
    assert listed("names.txt", "-", stdin=b"gs://other/b.jpg\0c.jpg\0") == [
        "s3://bucket/a.jpg",
        "gs://other/b.jpg",
        "c.jpg",
    ]


@pytest.mark.parametrize(
    ("values", "column", "message"),
    [
        (["a.jpg"], "file", "t.parquet: no column path, but file, id"),
        ([1], "path", "t.parquet: the column path holds 1, which is no path"),
        (["a.jpg", None], "path", "t.parquet: the column path holds None, which is no path"),
        ([], "path", "t.parquet: no paths in it"),
    ],
)
def test_a_table_without_paths_is_refused(values: list[object], column: str, message: str) -> None:
    table("t.parquet", values, column)
    with pytest.raises(UserError) as caught:
        listed("t.parquet")
    assert caught.value.message == message


def test_a_damaged_table_is_refused() -> None:
    Path("t.parquet").write_bytes(b"PAR1 but not really PAR1")
    with pytest.raises(UserError, match=r"^t\.parquet: cannot be read as Parquet: "):
        listed("t.parquet")


def test_videos_and_addresses_are_not_for_many_machines() -> None:
    Path("clip.mp4").touch()
    for source in ("clip.mp4", "https://example.org/a.jpg"):
        with pytest.raises(UserError, match="--engine ray takes no") as caught:
            listed(source)
        assert caught.value.code == ExitCode.USAGE


def test_an_empty_source_is_refused() -> None:
    Path("empty").mkdir()
    with pytest.raises(UserError, match="empty: no images in this folder or below it"):
        listed("empty")
