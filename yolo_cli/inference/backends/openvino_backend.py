"""Networks run by OpenVINO on the CPU."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from yolo_cli.errors import ExitCode, UserError
from yolo_cli.inference.backends.backend import BackendName, Precision
from yolo_cli.inference.backends.description import Description
from yolo_cli.inference.backends.graph import INPUT, RAW, metadata, to_onnx
from yolo_cli.inference.backends.shapes import check_shapes, run_in_parts
from yolo_cli.model.network import Network
from yolo_cli.model.runtime import runs_bf16
from yolo_cli.optional import optional

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

SECTION = "yolo_cli"  # of the model's runtime info, which holds our metadata
FILE = "model.xml"  # in the folder of an export


class OpenVinoBackend:
    """A network in OpenVINO.

    Args:
        model: of OpenVINO, with our metadata in its runtime info.
        precision: of what is not quantised.
        name: that errors call it.
        profile: measure each layer.

    Attributes:
        description: what the model says of itself.

    Raises:
        UserError: the model is no export of ours, or cannot be run here.
    """

    name: BackendName = "openvino"
    parallel = forkable = False

    def __init__(
        self, model: Any, precision: torch.dtype, name: Path | str, *, profile: bool = False
    ) -> None:
        openvino = optional("openvino", "openvino")
        self.description = Description.read(Path(name), metadata_of(model))
        half = precision == torch.bfloat16 and runs_bf16()
        if precision == torch.bfloat16 and not (half or self.description.int8):
            # OpenVINO itself would compute in float32 without a word.
            raise UserError(
                "--precision bf16: OpenVINO cannot compute in it on this processor",
                "use --precision fp32",
                ExitCode.USAGE,
            )
        floats: Precision = "bf16" if half else "fp32"
        self.precision: Precision = "int8" if self.description.int8 else floats
        inputs = {one.get_any_name(): _shape(one) for one in model.inputs}
        outputs = {one.get_any_name(): _shape(one) for one in model.outputs}
        self.batch = check_shapes(
            name, self.description.config, inputs.get(INPUT, ()), outputs.get(RAW)
        )
        settings = {
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "bf16" if half else "f32",
            "INFERENCE_NUM_THREADS": torch.get_num_threads(),
            "PERF_COUNT": profile,
        }
        try:
            self.request = _compile(openvino, model, settings)
        except RuntimeError as error:
            reason = " ".join(str(error).split())
            raise UserError(f"{name}: OpenVINO cannot run it ({reason:.120})") from error

    @classmethod
    def of(
        cls, network: Network, precision: torch.dtype, *, profile: bool = False
    ) -> OpenVinoBackend:
        """Compile a network that is in memory."""
        content = to_onnx(network, {}).SerializeToString()
        model = optional("openvino", "openvino").Core().read_model(content)
        describe(model, metadata(network.config, {}))
        return cls(model, precision, "the network", profile=profile)

    @classmethod
    def read(cls, path: Path, precision: torch.dtype) -> OpenVinoBackend:
        """Read a model from an export's folder, its ``.xml`` file, or an ONNX file."""
        openvino = optional("openvino", "openvino")
        try:
            model = openvino.Core().read_model(str(model_file(path)))
        except RuntimeError as error:
            reason = " ".join(str(error).split())
            raise UserError(f"{path}: OpenVINO cannot read it ({reason:.120})") from error
        if path.suffix == ".onnx":
            describe(model, _onnx_metadata(path))
        return cls(model, precision, path)

    def __call__(self, images: Tensor) -> Tensor:
        """Run the network, see :class:`~yolo_cli.inference.backends.backend.Backend`."""
        return run_in_parts(self._run, self.batch, images)

    def _run(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        result: npt.NDArray[np.float32] = self.request({INPUT: images})[RAW]
        return result

    def outputs(self, images: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[Any]]:
        """Return all outputs of one run by their names."""
        result = self.request({INPUT: images})
        return {port.get_any_name(): values for port, values in result.items()}


def _compile(openvino: Any, model: Any, settings: dict[str, Any]) -> Any:
    """Compile a model in a thread that ends with it.

    On processors with AMX OpenVINO gives the thread that it is loaded in another stack for signal
    handlers, and frees it where the model is dropped. Where that happens in another thread, the
    next signal, such as Ctrl-C, would crash the first (seen with 2026.4).
    """
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: openvino.Core().compile_model(model, "CPU", settings)).result()


def model_file(path: Path) -> Path:
    """Return the ``.xml`` file of an export's folder; other paths as they are."""
    return path / FILE if path.is_dir() else path


def describe(model: Any, values: dict[str, str]) -> None:
    """Put metadata into a model's runtime info."""
    for key, value in values.items():
        model.set_rt_info(value, [SECTION, key])


def metadata_of(model: Any) -> dict[str, str]:
    """Return what :func:`describe` has put there."""
    if not model.has_rt_info([SECTION]):
        return {}
    return {key: str(value) for key, value in model.get_rt_info([SECTION]).value.items()}


def _onnx_metadata(path: Path) -> dict[str, str]:
    """Read the metadata of an ONNX file, which OpenVINO leaves out."""
    onnx = optional("onnx", "onnx")
    model = onnx.load(path, load_external_data=False)
    return {one.key: one.value for one in model.metadata_props}


def _shape(port: Any) -> list[int | None]:
    return [None if side.is_dynamic else side.get_length() for side in port.get_partial_shape()]
