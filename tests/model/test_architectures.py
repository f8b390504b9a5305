from __future__ import annotations

import subprocess
import sys

import pytest
import torch
from torch import nn

from tests.model.builders import images, network, tiny
from yolo_cli.errors import UserError
from yolo_cli.model.architectures import ARCHITECTURES, FASTEST, Architecture, Conv, Pool
from yolo_cli.model.config import ModelConfig
from yolo_cli.model.preprocessing import PREPROCESSING

TABLE = Architecture(
    title="Small",
    table=(Conv(8, 7, 4, 2), Pool(3, 2, 1), Conv(16), Pool(), Conv(32, 3, 2), Pool()),
    head_channels=8,
)


def test_the_records_need_no_torch() -> None:
    code = (
        "import sys, yolo_cli.model.architectures, yolo_cli.training.options;"
        "sys.exit(str({'torch', 'torchvision', 'numpy', 'pydantic'} & set(sys.modules) or ''))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.strip() == ""


def test_a_grid_cell_of_64_pixels_keeps_the_whole_table() -> None:
    assert tuple(TABLE.layers(64)) == TABLE.table  # 4 · 2 · 2 · 2 · 2 = 64


def test_a_grid_cell_of_32_pixels_loses_the_step_to_64() -> None:
    # A pooling goes; of a convolution the stride alone would.
    assert tuple(TABLE.layers(32)) == TABLE.table[:-1]


def test_widths_are_those_of_the_convolutions_in_order() -> None:
    rows = TABLE.layers(64, width=9.0, widths=(3, 5, 7))
    assert [row.channels for row in rows if isinstance(row, Conv)] == [3, 5, 7]
    halves = TABLE.layers(64, width=0.25)
    assert [row.channels for row in halves if isinstance(row, Conv)] == [4, 4, 8]  # at least four


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_a_record_names_what_there_is(name: str) -> None:
    from torchvision.models import get_weight

    record = ARCHITECTURES[name]
    blocks = network(tiny(name)).backbone.blocks
    assert 0 <= record.frozen_blocks <= blocks
    assert FASTEST in ARCHITECTURES
    if record.pretrained is None:
        return
    # torchvision publishes what its weights were normalised with.
    transform = get_weight(record.pretrained.weights).transforms()
    assert tuple(transform.mean) == pytest.approx(
        PREPROCESSING[record.pretrained.preprocessing].mean
    )
    assert tuple(transform.std) == pytest.approx(PREPROCESSING[record.pretrained.preprocessing].std)


ODD = (5, 3, 7, 4, 6, 9, 8, 11)


def test_a_network_of_odd_widths() -> None:
    net = network(tiny("fast", widths=ODD, head_widths=(13, 17, 19)))
    convs = [m for m in net.modules() if isinstance(m, nn.Conv2d)]
    assert [c.out_channels for c in convs] == [*ODD, 13, 17, 19, 12]  # 5 · 2 + 2
    assert net(images(1)).shape == (1, 2, 2, 12)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"widths": ODD[:-1]}, "7 widths for the 8 convolutions of fast"),
        ({"widths": (0, *ODD[1:])}, "a layer of 0 channels"),
        ({"widths": (10**9, *ODD[1:])}, "a layer of 1000000000 channels"),
        ({"head_widths": (1, 2, -3)}, "a layer of -3 channels"),
        ({"head_widths": (1, 2)}, "2 head widths for the 3 hidden layers of the conv head"),
        ({"head": "fc", "head_widths": (1, 2)}, "2 head widths for the 1 hidden layers of the fc"),
    ],
)
def test_widths_that_fit_no_network(options: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message), torch.device("meta"):
        network(tiny("fast", **options))


def test_the_connected_head_has_widths_as_well() -> None:
    # Stride 2 is left of VGG-16: a convolution of 6, then 2 · 2 cells of it into 21 units.
    net = network(tiny("vgg16", head="fc", head_widths=(6, 21)))
    linear = [m for m in net.head.modules() if isinstance(m, nn.Linear)]
    assert [(m.in_features, m.out_features) for m in linear] == [(24, 21), (21, 2 * 2 * 12)]
    assert net(images(1)).shape == (1, 2, 2, 12)


def test_the_default_comes_first() -> None:
    assert ModelConfig(("a",)).arch == next(iter(ARCHITECTURES))
