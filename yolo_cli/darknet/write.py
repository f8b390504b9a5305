"""Weights of this tool as Darknet's cfg and weights files.

What came from Darknet goes back byte by byte. Any other network is written layer by layer. Where it
does something that Darknet's layers do not, two of them together do: a 1×1 convolution normalises
the input, and connected layers put outputs in Darknet's order.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from yolo_cli.darknet.cfg import parse_cfg
from yolo_cli.darknet.chain import chain_of
from yolo_cli.darknet.header import Header
from yolo_cli.darknet.layout import blocks_of, encode
from yolo_cli.darknet.read import REST
from yolo_cli.darknet.sections import Sections
from yolo_cli.darknet.target import target_of
from yolo_cli.errors import UserError
from yolo_cli.files import atomic_path
from yolo_cli.model.config import CLASSIFY, DETECT
from yolo_cli.model.weights import Weights
from yolo_cli.tasks.networks import network_of, shapes_of


@dataclass(frozen=True, eq=False)
class Files:
    """A network as Darknet reads it.

    Attributes:
        cfg: text of the cfg file.
        weights: content of the weights file.
        names: text of the file with the classes' names; empty for a backbone alone.
    """

    cfg: str
    weights: bytes
    names: str

    def write(self, folder: Path, stem: str) -> None:
        """Write a new folder, whole or not at all: ``STEM.cfg`` and so on.

        Raises:
            UserError: it cannot be written.
        """
        with atomic_path(folder) as temporary:
            temporary.mkdir()
            text = self.cfg.encode("utf-8", errors="surrogateescape")
            (temporary / f"{stem}.cfg").write_bytes(text)
            (temporary / f"{stem}.weights").write_bytes(self.weights)
            if self.names:
                (temporary / f"{stem}.names").write_text(self.names, "utf-8")


def to_darknet(weights: Weights) -> Files:
    """Return a network as Darknet's files.

    Args:
        weights: of a network, or of a backbone alone.

    Raises:
        UserError: Darknet has no such task.
    """
    config = weights.config
    if config.task not in (DETECT, CLASSIFY):
        raise UserError(f"Darknet's files hold detectors and classifiers, not {config.task}")
    names = "" if weights.backbone_alone else "".join(f"{name}\n" for name in config.classes)
    again = _as_it_came(weights)
    if again is not None:
        return Files(*again, names)
    sections = Sections(config)
    if weights.backbone_alone:
        network = shapes_of(config)
        own = {n: t.float() for n, t in weights.tensors.items() if n.startswith("backbone.")}
        network.load_state_dict(own, strict=False, assign=True)
        sections.layers(network.backbone.features)
    else:
        network = network_of(weights)
        sections.layers(network.backbone.features)
        if config.task == CLASSIFY:
            sections.classifier(network)
        else:
            sections.detector(network)
    return Files(sections.text, Header().encode() + sections.numbers, names)


def _as_it_came(weights: Weights) -> tuple[str, bytes] | None:
    """Return cfg and weights of a network that came from Darknet and was not changed since."""
    origin = weights.info.get("darknet")
    if not isinstance(origin, dict):
        return None
    try:
        text = str(origin["cfg"])
        major, minor, revision = origin["version"]
        header = Header((int(major), int(minor), int(revision)), int(origin["seen"]))
        chain = chain_of(parse_cfg(text, Path("cfg")))
        whole = not weights.backbone_alone
        target = target_of(chain, weights.config.classes, whole=whole)
        start = header.encode()
    except (UserError, KeyError, TypeError, ValueError, OverflowError, struct.error):
        return None  # not what was written; the tensors speak for themselves
    if target.config != weights.config:
        return None
    blocks = blocks_of(shapes_of(target.config), target)
    numbers = encode(blocks, weights.tensors, transposed=header.transposed)
    rest = weights.tensors.get(REST)
    if rest is not None:
        numbers += rest.float().numpy().astype("<f4").tobytes()
    return text, start + numbers
