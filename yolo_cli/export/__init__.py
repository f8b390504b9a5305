"""Networks for other runtimes, each held against torch before it is handed over."""
