"""Other tools' detectors, to compare ours with where they are installed.

Neither is a dependency. Their weights are random, as nothing is downloaded: this changes
what they find, not how long the network takes. No module of this package is imported here, so
that a peer may live in an environment of its own.
"""

from __future__ import annotations

import io
from importlib import import_module
from typing import Any


class Ultralytics:
    """YOLOv8n by its own ``predict``, at ``imgsz`` of our size."""

    def __init__(self, image_size: int) -> None:
        import torch

        self.size = image_size
        self.model: Any = import_module("ultralytics").YOLO("yolov8n.yaml")
        self.facts = {"precision": "fp32", "model": "yolov8n", "threads": torch.get_num_threads()}
        self.torch: Any = torch

    def network(self, batch: int) -> None:
        """Run a forward pass, fused as in ``predict``."""
        images = self.torch.zeros(batch, 3, self.size, self.size)
        with self.torch.inference_mode():
            self.model.predictor.model(images)

    def photo(self, content: bytes) -> None:
        """Turn the content of one JPEG file into detections."""
        import numpy as np

        cv2: Any = import_module("cv2")
        image = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)
        self.model.predict(image, imgsz=self.size, verbose=False)

    def pipeline(self, paths: list[str], batch: int) -> None:
        """Turn image files into detections."""
        options = {"imgsz": self.size, "batch": batch, "stream": True, "verbose": False}
        for _ in self.model.predict(paths, **options):
            pass


class Torchvision:
    """SSDlite with MobileNetV3, at its own 320 pixels and one image after the other."""

    def __init__(self, image_size: int) -> None:
        import torch
        from torchvision.models.detection import ssdlite320_mobilenet_v3_large

        self.torch: Any = torch
        self.model: Any = ssdlite320_mobilenet_v3_large(
            weights=None, weights_backbone=None, score_thresh=0.25
        ).eval()
        self.facts = {"precision": "fp32", "model": "ssdlite320_mobilenet_v3_large"}

    def network(self, batch: int) -> None:
        """Run a forward pass, with what comes after it."""
        with self.torch.inference_mode():
            self.model([self.torch.zeros(3, 320, 320)] * batch)

    def photo(self, content: bytes) -> None:
        """Turn the content of one JPEG file into detections."""
        from PIL import Image
        from torchvision.transforms.v2 import functional

        image = functional.to_image(Image.open(io.BytesIO(content)).convert("RGB"))
        with self.torch.inference_mode():
            self.model([functional.to_dtype(image, self.torch.float32, scale=True)])

    def pipeline(self, paths: list[str], batch: int) -> None:
        """Turn image files into detections."""
        for path in paths:
            with open(path, "rb") as file:  # noqa: PTH123  # as the worker does
                self.photo(file.read())


PEERS: dict[str, Any] = {"ultralytics": Ultralytics, "torchvision": Torchvision}
