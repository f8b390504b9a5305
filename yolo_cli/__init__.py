"""YOLOv1 on the command line and in Python: train, detect and evaluate.

>>> from yolo_cli import load
>>> detector = load()
>>> result = detector("photo.jpg")
>>> result.plot().save("found.jpg")
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from yolo_cli.version import __version__

if TYPE_CHECKING:
    from yolo_cli.inference.detector import Detector

__all__ = ["__version__", "load"]


def load(
    weights: str = "default",
    *,
    device: str = "auto",
    precision: str = "auto",
    backend: str = "auto",
) -> Detector:
    """Load a detector, ready to be called with pictures.

    Args:
        weights: ``default``, the name of other embedded weights, or the path of a weights
            file or an export.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:1``, ``mps``.
        precision: ``auto``, ``fp32`` or ``bf16``.
        backend: ``auto``, ``torch``, ``ncnn``, ``onnx`` or ``openvino``.

    Raises:
        UserError: if the file is missing or damaged, or the device or backend not there.
    """
    # Not at the top: torch takes seconds to import, and the command line imports this package.
    from yolo_cli.inference.detector import Detector

    return Detector.load(weights, device=device, precision=precision, backend=backend)
