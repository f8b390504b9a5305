"""Any value in the place of any other in a JSON file, a table cut anywhere: errors, no crash.

And ``yolo check`` and training agree about each of them.
"""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.data.check.test_agreement import agree
from tests.data.test_damage import MAKERS
from tests.property import examples

VALUES: list[Any] = [
    *(None, True, 0, -1, 7.5, 1e300, 10**400, float("nan"), float("inf"), "", "x", "12", "\ud800"),
    *("a.jpg", "../a.jpg", "\0", [], {}, [[]], [1, "2"], {"cat": True}, {"cat": True, "dog": True}),
    *({"": ""}, "\n", "[" * 50),
]


def places(value: Any, place: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    yield place
    if isinstance(value, list):
        value = dict(enumerate(value))
    for key, inside in value.items() if isinstance(value, dict) else ():
        yield from places(inside, (*place, key))


def changed(content: Any, place: tuple[Any, ...], value: Any) -> Any:
    if not place:
        return value
    result = copy.deepcopy(content)
    inner = result
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = value
    return result


@pytest.mark.parametrize("name", ["via", "createml"])
def test_values(tmp_path: Path, name: str) -> None:
    target = MAKERS[name](tmp_path)
    content = json.loads(target.read_text("utf-8"))
    outcomes: Counter[bool] = Counter()

    @examples(100)
    @given(place=st.sampled_from([*places(content)]), value=st.sampled_from(VALUES))
    def agrees(place: tuple[Any, ...], value: Any) -> None:
        target.write_text(json.dumps(changed(content, place, value)), "utf-8")
        outcomes[agree(tmp_path) is None] += 1

    agrees()
    assert outcomes[True]
    assert outcomes[False]


@pytest.mark.parametrize("name", ["csv", "retinanet", "via csv"])
def test_cut_anywhere(tmp_path: Path, name: str) -> None:
    target = MAKERS[name](tmp_path)
    whole = target.read_bytes()
    for length in range(0, len(whole), 3):
        target.write_bytes(whole[:length])
        agree(tmp_path)
