"""Scores from detections; no model inside."""
