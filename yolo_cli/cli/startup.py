"""What makes a command faster before it has begun."""

from __future__ import annotations

import gc
import os
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


def use_large_pages() -> None:
    """Let torch, which is imported later, take memory in large pages where Linux has them.

    A layer of VGG-16 asks for dozens of megabytes and gives them back, and the kernel clears them
    each time, page by page: of 4 kB, that is a fifth of a pass's time and more.
    """
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")


# M_…, from glibc's malloc.h.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4


def keep_memory() -> None:
    """Let glibc keep the memory that is given back, for the next step of a training.

    A step asks for gigabytes, and always for the same. By default glibc maps each large piece from
    the kernel and unmaps it again, so that all of it is cleared in every step: a sixth of a
    detector's step and more of a segmenter's. Other systems stay as they are.
    """
    if sys.platform != "linux":
        return
    import ctypes

    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:  # another C library
        return
    for parameter, value in ((_TRIM_THRESHOLD, -1), (_MMAP_MAX, 0), (_TOP_PAD, 2**26)):
        mallopt(parameter, value)
