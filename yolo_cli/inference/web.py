"""Images from ``http(s)`` addresses, within limits of size and time."""

from __future__ import annotations

import http.client
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import IO, Any
from urllib.parse import unquote, urlsplit

from yolo_cli.errors import UserError
from yolo_cli.version import __version__

MAX_BYTES = 64 * 2**20
SILENCE = 15.0
"""Seconds without a byte after which the other end is given up."""

DEADLINE = 60.0
"""Seconds for a whole request, from the first connection to the last byte."""

_CHUNK = 1 << 16
_SCHEMES = ("http", "https")


def is_address(source: str) -> bool:
    """Return whether a source is an address rather than a path."""
    return source.lower().startswith(("http://", "https://"))


def file_name(address: str) -> str:
    """Return what a file from an address would be called: the last part of its path."""
    try:
        parts = urlsplit(address)
    except ValueError:  # no valid address, which fetching it will say
        return "image"
    last = unquote(parts.path).replace("\\", "/").rstrip("/").rsplit("/", maxsplit=1)[-1]
    return last.replace("\0", "") or parts.hostname or "image"


def fetch(address: str, folder: Path) -> Path:
    """Download one image.

    Redirections are followed to ``http(s)`` addresses alone: there is nothing here that could
    open another kind.

    Args:
        address: as the user typed it.
        folder: where to.

    Returns:
        The file, whatever it may hold.

    Raises:
        UserError: the server does not answer, says no, sends too much, or takes too long.
    """
    path = folder / "image"
    limit = _Deadline(DEADLINE)
    try:
        headers = {"User-Agent": f"yolo-cli/{__version__}"}
        request = urllib.request.Request(address, headers=headers)
        with (
            limit,
            _opener(limit).open(request, timeout=SILENCE) as response,
            path.open("wb") as file,
        ):
            _copy(response, file, address)
    except (OSError, ValueError, http.client.HTTPException) as error:
        if limit.passed:
            raise _too_slow(address) from error
        raise UserError(f"{address}: {_reason(error)}") from error
    except UserError as error:
        if limit.passed:
            raise _too_slow(address) from error
        raise
    if limit.passed:  # what was cut off may look like an end
        raise _too_slow(address)
    return path


def _reason(error: Exception) -> str:
    """Return what is wrong, in a line."""
    if isinstance(error, urllib.error.HTTPError):
        error.close()
        return f"the server says {error.code} {' '.join(str(error.reason).split())}"
    if isinstance(error, TimeoutError):
        return f"no answer for {SILENCE:.0f} seconds"
    cause = error.reason if isinstance(error, urllib.error.URLError) else error
    return f"cannot be fetched: {' '.join(str(cause).split()) or type(error).__name__}"


def _too_slow(address: str) -> UserError:
    return UserError(
        f"{address}: takes longer than {DEADLINE:.0f} seconds", "download it, and name the file"
    )


def _copy(response: http.client.HTTPResponse, file: IO[bytes], address: str) -> None:
    too_large = UserError(
        f"{address}: more than {MAX_BYTES // 2**20} MB", "download it, and name the file"
    )
    expected = response.length
    if expected is not None and expected > MAX_BYTES:
        raise too_large
    size = 0
    while chunk := response.read1(_CHUNK):
        size += len(chunk)
        if size > MAX_BYTES:
            raise too_large
        file.write(chunk)
    if expected is not None and size < expected:
        raise UserError(f"{address}: the connection broke off after {size} of {expected} bytes")


class _Deadline:
    """Cuts the connections of a request when its time is over, whatever is read at that moment.

    Time limits of sockets are of single reads: a byte now and then keeps them from ever passing.

    Args:
        seconds: from the start of the context.

    Attributes:
        passed: whether the time was over before the context ended.
    """

    def __init__(self, seconds: float) -> None:
        self.passed = False
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self._end = time.monotonic() + seconds
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def connect(self, place: tuple[str, int], timeout: float, *rest: Any) -> socket.socket:
        """Do as :func:`socket.create_connection`, within the time that is left."""
        left = max(0.001, min(timeout, self._end - time.monotonic()))
        connection = socket.create_connection(place, left, *rest)
        connection.settimeout(timeout)
        with self._lock:
            # A second handle: TLS takes the first one over.
            self._sockets.append(connection.dup())
        if self.passed:
            self._cut()
        return connection

    def _cut(self) -> None:
        with self._lock:
            self.passed = True
            for one in self._sockets:
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> _Deadline:
        self._timer.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()
        with self._lock:
            for one in self._sockets:
                one.close()
            self._sockets.clear()


def _connection(
    kind: type[http.client.HTTPConnection],
    connect: Callable[..., socket.socket],
    *arguments: Any,
    **options: Any,
) -> http.client.HTTPConnection:
    """Make a connection that opens its socket by ``connect``."""
    connection = kind(*arguments, **options)
    connection._create_connection = connect  # type: ignore[attr-defined]  # there for this purpose
    return connection


class _Http(urllib.request.HTTPHandler):
    def __init__(self, limit: _Deadline) -> None:
        super().__init__()
        self._kind = partial(_connection, http.client.HTTPConnection, limit.connect)

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._kind, req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, limit: _Deadline) -> None:
        super().__init__()
        self._kind = partial(_connection, http.client.HTTPSConnection, limit.connect)

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(self._kind, req)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirections to web addresses, none to files."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if urlsplit(newurl).scheme.lower() not in _SCHEMES:
            fp.close()
            raise UserError(f"{req.full_url}: redirects to {newurl:.100}, which is not fetched")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _opener(limit: _Deadline) -> urllib.request.OpenerDirector:
    # Not build_opener, which adds readers of files, FTP and data.
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        _Http(limit),
        _Https(limit),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
        _Redirects(),
    ):
        opener.add_handler(handler)
    return opener
