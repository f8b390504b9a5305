from __future__ import annotations

import pytest
import torch

from yolo_cli.errors import ExitCode, UserError
from yolo_cli.model.runtime import pick_device, pick_dtype

CPU, CUDA, MPS = (torch.device(name) for name in ("cpu", "cuda", "mps"))


def machine(
    monkeypatch: pytest.MonkeyPatch,
    *,
    cuda: bool = False,
    mps: bool = False,
    avx: bool = False,
    amx: bool = False,
    cuda_bf16: bool = False,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: cuda)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: mps)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: avx, raising=False)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: amx, raising=False)

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
    ("avx", "amx", "dtype"),
    [
        (False, False, torch.float32),
        (True, False, torch.bfloat16),
        (False, True, torch.bfloat16),
    ],
)
def test_auto_precision_of_processors(
    monkeypatch: pytest.MonkeyPatch, avx: bool, amx: bool, dtype: torch.dtype
) -> None:
    machine(monkeypatch, avx=avx, amx=amx)
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
