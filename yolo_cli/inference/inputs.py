"""Whatever Python programs have pictures in, as items of the pipeline."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageOps
from torch import Tensor

from yolo_cli.data.images import to_rgb
from yolo_cli.inference.items import FileItem, Item, PictureItem
from yolo_cli.tasks.detect.result import Origin

Picture: TypeAlias = str | os.PathLike[str] | Image.Image | npt.NDArray[Any] | Tensor
"""A path; a PIL image; an array ``[H, W, 3]`` uint8 RGB; a tensor ``[3, H, W]``."""

_ROUNDING = 1e-4  # what float pictures may be beyond 1


def items_of(pictures: Picture | Sequence[Picture]) -> tuple[list[Item], bool]:
    """Items, and whether there was one picture alone and not a list.

    Raises:
        TypeError: for what is no picture.
        ValueError: for an array or tensor that is no picture by its shape, type or values.
    """
    if isinstance(pictures, list | tuple):
        return [_item(one) for one in pictures], False
    return [_item(pictures)], True


def _item(picture: object) -> Item:
    if isinstance(picture, str | os.PathLike):
        return FileItem.of(Path(picture))
    if isinstance(picture, Image.Image):
        name = str(getattr(picture, "filename", "") or "")
        upright = ImageOps.exif_transpose(picture)
        rgb = upright if upright.mode == "RGB" else to_rgb(upright)
        return PictureItem(Origin(name), rgb)
    if isinstance(picture, np.ndarray):
        return PictureItem(Origin(), _from_array(picture))
    if isinstance(picture, Tensor):
        return PictureItem(Origin(), _from_tensor(picture))
    raise TypeError(
        f"a picture is a path, a PIL image, a numpy array or a tensor, not {type(picture).__name__}"
    )


def _from_array(array: npt.NDArray[Any]) -> Image.Image:
    colour = array.shape[2:]
    if array.dtype != np.uint8 or array.ndim not in (2, 3) or colour not in ((), (1,), (3,)):
        raise ValueError(
            f"an array of a picture is uint8 [H, W, 3] in RGB order (OpenCV's BGR: "
            f"array[..., ::-1]) or [H, W] in grey, not {array.dtype} {list(array.shape)}"
        )
    if 0 in array.shape:
        raise ValueError(f"an array without pixels: {list(array.shape)}")
    flat = array[..., 0] if colour == (1,) else array
    return Image.fromarray(np.ascontiguousarray(flat)).convert("RGB")


def _from_tensor(tensor: Tensor) -> Image.Image:
    right_type = tensor.dtype == torch.uint8 or tensor.is_floating_point()
    if tensor.ndim != 3 or tensor.shape[0] not in (1, 3) or not right_type:
        raise ValueError(
            f"a tensor of a picture is [3, H, W] in RGB order, uint8 or float in [0, 1], not "
            f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"
        )
    pixels = tensor.detach().cpu()
    if pixels.is_floating_point():
        pixels = pixels.float()
        if pixels.numel() and not (
            float(pixels.min()) >= -_ROUNDING and float(pixels.max()) <= 1 + _ROUNDING
        ):
            raise ValueError(
                f"a float tensor of a picture lies in [0, 1], not in "
                f"[{float(pixels.min()):g}, {float(pixels.max()):g}]"
            )
        pixels = (pixels * 255).round().clamp(0, 255).to(torch.uint8)
    array: npt.NDArray[np.uint8] = pixels.permute(1, 2, 0).numpy()
    return _from_array(array)
