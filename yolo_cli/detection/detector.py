"""The one code path from an image to its detections."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor

from yolo_cli.data.transforms import stretch
from yolo_cli.detection.backends.backend import Backend
from yolo_cli.detection.backends.choose import load_backend
from yolo_cli.model.config import ModelConfig
from yolo_cli.model.grid import Grid
from yolo_cli.model.postprocess import Detection, postprocess
from yolo_cli.model.thresholds import DETECT, Thresholds


class Detector:
    """A network that is ready to find objects.

    Args:
        config: what the network is.
        backend: runs it.

    Attributes:
        classes: names that the labels of detections index.
    """

    def __init__(self, config: ModelConfig, backend: Backend) -> None:
        self.config = config
        self.backend = backend
        self.grid = Grid.of(config)
        self.classes = config.classes
        self.image_size = config.image_size

    @classmethod
    def load(
        cls,
        weights: str = "default",
        *,
        device: str = "auto",
        precision: str = "auto",
        backend: str = "auto",
    ) -> Detector:
        """A detector from a weights file or an export.

        Args:
            weights: ``default``, the name of other embedded weights, or the path of a weights
                file, an ONNX file or an OpenVINO folder.
            device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
            precision: ``auto``, ``fp32`` or ``bf16``.
            backend: ``auto``, ``torch``, ``onnx`` or ``openvino``.

        Raises:
            UserError: if the file is missing or damaged, or the device or backend not there.
        """
        return cls(*load_backend(weights, backend=backend, device=device, precision=precision))

    def prepare(self, image: Image.Image) -> Tensor:
        """An upright RGB image as the network takes it: ``[3, S, S]`` uint8."""
        return stretch(image, self.image_size)

    def detect(
        self,
        inputs: Sequence[Tensor],
        sizes: Sequence[tuple[int, int]],
        thresholds: Thresholds = DETECT,
    ) -> list[Detection]:
        """Find the objects of a batch.

        Args:
            inputs: prepared images.
            sizes: (width, height) of each upright image in pixels.
            thresholds: what to keep.
        """
        with torch.inference_mode():
            raw = self.backend(torch.stack(list(inputs)))
            return postprocess(raw, self.grid, sizes, thresholds)

    def __call__(self, image: Image.Image, thresholds: Thresholds = DETECT) -> Detection:
        """Find the objects of one upright RGB image."""
        return self.detect([self.prepare(image)], [image.size], thresholds)[0]
