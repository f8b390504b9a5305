"""Settings of every test."""

from __future__ import annotations

import os

# One thread for torch, before it is imported, and for what tests start: as many workers as cores
# run at once, and networks as small as the tests' are slower on more.
os.environ["OMP_NUM_THREADS"] = "1"
