"""The network here that a chain of Darknet's layers becomes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Literal

from yolo_cli.darknet.cfg import Section
from yolo_cli.darknet.chain import Chain, Step
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.model.architectures import ARCHITECTURES, Conv
from yolo_cli.model.config import CLASSIFY, ModelConfig
from yolo_cli.model.custom import BACKBONE, CUSTOM, Row, architecture
from yolo_cli.text import counted

# In Darknet's order, and compiled into it: the names of its networks with 20 classes.
VOC = (
    *("aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow"),
    *("diningtable", "dog", "horse", "motorbike", "person", "pottedplant", "sheep", "sofa"),
    *("train", "tvmonitor"),
)
DETECTION = (
    *("classes", "coords", "side", "num", "softmax", "sqrt", "reorg"),
    *("rescore", "jitter", "random", "max", "forced"),
    *("object_scale", "noobject_scale", "class_scale", "coord_scale"),
)
SOFTMAX = {"groups": "1", "temperature": "1", "tree": "", "spatial": "0", "noloss": "0"}
"""What a classifier's options have to be, where they are given."""
UNITS = 4096  # of VGG-16's hidden layers


@dataclass(frozen=True)
class Target:
    """A network here.

    Attributes:
        config: of it.
        whole: whether it has a head; else the backbone alone is of use, for training.
        output: what the last layer with weights of a whole one is in the file; None where it is no
            linear layer, and so the output layer here has to return what it gets.
        linear: see :attr:`yolo_cli.darknet.chain.Step.linear`, of that layer.
        notes: what a user should know, a line each.
    """

    config: ModelConfig
    whole: bool
    output: Literal["connected", "convolutional"] | None = "connected"
    linear: int | None = None
    notes: tuple[str, ...] = ()


def target_of(chain: Chain, names: Sequence[str] | None, *, whole: bool = True) -> Target:
    """Return the network that a chain of layers becomes.

    Args:
        chain: of a cfg file.
        names: of the classes, where the user gives them.
        whole: whether the numbers of all layers are there; those of a classifier's first ones are
            its backbone.

    Raises:
        UserError: what the layers give is not what their task takes, or the names do not fit it.
    """
    if chain.task is not None and chain.task.name == "detection":
        return _detector(chain, chain.task, names)
    if chain.task is not None and whole:
        return _classifier(chain, chain.task, names)
    return _backbone(chain)


def _detector(chain: Chain, section: Section, names: Sequence[str] | None) -> Target:
    odd = next((name for name in section.options if name not in DETECTION), None)
    if odd is not None:
        raise section.wrong(odd, f"{odd}={section.text(odd, ''):.40} is not known here")
    *before, last = chain.steps
    softmax = int(last.linear is not None)
    for name, wanted, usual in (
        ("coords", 4, 1),
        ("sqrt", 1, 0),
        ("softmax", softmax, 0),
        ("reorg", 0, 0),
    ):
        if section.integer(name, usual) != wanted:
            raise section.wrong(
                name,
                f"{name}={section.integer(name, usual)} is not supported",
                f"networks with {name}={wanted} are",
            )
    count, boxes = section.integer("classes", 1), section.integer("num", 1)
    grid = section.integer("side", 7)
    outputs = grid**2 * (5 * boxes + count)
    if last.row != Row("connected", channels=outputs):
        raise last.section.wrong(
            "output",
            f"before [detection] stands a linear connected layer of {outputs} outputs, "
            f"{grid}·{grid}·(5·{boxes} + {count})",
            f"compare it with [detection] in line {section.line}: side, num, classes",
        )
    if last.linear not in (None, grid**2 * count):
        raise last.section.wrong(
            "output",
            f"has {last.linear} outputs, the classes of all cells are {grid**2 * count}",
            f"compare it with [detection] in line {section.line}: side, classes",
        )
    classes, notes = _classes(section, count, names)
    if grid < 1 or boxes < 1:
        raise section.wrong("side" if grid < 1 else "num", "at least 1")
    config = ModelConfig(
        classes,
        arch=CUSTOM,
        head="fc",
        grid=grid,
        boxes=boxes,
        image_size=chain.side,
        norm=False,
        output="sigmoid" if softmax else "linear",
        mean=chain.preprocessing.mean,
        std=chain.preprocessing.std,
        layers=_rows(before),
    )
    return Target(config, True, linear=last.linear, notes=notes)


def _classes(
    section: Section, count: int, names: Sequence[str] | None
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if names is not None:
        return _fitting(section, count, names), ()
    if count == len(VOC):
        return VOC, ("20 classes: taken to be those of VOC; --names gives others",)
    raise UserError(
        f"what are the {counted(count, 'class')} called?",
        "name a file with a name in each line: --names coco.names",
        ExitCode.USAGE,
    )


def _fitting(section: Section, count: int, names: Sequence[str]) -> tuple[str, ...]:
    if len(names) != count:
        raise UserError(
            f"{counted(len(names), 'name')}, but [{section.name}] in line {section.line} "
            f"of {section.path} has {counted(count, 'class')}",
            "name the file of names that belongs to this network: --names FILE",
        )
    return tuple(names)


def _classifier(chain: Chain, section: Section, names: Sequence[str] | None) -> Target:
    """Return a classifier.

    A mean and a linear convolution of one pixel after it are the same as one before it, and then
    the convolution is a connected layer. What else gives the classes belongs to the head's layers.
    """
    for name, usual in SOFTMAX.items():
        if name not in section.options or section.text(name, "") == usual:
            continue
        note = f"[softmax] {name}={section.text(name, ''):.40} is not known here: a backbone alone"
        return replace(_backbone(chain), notes=(note,))
    features = _features(chain)
    rows = _rows(chain.steps)
    last = max(i for i, step in enumerate(chain.steps) if step.count)
    (outputs, side), after = chain.steps[-1].outputs, rows[last + 1 :]
    output: Literal["connected", "convolutional"] | None = None
    if rows[last] == Row("connected", outputs) and not after:
        output = "connected"
    if rows[last] == Row("conv", outputs) and side == 1 and set(after) <= {Row("average")}:
        output = "convolutional"
    if output is not None:
        rows = (*rows[:last], *after)
    head = rows[features:]
    dropout = head[1].rate if len(head) > 1 else 0.5
    hidden = (Row("connected", UNITS, act="relu"), Row("dropout", rate=dropout))
    known = _known(rows[:features]) if output is not None and head == hidden * 2 else None
    count = outputs * side**2
    if names is None:
        classes = tuple(map(str, range(count)))
        note = f"the classes are called 0 to {count - 1}: --names FILE names them"
    else:
        classes = _fitting(section, count, names[:count])
        extra = len(names) - len(classes)
        note = f"--names: the first {count} of {len(names)} names" if extra else ""
    config = ModelConfig(
        classes,
        arch=known or CUSTOM,
        head="fc",
        image_size=chain.side,
        dropout=dropout,
        mean=chain.preprocessing.mean,
        std=chain.preprocessing.std,
        task=CLASSIFY,
        layers=None if known else (*rows[:features], Row("head"), *head),
    )
    return Target(config, True, output, notes=(note,) if note else ())


def _features(chain: Chain) -> int:
    """Return how many steps of a chain are its backbone: those that do not tell the classes.

    Raises:
        UserError: there is no convolution among them.
    """
    steps = list(takewhile(lambda step: step.row.kind in BACKBONE, chain.steps))
    rest = chain.steps[len(steps) :]
    if chain.task is not None and not any(step.count for step in rest):
        while steps and not steps[-1].count:  # poolings
            steps.pop()
        del steps[-1:]  # the last convolution tells the classes
    if not any(step.count for step in steps):
        first = chain.steps[0].section
        raise first.wrong("", "begins no backbone: there are no convolutions before it")
    return len(steps)


def _backbone(chain: Chain) -> Target:
    """Return the convolutions of a classifier, or of a cfg file without a task."""
    steps = chain.steps[: _features(chain)]
    preprocessing = chain.preprocessing
    known = _known(_rows(steps))
    config = ModelConfig(
        ("object",),
        arch=known or CUSTOM,
        norm=True,
        mean=preprocessing.mean,
        std=preprocessing.std,
        layers=None if known else _rows(steps),
    )
    return Target(config, False)


def _rows(steps: Sequence[Step]) -> tuple[Row, ...]:
    return tuple(step.row for step in steps)


def _known(rows: Sequence[Row]) -> str | None:
    """Return the architecture here that has exactly these layers; None if there is none.

    Those with batch normalisation divide by another epsilon than Darknet.
    """
    table = architecture(rows).table
    for name, record in ARCHITECTURES.items():
        own = tuple(
            row._replace(
                padding=row.size // 2 if row.padding is None else row.padding,
                norm=False,
                act=record.activation,
            )
            if isinstance(row, Conv)
            else row
            for row in record.table
        )
        if own == table:
            return name
    return None
