"""Networks of every task: built from a configuration, or read from a weights file."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from yolo_cli.errors import ExitCode, UserError
from yolo_cli.model.config import ModelConfig
from yolo_cli.model.network import Network
from yolo_cli.model.weights import BACKBONE, Weights, read_weights
from yolo_cli.tasks.task import task_of


class _Undrawn(TorchFunctionMode):
    """Draws no random numbers, which tensors on the meta device have no place for.

    To do it there nevertheless, torch would import its compiler, which takes seconds.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        """Call what is no drawing of numbers."""
        named = kwargs or {}
        if func in _DRAWING or getattr(func, "__module__", None) == nn.init.__name__:
            return args[0] if args else named["tensor"]
        return func(*args, **named)


_DRAWING = (Tensor.normal_, Tensor.uniform_)


def build_network(config: ModelConfig) -> Network:
    """Build a network with random weights, in float32 on the default device.

    Raises:
        UserError: for a task that this version does not know, or a head that it does not have.
    """
    task = task_of(config)
    if config.head not in task.heads:
        raise UserError(
            f"--head {config.head}: there is none to {task.name}",
            f"choose {' or '.join(task.heads)}",
            ExitCode.USAGE,
        )
    return Network(config, task.build_head)


def shapes_of(config: ModelConfig) -> Network:
    """Build a network on torch's meta device, which knows the shapes and has no numbers."""
    with torch.device("meta"), _Undrawn():
        return build_network(config)


def load_weights(path: Path, *, part: bool = False) -> Weights:
    """Read a weights file whose tensors are those of the network that it names.

    Args:
        path: of the file.
        part: whether a backbone alone will do.

    Raises:
        UserError: as of :func:`yolo_cli.model.weights.read_weights`, or for tensors that do not
            fit, or are no finite numbers.
    """
    weights = read_weights(path)
    if weights.backbone_alone and not part:
        raise UserError(
            f"{path}: a backbone alone, without a head",
            f"train one on it: yolo train DATA --weights {path}",
        )
    try:
        _check_fit(weights.config, weights.tensors, part=weights.backbone_alone)
    except UserError as error:
        raise UserError(f"{path}: {error.message}", error.hint) from error
    return weights


def network_of(weights: Weights) -> Network:
    """Build a network with these weights, in float32 on the CPU.

    Raises:
        UserError: if the tensors do not fit the architecture that the file names.
    """
    # Without memory of its own at first: random numbers take longer than reading the file.
    network = shapes_of(weights.config)
    own = network.state_dict()
    tensors = {n: t.to(own[n].dtype) if n in own else t for n, t in weights.tensors.items()}
    try:
        network.load_state_dict(tensors, assign=True)
    except RuntimeError as error:
        raise _unfit(error) from error
    network.place_preprocessing(torch.device("cpu"))
    return network


def _unfit(error: RuntimeError) -> UserError:
    last = str(error).strip().splitlines()[-1].strip()
    return UserError(f"the weights do not fit the architecture that they name: {last}")


def _check_fit(config: ModelConfig, tensors: Mapping[str, Tensor], *, part: bool) -> None:
    """Refuse tensors that the network, or its backbone, cannot work with.

    Shapes are compared on torch's meta device, before any memory is taken.
    """
    try:
        with torch.device("meta"):
            empty = {name: torch.empty(tensor.shape) for name, tensor in tensors.items()}
            network = shapes_of(config)
            if part:
                head = {n: t for n, t in network.state_dict().items() if not n.startswith(BACKBONE)}
                empty = head | {n: one for n, one in empty.items() if n.startswith(BACKBONE)}
            network.load_state_dict(empty)  # what is not in it is made there, too
    except RuntimeError as error:
        raise _unfit(error) from error
    for name, tensor in tensors.items():
        if tensor.is_complex() or not _is_finite(tensor):
            raise UserError(
                f"the weights are of no use: {name} has values that are no finite numbers",
                "take the weights of an earlier epoch, or train with a lower --lr",
            )


def _is_finite(tensor: Tensor) -> bool:
    """Check that all values are finite, in a twentieth of the time of ``isfinite().all()``."""
    if tensor.numel() and tensor.dtype in (torch.float16, torch.float32, torch.float64):
        tensor = torch.stack(torch.aminmax(tensor))  # NaN wins
    return bool(tensor.isfinite().all())
