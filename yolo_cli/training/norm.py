"""Batch normalisation over the whole batch where several processes share it.

torch's ``SyncBatchNorm`` does this on GPUs alone, and is no ``BatchNorm2d``. This one is written
with two sums over the processes, runs wherever they can be summed, and is a ``BatchNorm2d`` in
every other respect: the same tensors by the same names, and the same layer in evaluation mode.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn


class SyncedNorm(nn.BatchNorm2d):
    """Batch normalisation (Ioffe & Szegedy 2015) with the statistics of all processes' images."""

    def forward(self, x: Tensor) -> Tensor:
        """Normalise ``[N, C, H, W]``; N may differ between processes."""
        if not self.training:
            return super().forward(x)
        values, over, shape = x.float(), (0, 2, 3), (1, -1, 1, 1)
        own = values.new_tensor([x.numel() / x.shape[1]])
        sums = _sum(torch.cat([values.sum(over), own]))
        count = sums[-1].detach()
        mean = sums[:-1] / count
        centred = values - mean.view(shape)
        variance = _sum(centred.square().sum(over)) / count
        self._remember(mean.detach(), variance.detach() * count / (count - 1))
        scale = self.weight * (variance + self.eps).rsqrt()
        return (centred * scale.view(shape) + self.bias.view(shape)).to(x.dtype)

    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        """Update the running statistics; the variance is the unbiased one."""
        assert self.num_batches_tracked is not None
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.momentum is not None
        self.num_batches_tracked.add_(1)
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance, self.momentum)


def synchronise_norms(module: nn.Module) -> None:
    """Put a :class:`SyncedNorm` with the same tensors in the place of each batch norm; in place."""
    for name, child in list(module.named_children()):
        if type(child) is nn.BatchNorm2d:
            setattr(module, name, _synced(child))
        else:
            synchronise_norms(child)


def _synced(norm: nn.BatchNorm2d) -> SyncedNorm:
    synced = SyncedNorm(norm.num_features, norm.eps, norm.momentum)
    synced.weight, synced.bias = norm.weight, norm.bias
    for name, buffer in norm.named_buffers():
        setattr(synced, name, buffer)
    return synced.train(norm.training)


class _Sum(torch.autograd.Function):
    """The sum over all processes; the gradient of its input is the sum of theirs."""

    @staticmethod
    def forward(_context: Any, values: Tensor) -> Tensor:
        total = values.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(_context: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].contiguous().clone()
        dist.all_reduce(total)
        return total


def _sum(values: Tensor) -> Tensor:
    result: Tensor = _Sum.apply(values)
    return result
