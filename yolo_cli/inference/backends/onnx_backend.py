"""Networks run by ONNX Runtime on the CPU."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from yolo_cli.errors import UserError
from yolo_cli.inference.backends.backend import BackendName, Precision
from yolo_cli.inference.backends.description import Description
from yolo_cli.inference.backends.graph import INPUT, RAW, to_onnx
from yolo_cli.inference.backends.shapes import check_shapes, run_in_parts
from yolo_cli.model.network import Network
from yolo_cli.optional import optional

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

SILENT = 4  # ONNX Runtime's own log: what matters arrives as an exception


class OnnxBackend:
    """A network in ONNX Runtime.

    Args:
        model: an ONNX file, or one's content.
        name: that errors call it.

    Attributes:
        description: what the file says of itself.

    Raises:
        UserError: onnxruntime is not installed; the file cannot be read, or is no export of ours.
    """

    name: BackendName = "onnx"
    parallel = forkable = False

    def __init__(self, model: Path | bytes, name: Path | str) -> None:
        runtime = optional("onnxruntime", "onnx")
        options = runtime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = SILENT
        # Between two images the cores are for those who decode the next one.
        options.add_session_config_entry("session.force_spinning_stop", "1")
        try:
            self.session = runtime.InferenceSession(
                str(model) if isinstance(model, Path) else model,
                options,
                providers=["CPUExecutionProvider"],
            )
        except Exception as error:  # of classes that only its binary knows
            reason = " ".join(str(error).split())
            raise UserError(f"{name}: not a readable ONNX file ({reason:.120})") from error
        written = self.session.get_modelmeta().custom_metadata_map
        self.description = Description.read(Path(name), written)
        self.precision: Precision = "int8" if self.description.int8 else "fp32"
        inputs = {one.name: _shape(one.shape) for one in self.session.get_inputs()}
        outputs = {one.name: _shape(one.shape) for one in self.session.get_outputs()}
        self.batch = check_shapes(
            name, self.description.config, inputs.get(INPUT, ()), outputs.get(RAW)
        )

    @classmethod
    def of(cls, network: Network) -> OnnxBackend:
        """Load a network that is in memory."""
        return cls(to_onnx(network, {}, dynamic=True).SerializeToString(), "the network")

    def __call__(self, images: Tensor) -> Tensor:
        """Run the network, see :class:`~yolo_cli.inference.backends.backend.Backend`."""
        return run_in_parts(self._run, self.batch, images)

    def _run(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        result: npt.NDArray[np.float32] = self.session.run([RAW], {INPUT: images})[0]
        return result

    def outputs(self, images: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[Any]]:
        """Return all outputs of one run by their names."""
        names = [one.name for one in self.session.get_outputs()]
        return dict(zip(names, self.session.run(names, {INPUT: images}), strict=True))


def _shape(shape: list[Any]) -> list[int | None]:
    """Return a shape; None for axes of any length, which ONNX names."""
    return [side if isinstance(side, int) else None for side in shape]
