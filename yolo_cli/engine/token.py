"""The token of a cluster of Ray: whether it asks for one, and letting Ray here show it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

MODE, TOKEN, TOKEN_PATH = "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"
_PATIENCE = 30
"""Seconds for Ray's own command; it imports Ray, and waits for the cluster."""


def asks_for_token(error: str) -> bool:
    """Whether that is what Ray's error says."""
    return "AuthToken" in error


def show_token(address: str) -> None:
    """Let Ray, which is imported later, show the token that this machine has, if it is asked for.

    Of Ray 2.60 each program that starts Ray leaves a token in the home folder, and from then on
    ``ray start`` asks for it. A program that joins shows it only where the environment says so.

    Args:
        address: of the cluster, ``HOST:PORT`` or ``auto``.
    """
    if "ray" in sys.modules or MODE in os.environ or not _has_token():
        return
    where = [] if address == "auto" else ["--address", address]
    try:
        status = subprocess.run(
            [sys.executable, "-m", "ray.scripts.scripts", "status", *where],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=_PATIENCE,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return  # joining says more
    if asks_for_token(status.stdout + status.stderr):
        os.environ[MODE] = "token"


def _has_token() -> bool:
    return TOKEN in os.environ or _file().is_file()


def _file() -> Path:
    return Path(os.environ.get(TOKEN_PATH) or Path.home() / ".ray" / "auth_token")
