"""A time budget: how fast this machine is, and what fits."""
