from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.training.conftest import Options
from yolo_cli.training.cache.features import FeatureCache
from yolo_cli.training.prepare import prepare
from yolo_cli.training.reporter import Reporter


@pytest.mark.parametrize(("precision", "expected"), [("bf16", 2), ("fp32", None)])
def test_a_deeper_cache_is_made_from_the_one_that_is_there(
    precision: str,
    expected: int | None,
    options: Options,
    tmp_path: Path,
    reporter: Reporter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    build, used = FeatureCache.build, []

    def watched(self: FeatureCache, *arguments: Any, **more: Any) -> None:
        shallower = more["shallower"]
        used.append(None if shallower is None else shallower.depth)
        build(self, *arguments, **more)

    monkeypatch.setattr(FeatureCache, "build", watched)
    for freeze in (2, 3):
        asked = replace(options(freeze=freeze, copies=1, epochs=1), precision=precision)
        prepare(asked, tmp_path / f"run{freeze}", reporter).fit()
    # Training and validation images, after two blocks and then after three.
    assert used == [None, None, expected, expected]
