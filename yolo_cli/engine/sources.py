"""What the user names becomes a list of images: on disks, in buckets, in lists and tables."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any

from yolo_cli.data.images import is_image_path
from yolo_cli.engine.places import in_bucket, list_bucket, read_bucket
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.inference.inputs import (
    LIST_SUFFIX,
    STANDARD_INPUT,
    Warn,
    list_inputs,
    listed_names,
)
from yolo_cli.inference.web import is_address
from yolo_cli.optional import optional

TABLE_SUFFIX = ".parquet"
COLUMN = "path"
"""Of a table: holds the paths of images."""


def list_images(
    sources: Sequence[str],
    *,
    recursive: bool = False,
    stdin: IO[bytes] | None = None,
    report: Warn,
) -> list[str]:
    """List all images that the sources name.

    Beside images, folders, patterns and lists as
    :func:`yolo_cli.inference.inputs.list_inputs` knows them, a source may be in a bucket
    (``s3://``, ``gs://``), and a Parquet file, or a folder of them, with a column ``path``. What a
    list or a table names is not looked for, and may be in a bucket itself.

    Args:
        sources: as the user typed them.
        recursive: search the subfolders of folders as well.
        stdin: what ``-`` reads.
        report: called for each subfolder that cannot be read.

    Returns:
        Path or address of each image once, at its first place.

    Raises:
        UserError: a source is not there, cannot be read, has no image, or is a video or an
            ``http(s)`` address.
    """
    found: dict[str, str] = {}
    for source in sources:
        for name in _images(source, recursive, stdin, report):
            found.setdefault(name if in_bucket(name) else os.path.abspath(name), name)  # noqa: PTH100  # a Path for each of millions
    return list(found.values())


def _images(
    source: str, recursive: bool, stdin: IO[bytes] | None, report: Warn
) -> Sequence[str] | Iterator[str]:
    if is_address(source):
        raise _not_here(source, "addresses")
    if source == STANDARD_INPUT and stdin is not None:
        return listed_names(stdin.read(), "standard input")
    remote = in_bucket(source)
    if source.lower().endswith(LIST_SUFFIX) and (remote or Path(source).is_file()):
        return _beside(listed_names(_read(source), source), source)
    tables = _tables(source)
    if tables:
        return (name for table in tables for name in _beside(_column(table), table))
    if remote:
        return _of_bucket(source, recursive)
    inputs = list_inputs([source], recursive=recursive, report=report)
    for one in inputs:
        if one.kind == "video":
            raise _not_here(one.name, "videos")
    return [one.name for one in inputs]


def _not_here(name: str, what: str) -> UserError:
    return UserError(
        f"{name}: --engine ray takes no {what}", "leave out --engine ray", ExitCode.USAGE
    )


def _read(name: str) -> bytes:
    try:
        data = read_bucket(name) if in_bucket(name) else Path(name).read_bytes()
    except OSError as error:
        raise UserError(f"{name}: cannot be read: {error.strerror or error}") from error
    if data is None:
        raise UserError(f"{name}: no such file")
    return data


def _beside(names: Sequence[str], source: str) -> Iterator[str]:
    """Yield what a list names; a path that leads nowhere is tried from the list's own folder."""
    folder = source.rpartition("/")[0] if in_bucket(source) else os.path.dirname(source)  # noqa: PTH120  # text
    for name in names:
        if in_bucket(name) or os.path.isabs(name):  # noqa: PTH117  # a Path for each of millions
            yield name
        elif in_bucket(source):
            yield f"{folder}/{name}"
        else:
            beside = Path(folder, name)
            yield str(beside) if not Path(name).exists() and beside.exists() else name


def _tables(source: str) -> list[str]:
    """Return the Parquet files that a source is or holds; none if it is something else."""
    if source.lower().endswith(TABLE_SUFFIX):
        if in_bucket(source):
            found = list_bucket(source, recursive=False) or []
            return [name for name, is_file in found if is_file and name.endswith(TABLE_SUFFIX)]
        if Path(source).is_file():
            return [source]
    if in_bucket(source):
        if _PATTERN.search(source):
            return []
        listed = list_bucket(source, recursive=False) or []
        return sorted(name for name, _ in listed if name.endswith(TABLE_SUFFIX))
    if not Path(source).is_dir():
        return []
    return sorted(str(path) for path in Path(source).glob(f"*{TABLE_SUFFIX}"))


def _column(table: str) -> list[str]:
    """Return the paths in a Parquet file.

    Raises:
        UserError: it is damaged, or has no such column.
    """
    parquet: Any = optional("pyarrow.parquet", "ray")
    try:
        file = parquet.ParquetFile(io.BytesIO(_read(table)) if in_bucket(table) else table)
        columns = file.schema_arrow.names
        if COLUMN not in columns:
            raise UserError(
                f"{table}: no column {COLUMN}, but {', '.join(columns) or 'none'}",
                f"call the column of paths {COLUMN}",
            )
        values: list[Any] = file.read([COLUMN]).column(COLUMN).to_pylist()
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{table}: cannot be read as Parquet: {reason[:200]}") from error
    wrong = next((value for value in values if not isinstance(value, str)), None)
    if wrong is not None or None in values:
        raise UserError(f"{table}: the column {COLUMN} holds {wrong!r:.40}, which is no path")
    if not values:
        raise UserError(
            f"{table}: no paths in it", f"{COLUMN} has the path of an image in each row"
        )
    return values


_PATTERN = re.compile(r"[*?\[]")


def _of_bucket(source: str, recursive: bool) -> list[str]:
    """Return the images that an address in a bucket means: a file, a folder, a pattern."""
    pattern = _PATTERN.search(source)
    top = source[: pattern.start()].rpartition("/")[0] if pattern else source.rstrip("/")
    listed = list_bucket(top, recursive=recursive or pattern is not None)
    if listed is None:
        raise UserError(f"{source}: no such file or folder", "name what is in the bucket")
    names = sorted(name for name, is_file in listed if is_file)
    if pattern:
        fits = re.compile(_expression(source))
        names = [name for name in names if fits.fullmatch(name)]
    if names == [source]:
        return names
    images = [name for name in names if is_image_path(Path(name))]
    if not images and not pattern and not recursive:
        return _of_bucket(source, True)
    if not images:
        raise UserError(
            f"{source}: no images there",
            "images are known by their suffix (.jpg, .png, .webp and others)",
        )
    return images


def _expression(pattern: str) -> str:
    """Return a regular expression for a pattern: ``*``, ``?``, ``[ab]``, and ``**/`` of folders."""
    known = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    parts = re.split(r"(\*\*/|\*\*|\*|\?|\[[^\]]+\])", pattern)
    return "".join(
        known.get(part) or (part.replace("[!", "[^") if part[:1] == "[" else re.escape(part))
        for part in parts
    )
