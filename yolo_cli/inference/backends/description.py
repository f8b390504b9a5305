"""What an exported file says of itself: the metadata of a weights file, as text by name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from yolo_cli.errors import UserError
from yolo_cli.inference.backends.graph import FORMAT, FORMAT_NAME
from yolo_cli.model.config import ModelConfig


@dataclass(frozen=True)
class Description:
    """What an exported network says of itself.

    Attributes:
        config: classes, preprocessing, grid, form of the output.
        info: plain values about the training.
        int8: whether it was quantised.
    """

    config: ModelConfig
    info: dict[str, Any] = field(default_factory=dict)
    int8: bool = False

    @classmethod
    def read(cls, path: Path, values: Mapping[str, str]) -> Description:
        """Read the metadata of a file.

        Raises:
            UserError: it is not an export of this tool, or a newer version's, or damaged.
        """
        written = values.get("format", "")
        if not written.startswith(FORMAT_NAME):
            raise UserError(
                f"{path}: not an export of yolo-cli: it does not say what its outputs mean",
                "yolo export writes such files",
            )
        if written != FORMAT:
            raise UserError(
                f"{path}: {written!r:.40} is not a format that this version reads",
                "the file was written by a newer version of yolo-cli",
            )
        try:
            # NaN and Infinity, which are no JSON, are not handed on.
            read = partial(json.loads, parse_constant=lambda _: None)
            model, info = read(values["model"]), read(values["info"])
            if not isinstance(info, dict):
                raise ValueError(f"info is a {type(info).__name__}")
            config = ModelConfig.from_json(model)
        except (KeyError, ValueError, RecursionError) as error:
            raise UserError(f"{path}: the metadata is damaged: {error}") from error
        except UserError as error:
            raise UserError(f"{path}: {error.message}", error.hint) from error
        return cls(config, info, values.get("precision") == "int8")
