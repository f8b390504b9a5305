"""Files and folders on local disks and in buckets (``s3://``, ``gs://``), by pyarrow."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, Protocol

from yolo_cli.errors import ExitCode, UserError
from yolo_cli.files import atomic_write, check_folder, locked_folder, unwritable
from yolo_cli.optional import optional

_BUCKET = re.compile(r"(s3|gs|gcs)://", re.IGNORECASE)
_REQUEST = re.compile(r"\s*\(Request ID: [^)]*\)")
_HINTS = {
    "NO_SUCH_BUCKET": "is the bucket's name right?",
    "ACCESS_DENIED": "may these credentials do that? AWS_PROFILE chooses others",
    "NETWORK_CONNECTION": "is there a network? AWS_ENDPOINT_URL names another server",
    "INVALID_ACCESS_KEY_ID": "are the credentials right? AWS_PROFILE chooses others",
    "SIGNATURE_DOES_NOT_MATCH": "are the credentials right? AWS_PROFILE chooses others",
}
_CREDENTIALS = (
    "credentials are read as by the provider's own tools: AWS_PROFILE, "
    "GOOGLE_APPLICATION_CREDENTIALS and their like"
)


def in_bucket(name: str) -> bool:
    """Return whether a name is that of something in a bucket."""
    return _BUCKET.match(name) is not None


class Place(Protocol):
    """A folder; it need not be there."""

    def __str__(self) -> str:
        """Return what a user calls it."""

    def claimed(self) -> AbstractContextManager[None]:
        """Keep other runs out, where that is possible; the folder is made.

        Raises:
            UserError: another run is writing there, or nothing can be written.
        """

    def names(self, folder: str) -> set[str]:
        """Return the names of the files in a subfolder; none if it is not there."""

    def read(self, name: str) -> bytes | None:
        """Return what a file holds; None if it is not there."""

    def write(self, name: str, data: bytes) -> None:
        """Write a file, whole or not at all; missing folders are made."""

    def remove(self, name: str) -> None:
        """Remove a file, which need not be there."""


def place_of(name: str) -> Place:
    """Return the folder of a name: a path, or ``s3://bucket/folder``."""
    return Bucket(name) if in_bucket(name) else Disk(Path(name))


class Disk:
    """A folder on a disk, see :class:`Place`.

    Args:
        folder: its path.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __str__(self) -> str:
        return str(self.folder)

    @contextmanager
    def claimed(self) -> Iterator[None]:
        """Lock the folder, see :class:`Place`."""
        check_folder(self.folder, "--out")
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(self.folder, error) from error
        with locked_folder(self.folder, "name another one with --out"):
            yield

    def names(self, folder: str) -> set[str]:
        """Return the names of files, see :class:`Place`."""
        try:
            return {path.name for path in (self.folder / folder).iterdir()}
        except (FileNotFoundError, NotADirectoryError):
            return set()

    def read(self, name: str) -> bytes | None:
        """Return what a file holds, see :class:`Place`."""
        try:
            return (self.folder / name).read_bytes()
        except (FileNotFoundError, NotADirectoryError):
            return None

    def write(self, name: str, data: bytes) -> None:
        """Write a file, see :class:`Place`."""
        with atomic_write(self.folder / name) as file:
            file.write(data)

    def remove(self, name: str) -> None:
        """Remove a file, see :class:`Place`."""
        path = self.folder / name
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise unwritable(path, error) from error


class Bucket:
    """A folder in a bucket, see :class:`Place`; a file appears there when it is complete.

    Args:
        address: ``s3://bucket/folder`` and the like.

    Raises:
        UserError: by every method, if the bucket is not there, or not for these credentials.
    """

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")

    def __str__(self) -> str:
        return self.address

    def claimed(self) -> AbstractContextManager[None]:
        """Do nothing: two runs of the same write the same files, see :class:`Place`."""
        return nullcontext()

    def names(self, folder: str) -> set[str]:
        """Return the names of files, see :class:`Place`."""
        fs = optional("pyarrow.fs", "ray")
        with _told(self.address):
            system, path = file_system(self.address)
            chosen = fs.FileSelector(f"{path}/{folder}", allow_not_found=True)
            return {info.base_name for info in system.get_file_info(chosen) if info.is_file}

    def read(self, name: str) -> bytes | None:
        """Return what a file holds, see :class:`Place`."""
        return read_bucket(f"{self.address}/{name}")

    def write(self, name: str, data: bytes) -> None:
        """Write a file, see :class:`Place`."""
        with _told(f"{self.address}/{name}"):
            system, path = file_system(self.address)
            with system.open_output_stream(f"{path}/{name}") as file:
                file.write(data)

    def remove(self, name: str) -> None:
        """Remove a file, see :class:`Place`."""
        with _told(f"{self.address}/{name}"), suppress(FileNotFoundError):
            system, path = file_system(self.address)
            system.delete_file(f"{path}/{name}")


def read_bucket(address: str) -> bytes | None:
    """Return what a file in a bucket holds; None if it is not there.

    Raises:
        UserError: it cannot be read.
    """
    with _told(address):
        system, path = file_system(address)
        try:
            with system.open_input_stream(path) as file:
                return bytes(file.read())
        except FileNotFoundError:
            return None


def list_bucket(address: str, *, recursive: bool) -> list[tuple[str, bool]] | None:
    """List what is below an address.

    Args:
        address: of a file or folder.
        recursive: what is in folders as well.

    Returns:
        Address and whether it is a file; the one itself for a file; None if it is not there.

    Raises:
        UserError: it cannot be read.
    """
    fs = optional("pyarrow.fs", "ray")
    with _told(address):
        system, path = file_system(address)
        scheme = address.split("://", maxsplit=1)[0]
        if system.get_file_info(path).type == fs.FileType.File:
            return [(address, True)]
        try:
            found = system.get_file_info(fs.FileSelector(path, recursive=recursive))
        except FileNotFoundError:
            return None
        return [(f"{scheme}://{info.path}", info.is_file) for info in found]


def file_system(address: str) -> tuple[Any, str]:
    """Return the file system of an address, and the path in it.

    Raises:
        OSError, ValueError: there is none.
    """
    scheme, rest = address.split("://", maxsplit=1)
    bucket, _, path = rest.partition("/")
    return _system(f"{scheme.lower()}://{bucket}"), f"{bucket}/{path}".rstrip("/")


@lru_cache(maxsize=64)
def _system(bucket: str) -> Any:
    # By the address, not by the class, which pays no heed to AWS_ENDPOINT_URL.
    return optional("pyarrow.fs", "ray").FileSystem.from_uri(bucket)[0]


@contextmanager
def _told(address: str) -> Iterator[None]:
    """Turn what a provider says into one line."""
    try:
        yield
    except (OSError, ValueError) as error:
        text = _REQUEST.sub("", " ".join(str(error).split()))
        hint = next((hint for word, hint in _HINTS.items() if word in text), _CREDENTIALS)
        raise UserError(f"{address}: {text[:300]}", hint, ExitCode.USAGE) from error
