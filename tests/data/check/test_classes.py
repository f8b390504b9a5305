from __future__ import annotations

import pytest

from yolo_cli.data.check.classes import _alike


@pytest.mark.parametrize(
    ("rare", "common", "count", "alike"),
    [
        ("Cat", "cat", (50, 60), True),  # however many: readers take them for two classes
        ("traffic_light", "traffic light", (50, 60), True),
        ("TV-monitor", "tvmonitor", (3, 300), True),
        ("cars", "car", (2, 100), True),
        ("bus", "buses", (2, 100), True),
        ("glasses", "glass", (90, 100), False),  # two things, as often
        ("aeroplan", "aeroplane", (1, 200), True),
        ("aerroplane", "aeroplane", (1, 200), True),
        ("aeroplnae", "aeroplane", (1, 200), True),
        ("aeroplene", "aeroplane", (1, 200), True),
        ("aeroplene", "aeroplane", (40, 200), False),  # too many for a slip
        ("car", "cat", (1, 5000), False),
        ("can", "van", (1, 5000), False),
        ("bear", "pear", (1, 5000), False),
        ("horse", "house", (1, 5000), False),
        ("mouse", "house", (1, 5000), False),
        ("parrot", "carrot", (1, 5000), False),
        ("sign30", "sign50", (1, 5000), False),
        ("sign1", "sign11", (1, 5000), False),
        ("type a", "type b", (1, 5000), False),
        ("zebra", "person", (1, 5000), False),
    ],
)
def test_alike(rare: str, common: str, count: tuple[int, int], alike: bool) -> None:
    from yolo_cli.data.class_names import plain_name

    how = _alike(plain_name(rare), plain_name(common), count[0] / count[1], count[0])
    assert bool(how) == alike
