from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from yolo_cli.errors import UserError
from yolo_cli.files import cache_folder
from yolo_cli.inference.backends.agreement import Agreement, Kind
from yolo_cli.inference.backends.backend import Backend, BackendName, Precision
from yolo_cli.inference.backends.speeds import Speed

REFERENCE: Kind = ("torch", "fp32")
FOUR = torch.zeros(4, 3, 2, 2, dtype=torch.uint8)


@pytest.fixture(autouse=True)
def _empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def speed(name: BackendName, precision: Precision = "fp32", *, agrees: bool = True) -> Speed:
    return Speed(name, precision, 0.0, 1.0, None, agrees)


ORDER = [speed("openvino", "bf16"), speed("ncnn"), speed("torch")]


class Look:
    """Looks at backends of which some are wrong, or do not load."""

    def __init__(self, *, wrong: tuple[str, ...] = (), missing: tuple[str, ...] = ()) -> None:
        self.wrong, self.missing = wrong, missing
        self.loaded: list[str] = []
        self.reasons: list[str] = []

    def __call__(self, agreement: Agreement) -> list[bool | None]:
        agreement.look(
            ORDER, self.build, lambda: FOUR, torch.equal,
            lambda error: self.reasons.append(error.message),
        )  # fmt: skip
        return [agreement.of(one) for one in ORDER]

    def build(self, kind: Kind) -> Backend:
        name = kind[0]
        self.loaded.append(name)
        if name in self.missing:
            raise UserError(f"{name} does not load")
        raw = torch.full((1, 2), float(name in self.wrong))
        return lambda images: raw  # type: ignore[return-value]


def test_the_first_that_agrees_is_looked_for_and_remembered() -> None:
    look = Look(wrong=("openvino",))
    assert look(Agreement("some", REFERENCE)) == [False, True, True]
    assert look.loaded == ["torch", "openvino", "ncnn"]
    again = Look()
    assert again(Agreement("some", REFERENCE)) == [False, True, True]
    assert again.loaded == []
    # Other weights: the first one agrees, no more is asked.
    other = Look()
    assert other(Agreement("other", REFERENCE)) == [True, None, True]
    assert other.loaded == ["torch", "openvino"]


def test_the_reference_needs_no_look() -> None:
    agreement = Agreement("some", REFERENCE)
    assert agreement.of(speed("torch")) is True
    assert agreement.of(speed("torch", "bf16")) is None


def test_what_does_not_load_is_tried_another_time() -> None:
    look = Look(missing=("openvino",))
    assert look(Agreement("some", REFERENCE)) == [None, True, True]
    assert look.reasons == ["openvino does not load"]
    assert Look()(Agreement("some", REFERENCE)) == [True, True, True]


def test_what_a_measurement_has_seen_is_not_looked_at_again() -> None:
    agreement = Agreement("some", REFERENCE)
    agreement.note([speed("openvino", "bf16", agrees=False), speed("ncnn")])
    look = Look()
    assert look(agreement) == [False, True, True]
    assert look.loaded == ["torch", "ncnn"]


@pytest.mark.parametrize(
    "content", ["", "{", "3", "[3]", "{}", json.dumps([["torch", "bf16", 1]]), "[" * 100_000]
)
def test_what_cannot_be_read_is_not_known(content: str) -> None:
    Look()(Agreement("some", REFERENCE))
    assert Agreement("some", REFERENCE).of(ORDER[0]) is True
    (cache_folder("agreement") / "some.json").write_text(content)
    assert Agreement("some", REFERENCE).of(ORDER[0]) is None


def test_it_works_where_nothing_can_be_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert Look()(Agreement("some", REFERENCE)) == [True, None, True]
    assert Agreement("some", REFERENCE).of(ORDER[0]) is None
