"""From an image to detections, and from detections to pictures and files."""
