"""Networks for other runtimes, each compared with torch before it is kept."""
