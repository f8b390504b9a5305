"""Images from ``http(s)`` addresses, within limits of size and time."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO
from urllib.parse import unquote, urlsplit

import yolo_cli
from yolo_cli.errors import UserError

MAX_BYTES = 64 * 2**20
SILENCE = 15.0
"""Seconds without a byte after which the other end is given up."""

DEADLINE = 60.0
"""Seconds for all of an image."""

_CHUNK = 1 << 16
_SCHEMES = ("http", "https")


def is_address(source: str) -> bool:
    """Whether a source is an address rather than a path."""
    return source.lower().startswith(("http://", "https://"))


def file_name(address: str) -> str:
    """What a file from an address would be called: the last part of its path."""
    parts = urlsplit(address)
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
    request = urllib.request.Request(
        address, headers={"User-Agent": f"yolo-cli/{yolo_cli.__version__}"}
    )
    try:
        with _opener().open(request, timeout=SILENCE) as response, path.open("wb") as file:
            _copy(response, file, address)
    except urllib.error.HTTPError as error:
        error.close()
        reason = " ".join(str(error.reason).split())
        raise UserError(f"{address}: the server says {error.code} {reason}") from error
    except urllib.error.URLError as error:
        raise UserError(f"{address}: cannot be fetched: {error.reason}") from error
    except TimeoutError as error:
        raise UserError(f"{address}: no answer for {SILENCE:.0f} seconds") from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"{address}: cannot be fetched: {reason}") from error
    return path


def _copy(response: http.client.HTTPResponse, file: IO[bytes], address: str) -> None:
    too_large = UserError(
        f"{address}: more than {MAX_BYTES // 2**20} MB", "download it, and name the file"
    )
    expected = response.length
    if expected is not None and expected > MAX_BYTES:
        raise too_large
    end = time.monotonic() + DEADLINE
    size = 0
    while chunk := response.read1(_CHUNK):
        size += len(chunk)
        if size > MAX_BYTES:
            raise too_large
        if time.monotonic() > end:
            raise UserError(
                f"{address}: takes longer than {DEADLINE:.0f} seconds",
                "download it, and name the file",
            )
        file.write(chunk)
    if expected is not None and size < expected:
        raise UserError(f"{address}: the connection broke off after {size} of {expected} bytes")


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


def _opener() -> urllib.request.OpenerDirector:
    # Not build_opener, which adds readers of files, FTP and data.
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        urllib.request.HTTPHandler(),
        urllib.request.HTTPSHandler(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
        _Redirects(),
    ):
        opener.add_handler(handler)
    return opener
