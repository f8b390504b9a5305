"""The one code path from an image to its detections."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, overload

import torch
from PIL import Image
from torch import Tensor

from yolo_cli.data.transforms import stretch
from yolo_cli.inference.backends.backend import Backend
from yolo_cli.inference.backends.choose import load_backend
from yolo_cli.model.config import ModelConfig
from yolo_cli.tasks.detect.grid import Grid
from yolo_cli.tasks.detect.postprocess import Detection, postprocess
from yolo_cli.tasks.detect.result import Failure, Result
from yolo_cli.tasks.detect.thresholds import DETECT, Thresholds

if TYPE_CHECKING:
    from yolo_cli.inference.inputs import Picture


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
        images: int | None = None,
    ) -> Detector:
        """A detector from a weights file or an export.

        Args:
            weights: ``default``, the name of other embedded weights, or the path of a weights
                file, an ONNX file or an OpenVINO folder.
            device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
            precision: ``auto``, ``fp32`` or ``bf16``.
            backend: ``auto``, ``torch``, ``onnx`` or ``openvino``.
            images: how many there will be, on which ``auto`` depends; None for many.

        Raises:
            UserError: if the file is missing or damaged, or the device or backend not there.
        """
        return cls(
            *load_backend(
                weights, backend=backend, device=device, precision=precision, images=images
            )
        )

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

    @property
    def parallel(self) -> bool:
        """Whether several threads at once are faster than one: torch on the CPU."""
        device: torch.device | None = getattr(self.backend, "device", None)
        return self.backend.name == "torch" and device is not None and device.type == "cpu"

    @overload
    def __call__(
        self, images: Picture, thresholds: Thresholds = ..., *, batch: int = ..., **changes: Any
    ) -> Result: ...

    @overload
    def __call__(
        self,
        images: Sequence[Picture],
        thresholds: Thresholds = ...,
        *,
        batch: int = ...,
        **changes: Any,
    ) -> list[Result]: ...

    def __call__(
        self,
        images: Picture | Sequence[Picture],
        thresholds: Thresholds = DETECT,
        *,
        batch: int = 1,
        **changes: Any,
    ) -> Result | list[Result]:
        """Find the objects of one image or of several.

        Args:
            images: a path, a PIL image (turned upright as its EXIF data says), an array
                ``[H, W, 3]`` uint8 in RGB order, a tensor ``[3, H, W]`` uint8 or float in [0, 1];
                or a list of such.
            thresholds: what to keep.
            batch: images a forward pass.
            changes: of single thresholds: ``conf=0.4``, ``iou``, ``max_det``, ``vote``,
                ``agnostic``; ``classes=["dog"]`` by name.

        Returns:
            One result; for a list a list of them, in its order.

        Raises:
            UserError: an image cannot be read, or a name is no class.
            TypeError: what was given is no picture.
            ValueError: an array or tensor is no picture by its shape, type or values.
        """
        from yolo_cli.inference.inputs import items_of
        from yolo_cli.inference.pipeline import detect_items, find_in
        from yolo_cli.tasks.detect.classes import class_indices

        if isinstance(names := changes.get("classes"), list | tuple) and names:
            changes["classes"] = class_indices(",".join(map(str, names)), self.classes)
        wanted = replace(thresholds, **changes)
        items, alone = items_of(images)
        if alone:  # no threads for one picture
            item = items[0]
            loaded = item.load(self.image_size, keep=True)
            return find_in(self, [(item.origin, loaded)], wanted)[0]
        results: list[Result] = []
        for outcome in detect_items(
            self,
            items,
            wanted,
            lambda result: result,
            batch=batch,
            keep_images=True,
            count=len(items),
        ):
            if isinstance(outcome, Failure):
                raise outcome.error
            results.append(outcome)
        return results
