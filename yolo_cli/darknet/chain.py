"""A cfg file as the layers of a network here: one row of a table for each section."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import cast, get_args

from yolo_cli.darknet.cfg import Cfg, Section
from yolo_cli.darknet.halves import split_off
from yolo_cli.model.config import MAX_IMAGE_SIZE
from yolo_cli.model.custom import Activation, Row, Shape, shapes
from yolo_cli.model.preprocessing import DARKNET, Preprocessing
from yolo_cli.text import listed

UNSCALED = Preprocessing((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
UNUSED = frozenset(  # of every section: they matter in training alone
    {"clip", "learning_rate", "onlyforward", "smoothing", "stopbackward", "truth"}
)
CROP = (
    *("crop_height", "crop_width", "noadjust"),
    *("flip", "angle", "saturation", "exposure", "shift"),
)
CONVOLUTIONAL = (
    *("filters", "size", "stride", "pad", "padding", "activation", "batch_normalize"),
    *("groups", "binary", "xnor", "flipped"),
)
TASKS = ("detection", "softmax", "cost")
"""Sections that say what the output of the layers before them means."""


@dataclass(frozen=True)
class Step:
    """A layer of a cfg file.

    Attributes:
        section: that it is from.
        row: the layer here.
        inputs: shape of what goes in.
        outputs: shape of what comes out.
        linear: outputs of the first of the two layers that this one is in the file, see
            :mod:`yolo_cli.darknet.halves`; None where it is one.
    """

    section: Section
    row: Row
    inputs: Shape
    outputs: Shape
    linear: int | None = None

    @property
    def count(self) -> int:
        """Return how many numbers in the weights file belong to it."""
        (inputs, side), row = self.inputs, self.row
        if not row.channels:
            return 0
        if row.kind == "connected":
            return row.channels * (inputs * side**2 + (4 if row.norm else 1))
        taps = inputs * row.size**2
        if row.kind == "local":
            return row.channels * self.outputs.side**2 * (taps + 1)
        return row.channels * (taps + (4 if row.norm else 1))


@dataclass(frozen=True)
class Chain:
    """What a cfg file says.

    Attributes:
        cfg: the file.
        side: pixels along each side of the input that the first layer gets.
        preprocessing: of that input.
        steps: its layers.
        task: the section that follows them; None where none does.
    """

    cfg: Cfg
    side: int
    preprocessing: Preprocessing
    steps: tuple[Step, ...]
    task: Section | None


def chain_of(cfg: Cfg) -> Chain:
    """Return a cfg file as a chain of layers.

    Raises:
        UserError: a section or an option is not known here, or makes no sense.
    """
    net, *rest = cfg.sections
    side = _side(net)
    preprocessing = UNSCALED
    if rest[0].name == "crop":
        crop, *rest = rest
        side, preprocessing = _crop(crop, side)
    at, steps = Shape(3, side), []
    tasks = [number for number, section in enumerate(rest) if section.name in TASKS]
    end = tasks[0] if tasks else len(rest)
    detects = bool(tasks) and rest[end].name == "detection"
    layers, halves = split_off(rest[:end]) if detects else (rest[:end], ())
    for section in layers:
        step = _step(section, at)
        at = step.outputs
        steps.append(step)
    if halves:
        steps.append(_together([_step(section, at) for section in halves]))
    if not tasks:
        return Chain(cfg, side, preprocessing, tuple(steps), None)
    task = rest[end]
    after = [one for one in rest[end + 1 :] if one.name != "cost"]
    if after or not steps:
        odd = after[0] if after else task
        raise odd.wrong("", f"after [{task.name}]" if after else "without layers before it")
    return Chain(cfg, side, preprocessing, tuple(steps), None if task.name == "cost" else task)


def _side(net: Section) -> int:
    width, height = net.integer("width", 0), net.integer("height", 0)
    if width != height:
        raise net.wrong(
            "width", f"width={width} and height={height}", "only square inputs are taken"
        )
    if not 1 <= width <= MAX_IMAGE_SIZE:
        raise net.wrong("width", f"width={width}: from 1 to {MAX_IMAGE_SIZE}")
    channels = net.integer("channels", 0)
    if channels != 3:
        raise net.wrong("channels", f"channels={channels}", "only RGB images are taken")
    return width


def _crop(section: Section, side: int) -> tuple[int, Preprocessing]:
    """Return what is left of the picture, the middle, and how its pixels are scaled."""
    _known(section, CROP)
    height, width = section.integer("crop_height", 1), section.integer("crop_width", 1)
    if height != width or not 1 <= width <= side:
        raise section.wrong(
            "crop_width", f"crop_width={width} and crop_height={height} of {side} pixels"
        )
    return width, UNSCALED if section.integer("noadjust", 0) else DARKNET


def _step(section: Section, inputs: Shape) -> Step:
    if section.name not in SECTIONS:
        raise section.wrong(
            "",
            "a section that is not known here",
            f"taken are {listed(sorted([*SECTIONS, 'crop', 'detection', 'softmax']), 20)}",
        )
    row = SECTIONS[section.name](section, inputs)
    (outputs,) = shapes([row], inputs.side, inputs.channels)
    if outputs.side < 1:
        raise section.wrong("size", f"nothing is left of {inputs.side}×{inputs.side}")
    return Step(section, row, inputs, outputs)


def _together(halves: Sequence[Step]) -> Step:
    """Return two layers with the same input as one."""
    first, second = halves
    count = first.row.channels + second.row.channels
    outputs = first.outputs._replace(channels=count)
    return Step(first.section, Row("connected", count), first.inputs, outputs, first.row.channels)


def _convolutional(section: Section, _inputs: Shape) -> Row:
    _known(section, CONVOLUTIONAL)
    for name, usual in (("groups", 1), ("binary", 0), ("xnor", 0), ("flipped", 0)):
        if section.integer(name, usual) != usual:
            raise section.wrong(name, f"{name}={section.integer(name, usual)} is not supported")
    size = _positive(section, "size", 1)
    padding = size // 2 if section.integer("pad", 0) else section.integer("padding", 0)
    if not 0 <= padding <= size:
        raise section.wrong("padding", f"padding={padding} with size={size}")
    return Row(
        "conv",
        channels=_positive(section, "filters", 1),
        size=size,
        stride=_positive(section, "stride", 1),
        padding=padding,
        norm=bool(section.integer("batch_normalize", 0)),
        act=_activation(section),
    )


def _maxpool(section: Section, inputs: Shape) -> Row:
    """Return a pooling as Darknet has had it since 2018: ``padding`` is that of both sides."""
    _known(section, ["size", "stride", "padding"])
    stride = _positive(section, "stride", 1)
    size = _positive(section, "size", stride)
    padding = section.integer("padding", size - 1)
    if not 0 <= padding <= size:
        raise section.wrong("padding", f"padding={padding} with size={size}")
    plain = Row("pool", size=size, stride=stride, padding=padding // 2)
    (found,) = shapes([plain], inputs.side)
    wanted = (inputs.side + padding - size) // stride + 1
    return Row(
        "pool", size=size, stride=stride, padding=padding // 2, more=int(wanted > found.side)
    )


def _local(section: Section, inputs: Shape) -> Row:
    _known(section, ["filters", "size", "stride", "pad", "activation"])
    size, stride = _positive(section, "size", 1), _positive(section, "stride", 1)
    padding = section.integer("pad", 0)  # in pixels, unlike that of a convolution
    row = Row(
        "local",
        channels=_positive(section, "filters", 1),
        size=size,
        stride=stride,
        padding=padding,
        act=_activation(section),
    )
    (found,) = shapes([row], inputs.side)
    side = (inputs.side - (1 if padding else size)) // stride + 1  # what Darknet makes room for
    if found.side != side:
        raise section.wrong(
            "pad", f"pad={padding} with size={size}: Darknet itself gets this layer's size wrong"
        )
    return row


def _connected(section: Section, _inputs: Shape) -> Row:
    _known(section, ["output", "activation", "batch_normalize"])
    return Row(
        "connected",
        channels=_positive(section, "output", 1),
        norm=bool(section.integer("batch_normalize", 0)),
        act=_activation(section),
    )


def _dropout(section: Section, _inputs: Shape) -> Row:
    _known(section, ["probability"])
    rate = section.number("probability", 0.5)
    if not 0 <= rate < 1:
        raise section.wrong("probability", f"probability={rate:g}: from 0 to below 1")
    return Row("dropout", rate=rate)


def _avgpool(section: Section, _inputs: Shape) -> Row:
    _known(section, [])
    return Row("average")


SECTIONS: dict[str, Callable[[Section, Shape], Row]] = {
    "convolutional": _convolutional,
    "maxpool": _maxpool,
    "local": _local,
    "connected": _connected,
    "dropout": _dropout,
    "avgpool": _avgpool,
}


def _known(section: Section, names: Sequence[str]) -> None:
    """Refuse an option that may change what a layer computes."""
    odd = [one for one in section.options if one not in names and one not in UNUSED]
    if odd:
        raise section.wrong(
            odd[0],
            f"an option that is not known here: {odd[0]}={section.text(odd[0], ''):.40}",
            f"known are {', '.join(names)}" if names else "",
        )


def _positive(section: Section, name: str, default: int) -> int:
    value = section.integer(name, default)
    if not 1 <= value <= 2**16:
        raise section.wrong(name, f"{name}={value}: from 1 to {2**16}")
    return value


def _activation(section: Section) -> Activation:
    name = section.text("activation", "logistic")
    for known in get_args(Activation):
        if name == known:
            return cast("Activation", name)
    raise section.wrong(
        "activation",
        f"activation={name:.40} is not supported",
        f"taken are {', '.join(get_args(Activation))}",
    )
