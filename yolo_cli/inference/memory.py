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
from yolo_cli.inference.items import FileItem, Item, PictureItem, WebItem
from yolo_cli.inference.web import is_address
from yolo_cli.tasks.result import Origin

Picture: TypeAlias = str | os.PathLike[str] | Image.Image | npt.NDArray[Any] | Tensor
"""A path or address; a PIL image; an array ``[H, W, C]`` RGB; a tensor ``[C, H, W]``."""

_ROUNDING = 1e-4  # what float pictures may be beyond 1
_COLOURS = ((), (1,), (3,), (4,))  # shapes behind height and width: grey, RGB, RGBA


def items_of(pictures: Picture | Sequence[Picture]) -> tuple[list[Item], bool]:
    """Return items, and whether there is one picture alone and not a list.

    Raises:
        TypeError: for what is no picture.
        ValueError: for an array or tensor that is no picture by its shape, type or values.
    """
    if isinstance(pictures, list | tuple):
        return [_item(one) for one in pictures], False
    return [_item(pictures)], True


def _item(picture: object) -> Item:
    if isinstance(picture, str) and is_address(picture):
        return WebItem(Origin(picture))
    if isinstance(picture, str | os.PathLike):
        return FileItem.of(Path(picture))
    if isinstance(picture, Image.Image):
        if 0 in picture.size:
            raise ValueError(f"an image without pixels: {picture.width} x {picture.height}")
        name = str(getattr(picture, "filename", "") or "")
        upright = ImageOps.exif_transpose(picture)
        rgb = upright if upright.mode == "RGB" else to_rgb(upright)
        return PictureItem(Origin(name), rgb)
    if isinstance(picture, np.ndarray):
        return PictureItem(Origin(), _from_array(picture))
    if isinstance(picture, Tensor):
        return PictureItem(Origin(), _from_tensor(picture))
    raise TypeError(
        "a picture is a path, an http(s) address, a PIL image, a numpy array or a tensor, "
        f"not {type(picture).__name__}"
    )


def _from_array(array: npt.NDArray[Any]) -> Image.Image:
    floats = np.issubdtype(array.dtype, np.floating)
    right_type = floats or array.dtype == np.uint8
    if not right_type or array.ndim not in (2, 3) or array.shape[2:] not in _COLOURS:
        raise ValueError(
            f"an array of a picture is [H, W, 3] in RGB order (OpenCV's BGR: array[..., ::-1]), "
            f"[H, W, 4] with opacity or [H, W] in grey, uint8 or float in [0, 1], "
            f"not {array.dtype} {list(array.shape)}"
        )
    if 0 in array.shape:
        raise ValueError(f"an array without pixels: {list(array.shape)}")
    if floats:
        low, high = float(array.min()), float(array.max())
        if not (low >= -_ROUNDING and high <= 1 + _ROUNDING):
            raise ValueError(f"a picture of floats lies in [0, 1], not in [{low:g}, {high:g}]")
        array = (array.astype(np.float32) * 255).round().clip(0, 255).astype(np.uint8)
    flat = array[..., 0] if array.shape[2:] == (1,) else array
    return to_rgb(Image.fromarray(np.ascontiguousarray(flat)))


def _from_tensor(tensor: Tensor) -> Image.Image:
    right_type = tensor.dtype == torch.uint8 or tensor.is_floating_point()
    if tensor.ndim != 3 or tuple(tensor.shape[:1]) not in _COLOURS or not right_type:
        raise ValueError(
            f"a tensor of a picture is [3, H, W] in RGB order, uint8 or float in [0, 1], not "
            f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"
        )
    pixels = tensor.detach().cpu()
    if pixels.is_floating_point():
        pixels = pixels.float()  # numpy has no bfloat16
    return _from_array(pixels.permute(1, 2, 0).numpy())
