"""Two connected layers side by side, put together by routes: the output of our own detectors.

A detector here has logits for its classes and sigmoids for all else, and a layer of Darknet has one
activation. So :mod:`yolo_cli.darknet.sections` writes two, and here they are one again::

    [connected] linear, [route] layers=-2, [connected] logistic, [route] layers=-3,-1
"""

from __future__ import annotations

from collections.abc import Sequence

from yolo_cli.darknet.cfg import Section

ROUTES = ("-2", "-3,-1")  # back to the layer before the first; the outputs of both
ACTIVATIONS = ("linear", "logistic")


def split_off(sections: Sequence[Section]) -> tuple[Sequence[Section], tuple[Section, ...]]:
    """Return the layers before such a pair, and the two; all layers and none without it at the end.

    Args:
        sections: of a detector's layers, in order.

    Raises:
        UserError: an option is not of its kind.
    """
    before, end = sections[:-4], sections[-4:]
    if not before or [one.name for one in end] != ["connected", "route"] * 2:
        return sections, ()
    halves, routes = tuple(end[::2]), end[1::2]
    found = (
        tuple(one.text("layers", "") for one in routes),
        tuple(one.text("activation", "logistic") for one in halves),
    )
    plain = all(set(one.options) == {"layers"} for one in routes) and not any(
        one.integer("batch_normalize", 0) for one in halves
    )
    return (before, halves) if plain and found == (ROUTES, ACTIVATIONS) else (sections, ())
