"""YOLOv1 on the command line: train, detect and evaluate."""

__version__ = "0.1.0"
