"""Readers of the detections that this or another tool has written."""

from __future__ import annotations

from yolo_cli.evaluation.results.read import DetectionArrays, detections_of, read_detections

__all__ = ["DetectionArrays", "detections_of", "read_detections"]
