"""A network as the table of a lecture: a row for each layer that computes something of its own.

Normalisation, activation and dropout belong to the layer before them. A layer's name tells its
block, so that ``--freeze 2`` keeps ``conv1_1`` to ``pool2``.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn

from yolo_cli.errors import ExitCode, UserError
from yolo_cli.model.local import Local
from yolo_cli.model.network import Network
from yolo_cli.model.summary import flops_of

Forward: TypeAlias = Callable[[nn.Module, tuple[Tensor, ...], Tensor], None]
"""What torch calls after a module has run: the module, its inputs, its output."""

BACKBONE = "features"
CONNECTED = "connected"


@dataclass(frozen=True)
class Row:
    """A layer, with what follows it up to the next one.

    Attributes:
        name: ``conv2_1`` is the first convolution of the second block, ``pool2`` ends it; in the
            head ``head.conv1``, ``head.fc1``, and ``output``.
        module: the last of its modules by its name in the state dict: the one whose output counts.
        kernel: ``3×3``, ``max 2×2``, ``connected``.
        stride: of the kernel; 0 for a layer that looks at the whole map.
        shape: of the output for one image, without the batch axis.
        parameters: how many numbers it has learned, its normalisation's among them.
        flops: floating-point operations for one image; a multiplication and an addition are two.
        field: pixels of the input, along each side, that one value depends on; 0 for all of them.
    """

    name: str
    module: str
    kernel: str
    stride: int
    shape: tuple[int, ...]
    parameters: int
    flops: int
    field: int

    @property
    def connected(self) -> bool:
        """Whether each output has a weight for every input."""
        return self.kernel == CONNECTED


def tabulate(network: nn.Module, side: int) -> list[Row]:
    """List the layers of a network in the order of the forward pass.

    Args:
        network: best on torch's meta device, where nothing is computed. It takes uint8 images if it
            is a :class:`Network`, else floats.
        side: pixels along each side of its input.
    """
    recorder = _Recorder(_blocks(network))
    network.eval()
    device = next(network.parameters()).device
    dtype = torch.uint8 if isinstance(network, Network) else torch.float32
    with hooked(network, recorder.see):
        network(torch.empty(1, 3, side, side, dtype=dtype, device=device))
    rows = recorder.rows
    return [*rows[:-1], replace(rows[-1], name="output")]


def find_row(rows: Sequence[Row], layer: str) -> int:
    """Return the index of the layer that a user names, by its number from 1 or by its name.

    Raises:
        UserError: if there is none.
    """
    names = [row.name for row in rows]
    if layer in names:
        return names.index(layer)
    if re.fullmatch(r"-?\d+", layer):
        if 1 <= int(layer) <= len(rows):
            return int(layer) - 1
        raise UserError(
            f"--layer {layer:.20}: the network has {len(rows)} layers",
            f"1 is {names[0]}, {len(rows)} is the {names[-1]}",
            ExitCode.USAGE,
        )
    near = get_close_matches(layer, names, n=len(names))
    block, _, _ = layer.partition("_")
    near.sort(key=lambda name: not name.startswith(block))
    hint = f"did you mean {', '.join(near[:3])}?" if near else f"the layers are {', '.join(names)}"
    raise UserError(f"--layer {layer:.50}: there is no such layer", hint, ExitCode.USAGE)


@contextmanager
def hooked(network: nn.Module, see: Callable[[str], Forward]) -> Iterator[None]:
    """Have a function called after each innermost module of a network has run.

    Args:
        network: the modules.
        see: returns the function for a module's name.
    """
    modules = [(name, m) for name, m in network.named_modules() if not list(m.children())]
    hooks = [module.register_forward_hook(_first(see(name))) for name, module in modules]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def _first(function: Forward) -> Callable[[nn.Module, Any, Any], None]:
    """Have a function get the values alone of a pooling that says where the largest were."""

    def call(module: nn.Module, inputs: Any, output: Any) -> None:
        function(module, inputs, output[0] if isinstance(output, tuple) else output)

    return call


def _blocks(network: nn.Module) -> dict[str, int]:
    """Number the blocks of the backbone's modules from 1: a pooling is the last of its own."""
    number = 1
    blocks = {}
    for name, module in network.named_modules():
        if BACKBONE in name.split(".") and not list(module.children()):
            blocks[name] = number
            number += isinstance(module, nn.MaxPool2d)
    return blocks


class _Recorder:
    """Collects the rows during a forward pass.

    A layer of kernel k on a map whose values are ``step`` pixels apart sees k - 1 of those steps
    more than the layer before it; its stride then makes the steps larger.
    """

    def __init__(self, blocks: dict[str, int]) -> None:
        self.rows: list[Row] = []
        self._blocks = blocks
        self._counts: Counter[str] = Counter()
        self._field, self._step = 1, 1.0

    def see(self, name: str) -> Forward:
        """Return what is called after the module of a name has run."""

        def record(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
            parameters = sum(p.numel() for p in module.parameters())
            kernel = _kernel(module) or _enlarging(module, inputs[0], output)
            if kernel is None:
                if self.rows:  # what precedes the first layer is no layer's
                    self._extend(name, parameters, output)
                return
            self._see_further(kernel)
            row = Row(
                name=self._name(kernel.kind, name),
                module=name,
                kernel=kernel.text,
                stride=math.ceil(kernel.stride),
                shape=tuple(output.shape[1:]),
                parameters=parameters,
                flops=flops_of(module, output),
                field=self._field,
            )
            self.rows.append(row)

        return record

    def _extend(self, name: str, parameters: int, output: Tensor) -> None:
        last = self.rows[-1]
        same = tuple(output.shape[1:]) == last.shape  # flattening makes another shape of it
        self.rows[-1] = replace(
            last,
            module=name if same else last.module,
            parameters=last.parameters + parameters,
        )

    def _see_further(self, kernel: _Kernel) -> None:
        if not kernel.stride:
            self._field = 0
        elif self._field:
            self._field += round((kernel.size - 1) * self._step)
            self._step *= kernel.stride

    def _name(self, kind: str, module: str) -> str:
        block = self._blocks.get(module)
        if block is None:
            self._counts[kind] += 1
            return f"head.{kind}{self._counts[kind]}"
        if kind == "pool":
            return f"pool{block}"
        self._counts[f"{block}"] += 1
        return f"{kind}{block}_{self._counts[f'{block}']}"


class _Kernel(NamedTuple):
    """What a layer does.

    Attributes:
        kind: in a layer's name.
        text: in a table.
        size: along each side, in values of its input; 0 for all of them.
        stride: in values of its input; 0 if the result has no places.
    """

    kind: str
    text: str
    size: int
    stride: float


def _kernel(module: nn.Module) -> _Kernel | None:
    """Return what a layer does; None for what belongs to the layer before it."""
    if isinstance(module, nn.Conv2d):
        size = module.kernel_size[0]
        return _Kernel("conv", f"{size}×{size}", size, module.stride[0])
    if isinstance(module, nn.ConvTranspose2d):
        size, factor = module.kernel_size[0], module.stride[0]
        return _Kernel("up", f"{size}×{size}, ×{factor}", math.ceil(size / factor), 1 / factor)
    if isinstance(module, nn.MaxPool2d):
        size, stride = _one(module.kernel_size), _one(module.stride)
        return _Kernel("pool", f"max {size}×{size}", size, stride)
    if isinstance(module, Local):
        return _Kernel("local", f"local {module.size}×{module.size}", module.size, module.stride)
    if isinstance(module, nn.AdaptiveAvgPool2d):
        return _Kernel("mean", "mean", 0, 0)
    if isinstance(module, nn.Linear):
        return _Kernel("fc", CONNECTED, 0, 0)
    return None


def _enlarging(module: nn.Module, before: Tensor, after: Tensor) -> _Kernel | None:
    """Return what a task's own module does, if that is making maps larger."""
    if before.dim() != 4 or after.dim() != 4 or after.shape[-1] <= before.shape[-1]:
        return None
    factor = after.shape[-1] // before.shape[-1]
    text = str(getattr(module, "kind", type(module).__name__.lower()))
    # A value in between is one of two, interpolated, or of one.
    return _Kernel("up", f"{text} ×{factor}", 2 if text == "bilinear" else 1, 1 / factor)


def _one(size: int | tuple[int, ...]) -> int:
    return size if isinstance(size, int) else size[0]
