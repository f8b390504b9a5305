"""The predictor whose results are detections."""

from __future__ import annotations

from typing import TypeAlias

from yolo_cli.inference.predictor import Predictor
from yolo_cli.tasks.detect.result import DetectResult

Detector: TypeAlias = Predictor[DetectResult]
