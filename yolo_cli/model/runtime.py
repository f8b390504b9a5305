"""Where and in which precision the network runs."""

from __future__ import annotations

import torch

from yolo_cli.errors import ExitCode, UserError


def pick_device(name: str) -> torch.device:
    """``auto`` is CUDA where there is one, else MPS, else the CPU.

    Raises:
        UserError: for a device that this machine or this build of torch does not have.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        device = torch.device(name)
        if device.type not in ("cpu", "cuda", "mps"):  # torch has others, such as meta
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
    """``auto`` is bfloat16 where the processor multiplies it in hardware, else float32.

    On other processors bfloat16 is emulated and slower than float32.
    """
    if precision not in ("auto", "fp32", "bf16"):
        raise UserError(
            f"--precision {precision}: unknown", "use auto, fp32 or bf16", ExitCode.USAGE
        )
    if precision == "auto":
        fast = (
            torch.cuda.is_bf16_supported(including_emulation=False)
            if device.type == "cuda"
            else _cpu_has_bf16()
        )
        precision = "bf16" if fast and device.type != "mps" else "fp32"
    return torch.bfloat16 if precision == "bf16" else torch.float32


def _cpu_has_bf16() -> bool:
    """AVX512_BF16 or AMX; torch keeps the question under underscored names."""
    checks = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return any(bool(getattr(torch.cpu, name, lambda: False)()) for name in checks)
