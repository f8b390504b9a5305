"""How fast networks are here: every backend in a process of its own, all measured in turns."""
