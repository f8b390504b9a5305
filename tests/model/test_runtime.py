from __future__ import annotations

import os
import platform
import subprocess
import sys

import pytest
import torch

from yolo_cli.errors import ExitCode, UserError
from yolo_cli.model import runtime
from yolo_cli.model.runtime import pick_device, pick_dtype, synchronise

pytestmark = pytest.mark.precision

CPU, CUDA, MPS = (torch.device(name) for name in ("cpu", "cuda", "mps"))


def machine(
    monkeypatch: pytest.MonkeyPatch,
    *,
    cuda: bool = False,
    mps: bool = False,
    avx: bool = False,
    amx: bool = False,
    onednn: bool = True,
    cuda_bf16: bool = False,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx, raising=False)
    monkeypatch.setattr(runtime, "runs_bf16", lambda: onednn)

    def supported(including_emulation: bool = True) -> bool:
        return cuda_bf16 or including_emulation  # older cards emulate it

    monkeypatch.setattr(torch.cuda, "is_bf16_supported", supported)


@pytest.mark.parametrize(
    ("cuda", "mps", "name"),
    [(True, True, "cuda"), (True, False, "cuda"), (False, True, "mps"), (False, False, "cpu")],
)
def test_auto_takes_cuda_then_mps_then_the_processor(
    monkeypatch: pytest.MonkeyPatch, cuda: bool, mps: bool, name: str
) -> None:
    machine(monkeypatch, cuda=cuda, mps=mps)
    assert pick_device("auto").type == name


def test_a_device_by_name() -> None:
    assert pick_device("cpu") == CPU


@pytest.mark.parametrize("name", ["gpu", "", "meta", "cuda:99", "cuda:x", "xla", "vulkan"])
def test_devices_that_are_not_there(name: str) -> None:
    with pytest.raises(UserError, match="not available") as caught:
        pick_device(name)
    assert caught.value.code == ExitCode.USAGE


@pytest.mark.parametrize(
    ("avx", "amx", "onednn", "dtype"),
    [
        (False, False, True, torch.float32),
        (True, False, True, torch.bfloat16),
        (False, True, True, torch.bfloat16),
        (True, True, False, torch.float32),  # the environment limits it to AVX2
    ],
)
def test_auto_precision_of_processors(
    monkeypatch: pytest.MonkeyPatch, avx: bool, amx: bool, onednn: bool, dtype: torch.dtype
) -> None:
    machine(monkeypatch, avx=avx, amx=amx, onednn=onednn)
    assert pick_dtype("auto", CPU) == dtype
    assert pick_dtype("auto", MPS) == torch.float32


@pytest.mark.parametrize("native", [True, False])
def test_auto_precision_of_graphics_cards(monkeypatch: pytest.MonkeyPatch, native: bool) -> None:
    # What a card merely emulates is slower than float32.
    machine(monkeypatch, avx=True, cuda_bf16=native)
    assert pick_dtype("auto", CUDA) == (torch.bfloat16 if native else torch.float32)


def test_precision_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    machine(monkeypatch)
    assert pick_dtype("bf16", CPU) == torch.bfloat16
    assert pick_dtype("fp32", CPU) == torch.float32


def test_an_older_torch_knows_nothing_of_bfloat16(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "_is_avx512_bf16_supported", raising=False)
    monkeypatch.delattr(torch.cpu, "_is_amx_tile_supported", raising=False)
    assert pick_dtype("auto", CPU) == torch.float32


@pytest.mark.parametrize("precision", ["fp16", "", "BF16", "int8"])
def test_unknown_precisions(precision: str) -> None:
    with pytest.raises(UserError, match="unknown") as caught:
        pick_dtype(precision, CPU)
    assert caught.value.code == ExitCode.USAGE


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="not an x86 processor")
def test_a_processor_with_avx2_alone_has_no_kernels_for_bfloat16() -> None:
    code = (
        "from yolo_cli.model.runtime import *;"
        "print(runs_bf16(), pick_dtype('auto', pick_device('cpu')))"
    )
    limit = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **limit},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["False", "torch.float32"]


@pytest.mark.parametrize("device", [CPU, CUDA, MPS])
def test_only_an_accelerator_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, device: torch.device
) -> None:
    waited: list[torch.device] = []
    monkeypatch.setattr(torch.accelerator, "synchronize", waited.append)
    synchronise(device)
    assert waited == ([] if device == CPU else [device])
