"""Where and in which precision the network runs."""

from __future__ import annotations

import torch

from yolo_cli.errors import ExitCode, UserError

ACCELERATORS = ("cuda", "mps")


def pick_device(name: str) -> torch.device:
    """Return the device of a ``--device``; ``auto`` is CUDA if it is there, else MPS, else the CPU.

    Raises:
        UserError: for a device that this machine or this build of torch does not have.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        if device.type not in ("cpu", *ACCELERATORS):  # torch has others, such as meta
            raise RuntimeError
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise UserError(
            f"--device {name}: not available here",
            f"use {' or '.join(['auto', *_devices()])}",
            ExitCode.USAGE,
        ) from error
    return device


def _devices() -> list[str]:
    cuda = [f"cuda:{number}" for number in range(torch.cuda.device_count())]
    return ["cpu", *cuda, *(["mps"] if torch.backends.mps.is_available() else [])]


def pick_dtype(precision: str, device: torch.device) -> torch.dtype:
    """Return the type of a ``--precision``; ``auto`` is bfloat16 where hardware multiplies it.

    Elsewhere bfloat16 is emulated, and slower than float32.

    Raises:
        UserError: for an unknown precision.
    """
    if precision not in ("auto", "fp32", "bf16"):
        raise UserError(
            f"--precision {precision}: unknown", "use auto, fp32 or bf16", ExitCode.USAGE
        )
    if precision == "auto":
        fast = (
            torch.cuda.is_bf16_supported(including_emulation=False)
            if device.type == "cuda"
            else _multiplies_bf16()
        )
        precision = "bf16" if fast and device.type != "mps" else "fp32"
    return torch.bfloat16 if precision == "bf16" else torch.float32


def runs_bf16() -> bool:
    """Return whether oneDNN has bfloat16 kernels for this processor.

    They need AVX-512 or AVX-NE-CONVERT. The answer is oneDNN's own, so it heeds a limit that the
    environment sets (``ONEDNN_MAX_CPU_ISA``), which the processor's flags do not know of.
    """
    supported = getattr(torch.ops.mkldnn, "_is_mkldnn_bf16_supported", None)
    return torch.backends.mkldnn.is_available() and supported is not None and bool(supported())


def _multiplies_bf16() -> bool:
    """Return whether the processor multiplies bfloat16 in hardware, by AVX512_BF16 or AMX.

    torch has the question under underscored names alone.
    """
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return runs_bf16() and any(bool(getattr(torch.cpu, n, lambda: False)()) for n in checks)


def synchronise(device: torch.device) -> None:
    """Wait until a device has done all its work: what is timed before that is only the queueing.

    The CPU works while it is called, so there is nothing to wait for.
    """
    if device.type in ACCELERATORS:
        torch.accelerator.synchronize(device)
