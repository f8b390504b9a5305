"""Object detection with a YOLOv1 grid: head, loss, decoding, scoring, results."""
