"""Runs a page's server on this machine until Ctrl-C."""

from __future__ import annotations

import socket
import webbrowser
from collections.abc import Callable
from contextlib import suppress

import uvicorn
from starlette.types import ASGIApp

from yolo_cli.errors import ExitCode, UserError
from yolo_cli.label.guard import HOST, Guard, new_token

TRIES = 50  # ports from the one that is asked for


def free_port(wanted: int) -> socket.socket:
    """Return a socket that listens on a port of this machine alone, or on the next that is free.

    Raises:
        UserError: none of them is.
    """
    for port in range(wanted, min(wanted + TRIES, 65536)):
        found = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            found.bind((HOST, port))
            found.listen(128)
        except OSError:
            found.close()
            continue
        return found
    raise UserError(
        f"--port {wanted}: neither this port nor any of the next {TRIES - 1} is free",
        "name another one",
        ExitCode.USAGE,
    )


def serve(app: ASGIApp, port: int, ready: Callable[[str], None], *, browser: bool) -> None:
    """Serve a page until Ctrl-C.

    Args:
        app: answers the requests.
        port: to listen on, else the next that is free; 0 for any.
        ready: called with the address once it answers.
        browser: open it there.

    Raises:
        UserError: no port is free.
    """
    listening = free_port(port)
    taken = listening.getsockname()[1]
    token = new_token()
    address = f"http://{HOST}:{taken}/{token}/"
    config = uvicorn.Config(
        Guard(app, token, taken),
        log_level="critical",
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=2,
    )
    ready(address)
    if browser:
        with suppress(webbrowser.Error):
            webbrowser.open(address)
    with listening, suppress(KeyboardInterrupt):  # its only end
        uvicorn.Server(config).run(sockets=[listening])
