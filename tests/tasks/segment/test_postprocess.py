"""From logits to masks."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F  # noqa: N812

from yolo_cli.tasks.segment import postprocess as module
from yolo_cli.tasks.segment.postprocess import classes_at, postprocess


@pytest.mark.parametrize("size", [(48, 36), (7, 5), (16, 16), (1, 1)])
def test_as_torch_interpolates(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ELEMENTS", 4 * 48 * 5)  # strips of a few rows
    logits = torch.randn(4, 16, 16, generator=torch.Generator().manual_seed(0))
    width, height = size
    whole = F.interpolate(logits[None], (height, width), mode="bilinear", align_corners=False)[0]
    best, second = whole.topk(2, dim=0).values
    sure = best - second > 1e-5
    found = classes_at(logits, size)
    assert found.shape == (height, width)
    assert found.dtype == torch.uint8
    assert torch.equal(found[sure], whole.argmax(dim=0).to(torch.uint8)[sure])


def test_each_image_has_its_own_size() -> None:
    raw = torch.zeros(2, 2, 2, 3)
    raw[0, :, :, 1] = 1.0
    raw[1, 0, :, 2] = 4.0
    raw[1, 1, :, 0] = 4.0
    first, second = postprocess(raw, [(3, 2), (2, 4)])
    assert first.tolist() == [[1, 1, 1]] * 2
    assert second.tolist() == [[2, 2], [2, 2], [0, 0], [0, 0]]
