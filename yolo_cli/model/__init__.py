"""The network, the YOLOv1 grid and its loss."""
