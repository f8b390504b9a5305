"""Settings of every test."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

# One thread for torch, before it is imported, and for what tests start: as many workers as cores
# run at once, and networks as small as the tests' are slower on more.
os.environ["OMP_NUM_THREADS"] = "1"


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep tests out of the user's cache, and what is measured there out of tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(autouse=True)
def _interruptible() -> None:
    """Let Ctrl-C raise in each test, and reach what it starts.

    A shell's background job ignores it, and so do its children.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
