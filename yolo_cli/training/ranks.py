"""Several processes that train one network: which of them this is, and what they tell each other.

They are started by ``torchrun`` or by ``yolo train --nproc``, all with the same command. Every one
knows the whole batch of every step and takes its part; what has to be decided by a clock, a disk
or a measurement is decided by the first and told to the others. Alone, a process talks to nobody:
nothing is computed or copied that would not be without the others.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from yolo_cli.errors import ExitCode, UserError

PATIENCE = timedelta(days=1)  # while others fill a cache; one that dies is noticed at once
GRACE = 2.0  # seconds in which a fault that all have found is told by the first
FAULT = "yolo-fault"  # key in the processes' common store

T = TypeVar("T")


@dataclass(frozen=True)
class Ranks:
    """This process among those that train together; alone unless it is told otherwise.

    Attributes:
        rank: which it is, from 0; the first alone writes and reports.
        size: how many there are.
        local_rank: which it is on this machine.
        local_size: how many there are on this machine.
        store: what all can read and write, also while one of them has failed.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0
    local_size: int = 1
    store: Store | None = field(default=None, repr=False, compare=False)

    @property
    def first(self) -> bool:
        """Whether this one writes and reports."""
        return self.rank == 0

    def share(self, items: Sequence[T]) -> Sequence[T]:
        """Return this process's part of what all know; sizes differ by one at most."""
        return items if self.size == 1 else items[self.rank :: self.size]

    def share_tensor(self, items: Tensor) -> Tensor:
        """Return this process's part of ``[N, C, H, W]``, channels last in memory."""
        if self.size == 1:
            return items
        return items[self.rank :: self.size].contiguous(memory_format=torch.channels_last)

    def place(self, device: str) -> str:
        """Return the name of this process's own device for a ``--device``."""
        if self.size == 1 or device == "cpu":
            return device
        if torch.cuda.is_available():
            return f"cuda:{self.local_rank % torch.cuda.device_count()}"
        return "cpu" if device == "auto" else device

    def rounds(self) -> list[tuple[int, int]]:
        """Return ways to deal files out, (part, of how many): to all, on one machine, to oneself.

        After the first nothing is left where all see the same disk.
        """
        if self.size == 1:
            return [(0, 1)]
        return [(self.rank, self.size), (self.local_rank, self.local_size), (0, 1)]

    def barrier(self) -> None:
        """Wait for the others."""
        self.most(0)

    def most(self, number: float) -> float:
        """Return the largest of the processes' numbers."""
        if self.size == 1:
            return number
        value = torch.tensor(number, dtype=torch.float64)
        dist.all_reduce(value, dist.ReduceOp.MAX)
        return value.item()

    def any(self, flag: bool) -> bool:
        """Return whether it is so for any of them."""
        return self.most(flag) > 0

    def agree(self, value: T) -> T:
        """Return the first process's value, a plain one; that of the others does not matter."""
        if self.size == 1:
            return value
        values = [value if self.first else None]
        dist.broadcast_object_list(values, src=0)
        return values[0]  # type: ignore[return-value]  # what the first has put there

    def gather_tensors(self, values: Tensor | None) -> list[Tensor]:
        """Return the tensors of all that have one, in order, to the first process alone."""
        if self.size == 1:
            return [] if values is None else [values]
        found: list[Any] | None = [None] * self.size if self.first else None
        dist.gather_object(None if values is None else values.cpu(), found, dst=0)
        if found is None or values is None:
            return []
        return [one.to(values.device) for one in found if one is not None]

    def total(self, values: Tensor) -> Tensor:
        """Return the sum over all processes, which no gradient passes."""
        if self.size == 1:
            return values
        values = values.detach().clone()
        dist.all_reduce(values)
        return values

    def means(self, terms: Mapping[str, Tensor]) -> dict[str, float]:
        """Return the means over all processes."""
        if self.size == 1:
            return {name: value.item() for name, value in terms.items()}
        values = self.total(torch.stack([value.double() for value in terms.values()])) / self.size
        return dict(zip(terms, values.tolist(), strict=True))

    def variance(self, values: Tensor) -> Tensor:
        """Return the variance of all processes' values together; all have some."""
        if self.size == 1:
            return values.var()
        sums = torch.stack([values.sum(), values.new_tensor(float(values.numel()))])
        total, count = self.total(sums)
        result: Tensor = self.total((values - total / count).square().sum()) / (count - 1)
        return result

    def compare(self, facts: Mapping[str, str]) -> None:
        """Check that the processes start from the same.

        Args:
            facts: what has to be the same, by what it is called.

        Raises:
            UserError: in all of them, if one differs from the first; it is named.
        """
        if self.size == 1:
            return
        mine = (socket.gethostname(), dict(facts))
        everyone: list[tuple[str, dict[str, str]]] = [mine] * self.size
        dist.all_gather_object(everyone, mine)
        host, first = everyone[0]
        for rank, (other, found) in enumerate(everyone):
            for name, value in first.items():
                if found[name] != value:
                    raise UserError(
                        f"process {rank} ({other}): {name} {_short(found[name])}, but process 0 "
                        f"({host}) has {_short(value)}",
                        "all processes need the same tool, dataset and weights",
                    )

    def seed(self, *numbers: int) -> None:
        """Start dropout's chance afresh, another one in each process; alone it just goes on."""
        if self.size > 1:
            mixed = torch.tensor([*numbers, self.rank], dtype=torch.int64)
            primes = torch.tensor([1_000_003, 7_919, 104_729, 15_485_863])[: len(mixed)]
            torch.manual_seed(int((mixed * primes).sum()))

    def tell(self, code: int, *, cause: bool) -> bool:
        """Return whether this process is the one that tells the user of a fault.

        Args:
            code: exit code of the fault.
            cause: whether it began here; else another process may know more.
        """
        if self.store is None:
            return True
        wait = 0.0 if cause and self.first else GRACE / 2 if cause else GRACE
        end = time.monotonic() + wait
        try:
            while time.monotonic() < end:
                if self.store.check([FAULT]):
                    return False
                time.sleep(0.05)
            return bool(self.store.add(FAULT, max(code, 1)) == max(code, 1))
        except RuntimeError:  # the store has gone with the process that kept it
            return cause


ALONE = Ranks()


def _short(value: str) -> str:
    return value[:12]  # of a digest


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def joined(device: str) -> Iterator[Ranks]:
    """Join the processes that train together, as torchrun's environment says.

    Args:
        device: of ``--device``; on CUDA each process gets a GPU of its own.

    Raises:
        UserError: for a device that several processes cannot use.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield ALONE
        return
    if device.startswith("mps"):
        raise UserError(
            f"--device {device}: is for one process",
            "use --device cpu, or leave out --nproc",
            ExitCode.USAGE,
        )
    store, rank, size = next(iter(rendezvous("env://", timeout=PATIENCE)))
    environment = os.environ
    local_size = int(environment.get("LOCAL_WORLD_SIZE", "1"))
    ranks = Ranks(rank, size, int(environment.get("LOCAL_RANK", "0")), local_size, store)
    backend = _backend(device, ranks)
    store = PrefixStore("collectives", store)
    dist.init_process_group(backend, store=store, rank=rank, world_size=size, timeout=PATIENCE)
    try:
        yield ranks
    finally:
        dist.destroy_process_group()


def _backend(device: str, ranks: Ranks) -> str:
    """Return gloo for CPUs, and nccl beside it where every process has a GPU to itself."""
    if device == "cpu" or not torch.cuda.is_available():
        return "gloo"
    count = torch.cuda.device_count()
    torch.cuda.set_device(ranks.local_rank % count)
    return "cpu:gloo,cuda:nccl" if ranks.local_size <= count else "gloo"
