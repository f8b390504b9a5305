"""How fast networks are here: each backend has its own process, and all are measured in turn."""
