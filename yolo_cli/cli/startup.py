"""What makes the start of a command shorter."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def importing() -> Iterator[None]:
    """For imports of torch and what comes with it: a seventh of their time is spent on garbage.

    They make a million objects that stay until the process ends. They are not looked at while
    they are made, nor ever after. Where torch is there already, nothing is done.
    """
    if "torch" in sys.modules or not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
