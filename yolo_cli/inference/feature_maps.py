"""The feature maps of one layer for one photograph."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image
from torch import Tensor, nn
from torchvision.transforms.v2.functional import to_pil_image

from yolo_cli.data.images import read_image
from yolo_cli.data.transforms import stretch
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.model.network import Network
from yolo_cli.model.table import Forward, Row, find_row, hooked, tabulate
from yolo_cli.pictures.feature_maps import chosen, draw_maps
from yolo_cli.tasks.networks import load_weights, network_of, shapes_of


@dataclass(frozen=True, eq=False)
class FeatureMaps:
    """What a layer gives for a photograph.

    Attributes:
        number: of the layer in the network's table, from 1.
        row: the layer.
        values: ``[C, H, W]`` float32.
        seen: the photograph as the network sees it, stretched to a square.
    """

    number: int
    row: Row
    values: Tensor
    seen: Image.Image

    @property
    def shown(self) -> int:
        """How many maps are drawn."""
        return len(chosen(self.values.numpy()))

    @property
    def silent(self) -> int:
        """How many channels have the same value everywhere: they have found nothing."""
        return int((self.values.amax(dim=(1, 2)) == self.values.amin(dim=(1, 2))).sum())

    def draw(self, network: str) -> Image.Image:
        """Draw them beside the photograph; ``network`` is the name that the title has for it."""
        count, height, width = self.values.shape
        title = f"{self.row.name}, layer {self.number} of {network}: {count} maps of "
        title += f"{height}×{width}"
        if self.shown < count:
            title += f", the {self.shown} that vary most"
        return draw_maps(self.values.numpy(), self.seen, title)


def feature_maps(weights: Path, photograph: Path, layer: str) -> FeatureMaps:
    """Run a network on a photograph and keep what one layer gives, activation included.

    Args:
        weights: file of the network.
        photograph: image file.
        layer: number or name in the network's table.

    Raises:
        UserError: for a file that cannot be read, a layer that there is not, and a connected one,
            whose outputs have no place in the picture.
    """
    loaded = load_weights(weights)
    side = loaded.config.image_size
    rows = tabulate(shapes_of(loaded.config), side)
    index = find_row(rows, layer)
    row = rows[index]
    if not row.field:
        last = [one.name for one in rows if one.field][-1]
        raise UserError(
            f"--layer {layer}: the {row.shape[0]} outputs of {row.name} have no place in the "
            "picture",
            f"the last layer with maps is {last}",
            ExitCode.USAGE,
        )
    pixels = stretch(read_image(photograph), side)
    values = _outputs(network_of(loaded), pixels, row.module)
    return FeatureMaps(index + 1, row, values, to_pil_image(pixels))


def _outputs(network: Network, pixels: Tensor, module: str) -> Tensor:
    """Return ``[C, H, W]``, what a module gives for ``[3, S, S]`` pixels."""
    found: list[Tensor] = []

    def see(name: str) -> Forward:
        def keep(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
            if name == module:
                found.append(output[0].float().clone())

        return keep

    network.eval()
    with torch.no_grad(), hooked(network, see):
        network(pixels[None])
    return found[0]
