"""What a task says of networks that are written for other runtimes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from torch import Tensor

from yolo_cli.model.config import ModelConfig

if TYPE_CHECKING:
    import numpy.typing as npt
    import onnx


class Deviation(Protocol):
    """How far an export is from torch."""

    @property
    def passed(self) -> bool:
        """Whether it is within the tolerance."""

    def summary(self, side: int) -> str:
        """Return one line for people; ``side`` is the pixels along each side of the input."""

    def to_json(self) -> dict[str, object]:
        """Return plain values for ``json``."""


class ExportTask(Protocol):
    """The part of a task that exports use."""

    def add_results(
        self, model: onnx.ModelProto, raw: str, config: ModelConfig, thresholds: Any
    ) -> None:
        """Give an ONNX model the results as outputs, beside the raw one.

        Args:
            model: changed in place.
            raw: name of its raw output.
            config: of the network.
            thresholds: of the task: which results are kept.
        """

    def compare_raw(
        self, config: ModelConfig, expected: Tensor, found: Tensor, *, int8: bool
    ) -> Deviation:
        """Compare raw outputs of an export with those of torch in float32.

        Args:
            config: of the network.
            expected: of torch.
            found: of the export.
            int8: whether the export multiplies in eight bits, and may differ by more.
        """

    def agree(self, config: ModelConfig, expected: Tensor, found: Tensor) -> bool:
        """Return whether two runtimes find the same in all that matters to people.

        Args:
            config: of the network.
            expected: raw output of torch in float32.
            found: raw output of another runtime, for the same images.
        """

    def compare_results(
        self,
        config: ModelConfig,
        raw: Tensor,
        outputs: Sequence[Mapping[str, npt.NDArray[Any]]],
        thresholds: Any,
    ) -> Deviation:
        """Compare the results in an export's outputs with ours from the same raw outputs.

        Args:
            config: of the network.
            raw: the export's own, one for each image.
            outputs: all outputs of the export by name, for one image each.
            thresholds: as given to :meth:`add_results`.
        """
