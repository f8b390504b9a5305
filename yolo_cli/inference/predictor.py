"""A network that is ready to run on pictures; what its output means is its task's business."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Generic, cast, overload

import torch
from PIL import Image
from torch import Tensor

from yolo_cli.data.transforms import stretch
from yolo_cli.inference.backends.backend import Backend
from yolo_cli.inference.backends.choose import load_backend
from yolo_cli.inference.items import Loaded
from yolo_cli.inference.memory import Picture, items_of
from yolo_cli.inference.pipeline import R, run_items
from yolo_cli.model.config import ModelConfig
from yolo_cli.tasks.result import Failure, Origin
from yolo_cli.tasks.task import task_of


class Predictor(Generic[R]):
    """A network that is ready to run on pictures; ``R`` is what its task makes of one.

    It can be pickled if :meth:`load` made it, and is read from its file again then. A process that
    was forked from the one that loaded it can use it on a CPU, with torch or ncnn, on one thread.

    Args:
        config: what the network is.
        backend: runs it.

    Attributes:
        task: what the network is for.
        classes: names that the labels of results index.
        image_size: pixels along each side of the network's input.
    """

    def __init__(self, config: ModelConfig, backend: Backend) -> None:
        self.config = config
        self.backend = backend
        self.task = task_of(config)
        self.classes = config.classes
        self.image_size = config.image_size
        self._process = os.getpid()
        self._loaded: dict[str, Any] | None = None

    @classmethod
    def load(
        cls,
        weights: str | os.PathLike[str] = "default",
        *,
        device: str = "auto",
        precision: str = "auto",
        backend: str = "auto",
        images: int | None = None,
        say: Callable[[str], None] | None = None,
    ) -> Predictor[R]:
        """Load a weights file or an export.

        Args:
            weights: ``default``, the name of other embedded weights, or the path of a weights
                file, an ONNX file, or an OpenVINO or ncnn folder.
            device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
            precision: ``auto``, ``fp32`` or ``bf16``.
            backend: ``auto``, ``torch``, ``ncnn``, ``onnx`` or ``openvino``.
            images: how many there will be, on which ``auto`` depends; None if it is not known.
            say: called with a line about what ``auto`` has measured, or what does not load.

        Raises:
            UserError: if the file is missing or damaged, or the device or backend not there.
        """
        name = os.fspath(weights)
        loaded = cls(
            *load_backend(
                name, backend=backend, device=device, precision=precision, images=images, say=say
            )
        )
        path = Path(name)
        kind = loaded.backend.precision
        loaded._loaded = {
            "weights": str(path.absolute()) if path.exists() else name,
            "device": device,
            "precision": precision if kind == "int8" else kind,
            "backend": loaded.backend.name,
        }
        return loaded

    def __reduce__(self) -> tuple[Any, ...]:
        if self._loaded is None:
            raise TypeError("only a network that was loaded from a file can be pickled")
        return _reload, (self._loaded,)

    def prepare(self, image: Image.Image) -> Tensor:
        """Return an upright RGB image as the network takes it: ``[3, S, S]`` uint8."""
        return stretch(image, self.image_size)

    def predict(
        self, inputs: Sequence[Tensor], sizes: Sequence[tuple[int, int]], thresholds: Any = None
    ) -> list[Any]:
        """Run the network on a batch.

        Args:
            inputs: prepared images.
            sizes: (width, height) of each upright image in pixels.
            thresholds: the task's, of what to keep; None for its defaults.

        Returns:
            What the task's ``decode`` makes of each image.

        Raises:
            RuntimeError: in a forked process that cannot use the backend.
        """
        if os.getpid() != self._process:
            self._after_fork()
        with torch.inference_mode():
            raw = self.backend(torch.stack(list(inputs)))
            return self.task.decode(raw, self.config, sizes, thresholds)

    def find(self, pictures: Sequence[tuple[Origin, Loaded]], thresholds: Any = None) -> list[R]:
        """Run the network on at least one picture that is ready for it."""
        loaded = [picture for _, picture in pictures]
        outputs = self.predict([p.input for p in loaded], [p.size for p in loaded], thresholds)
        return [
            cast(R, self.task.result(output, self.config, one.size, origin, one.image))
            for output, (origin, one) in zip(outputs, pictures, strict=True)
        ]

    @property
    def parallel(self) -> bool:
        """Whether several threads at once are faster than one."""
        return self.backend.parallel

    @overload
    def __call__(
        self, images: Picture, thresholds: Any = ..., *, batch: int = ..., **changes: Any
    ) -> R: ...

    @overload
    def __call__(
        self, images: Sequence[Picture], thresholds: Any = ..., *, batch: int = ..., **changes: Any
    ) -> list[R]: ...

    def __call__(
        self,
        images: Picture | Sequence[Picture],
        thresholds: Any = None,
        *,
        batch: int = 1,
        **changes: Any,
    ) -> R | list[R]:
        """Run the network on one picture or on several.

        Args:
            images: a path, an ``http(s)`` address, a PIL image (turned upright as its EXIF data
                says), an array ``[H, W]``, ``[H, W, 3]`` or ``[H, W, 4]`` in RGB order, a tensor
                ``[3, H, W]``, both uint8 or float in [0, 1]; or a list of such.
            thresholds: what to keep; None for the task's defaults.
            batch: images per forward pass.
            changes: of single thresholds: ``conf=0.4``, ``iou``, ``max_det``, ``vote``,
                ``agnostic``; ``classes="dog"`` or ``["dog", "person"]`` by name.

        Returns:
            One result; for a list a list of them, in its order.

        Raises:
            UserError: an image cannot be read, a value is beyond its range, or a name is no class.
            TypeError: what was given is no picture.
            ValueError: an array or tensor is no picture by its shape, type or values.
            RuntimeError: see :meth:`predict`.
        """
        if os.getpid() != self._process:
            self._after_fork()
        wanted = self.task.thresholds(self.config, changes, thresholds)
        items, alone = items_of(images)
        if alone:  # no threads for one picture
            item = items[0]
            return self.find([(item.origin, item.load(self.image_size, keep=True))], wanted)[0]
        results: list[R] = []
        for outcome in run_items(
            self, items, wanted, lambda one: one, batch=batch, keep_images=True, count=len(items)
        ):
            if isinstance(outcome, Failure):
                raise outcome.error
            results.append(outcome)
        return results

    def _after_fork(self) -> None:
        """Do without the threads of the other process, for which a forked one would wait forever.

        Raises:
            RuntimeError: the backend cannot do without.
        """
        if not self.backend.forkable:
            raise RuntimeError(
                f"a network that runs on {self.backend.name} cannot be used in a forked process: "
                "load it there, or start processes with multiprocessing's method 'spawn'"
            )
        torch.set_num_threads(1)
        self._process = os.getpid()


def _reload(arguments: dict[str, Any]) -> Predictor[Any]:
    """Load a pickled network."""
    return Predictor.load(**arguments)
