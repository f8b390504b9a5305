"""The one code path from an image to its detections."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from PIL import Image
from torch import Tensor

from yolo_cli.data.transforms import stretch
from yolo_cli.model.grid import Grid
from yolo_cli.model.network import Network
from yolo_cli.model.postprocess import Detection, postprocess
from yolo_cli.model.runtime import pick_device, pick_dtype
from yolo_cli.model.thresholds import DETECT, Thresholds
from yolo_cli.model.weights import load_weights, weights_path


class Detector:
    """A network that is ready to find objects.

    Args:
        network: float32 on the CPU; it is converted in place.
        device: where it runs.
        dtype: precision of its convolutions.

    Attributes:
        classes: names that the labels of detections index.
    """

    def __init__(self, network: Network, device: torch.device, dtype: torch.dtype) -> None:
        self.network = network.to_inference(dtype, device)
        self.device = device
        self.grid = Grid.of(network.config)
        self.classes = network.config.classes
        self.image_size = network.config.image_size

    @classmethod
    def load(
        cls, weights: str = "default", *, device: str = "auto", precision: str = "auto"
    ) -> Detector:
        """A detector from a weights file.

        Args:
            weights: ``default``, the name of other embedded weights, or a path.
            device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
            precision: ``auto``, ``fp32`` or ``bf16``.

        Raises:
            UserError: if the file is missing or damaged, or the device not there.
        """
        place = pick_device(device)
        network = load_weights(weights_path(weights)).network()
        return cls(network, place, pick_dtype(precision, place))

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
            batch = torch.stack(list(inputs)).to(self.device)
            raw = self.network(batch.contiguous(memory_format=torch.channels_last))
            return postprocess(raw, self.grid, sizes, thresholds)

    def __call__(self, image: Image.Image, thresholds: Thresholds = DETECT) -> Detection:
        """Find the objects of one upright RGB image."""
        return self.detect([self.prepare(image)], [image.size], thresholds)[0]
