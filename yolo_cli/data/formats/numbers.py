"""Numbers as they are written into label files."""

from __future__ import annotations

_DECIMALS = 9  # of a pixel: what is behind them is the rounding of floating-point numbers


def plain(value: float) -> int | float:
    """Return a number without the noise of floating point: 33.00000000000001 is 33."""
    rounded = round(float(value), _DECIMALS)
    return int(rounded) if rounded.is_integer() else rounded
