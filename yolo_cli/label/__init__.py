"""``yolo label`` and ``yolo demo``: pages on this machine, to label on and to show a detector."""
