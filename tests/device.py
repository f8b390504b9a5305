"""A second device without its hardware: tensors that say they are elsewhere, computed on the CPU.

As on a graphics card, an operation on tensors of both devices fails.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from importlib import import_module
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map_only

# A name that torch has for a kind of device that it does not bring: nothing of its own runs there.
ELSEWHERE = torch.device("lazy", 0)
# These take tensors of both devices.
MIXED = {"_to_copy", "copy_", "index", "index_put", "index_put_", "_index_put_impl_"}


class Moved(Tensor):
    """A tensor on the device; ``held`` are its numbers."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> Moved:
        result: Moved = Tensor._make_wrapper_subclass(
            cls,
            held.shape,
            strides=held.stride(),
            storage_offset=held.storage_offset(),
            dtype=held.dtype,
            device=ELSEWHERE,
        )
        result.held = held
        return result

    def __repr__(self) -> str:  # type: ignore[override]
        return f"Moved({self.held!r})"

    def tolist(self) -> Any:
        return self.held.tolist()

    def __reduce_ex__(self, protocol: Any) -> Any:
        return self.held.__reduce_ex__(protocol)  # a checkpoint is read to the CPU

    @classmethod
    def __torch_dispatch__(  # type: ignore[override]
        cls, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        return _run(func, args, kwargs or {})


class _Moving(TorchDispatchMode):
    """Sees the calls that put a tensor on the device, which none of their arguments is on."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        return _run(func, args, kwargs or {})


def _run(func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
    moved = [tensor for tensor in tensors if isinstance(tensor, Moved)]
    name = func.overloadpacket.__name__
    if moved and name not in MIXED and any(t.dim() for t in tensors if not isinstance(t, Moved)):
        raise RuntimeError(f"{name}: tensors on the CPU and on {ELSEWHERE}")
    devices = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.device)]
    stays = any(device.type == ELSEWHERE.type for device in devices) if devices else bool(moved)
    held_args, held_kwargs = tree_map_only(Moved, _held, (args, kwargs))
    if stays:
        here = torch.device("cpu")
        held_args, held_kwargs = tree_map_only(
            torch.device, lambda _: here, (held_args, held_kwargs)
        )
    result = func(*held_args, **held_kwargs)
    if name == "copy_":
        return args[0]
    if not stays:
        return result
    result = tree_map_only(Tensor, Moved, result)
    if not moved or name == "to":
        return result
    return return_and_correct_aliasing(func, args, kwargs, result)


def _held(tensor: Moved) -> Tensor:
    return tensor.held


@contextmanager
def second_device(monkeypatch: pytest.MonkeyPatch) -> Iterator[torch.device]:
    """Let this thread use the device."""
    autocast, enabled, tensor = torch.autocast, torch.is_autocast_enabled, torch.tensor

    def autocast_of(device: str, *args: Any, **kwargs: Any) -> Any:
        return nullcontext() if device == ELSEWHERE.type else autocast(device, *args, **kwargs)

    def tensor_on(data: Any, *, device: Any = None, **kwargs: Any) -> Tensor:
        here = None if device is None else "cpu"
        return tensor(data, device=here, **kwargs).to(device)

    with torch.device("meta"):  # torch remembers now what its own makers of tensors are
        torch.empty(0)
    monkeypatch.setattr(torch, "tensor", tensor_on)  # makes its tensor without a call to see
    monkeypatch.setattr(torch, "autocast", autocast_of)
    monkeypatch.setattr(
        torch, "is_autocast_enabled", lambda device: device != ELSEWHERE.type and enabled(device)
    )
    optimizer = import_module("torch.optim.optimizer")
    fused = optimizer._get_fused_kernels_supported_devices()
    monkeypatch.setattr(
        optimizer,
        "_get_fused_kernels_supported_devices",
        lambda: [*fused, ELSEWHERE.type],
    )
    # A moved parameter is another tensor: else it would be given the device, not the numbers.
    torch.__future__.set_overwrite_module_params_on_conversion(True)
    try:
        with _Moving():  # type: ignore[no-untyped-call]
            yield ELSEWHERE
    finally:
        torch.__future__.set_overwrite_module_params_on_conversion(False)
