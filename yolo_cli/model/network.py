"""The network: normalisation, backbone, head."""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from yolo_cli.errors import ExitCode, UserError
from yolo_cli.model.backbone import Backbone
from yolo_cli.model.config import ModelConfig
from yolo_cli.model.head import BuildHead
from yolo_cli.model.layers import fuse_norm


class Network(nn.Module):
    """A network, from 8-bit RGB images to the raw output of its task.

    Args:
        config: what it is built from.
        build_head: builds the head of its task.

    Attributes:
        config: what it was built from.
        backbone: image to feature map, in blocks.
        head: feature map to raw output.
        frozen: number of leading backbone blocks that are not trained.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, config: ModelConfig, build_head: BuildHead) -> None:
        super().__init__()
        self.config = config
        self.backbone = Backbone(config)
        self.head = build_head(config, self.backbone.channels, self.backbone.stride)
        self.frozen = 0
        self.place_preprocessing()

    def place_preprocessing(self, device: torch.device | None = None) -> None:
        """Put mean and std, in float32, on a device; None for torch's default one."""
        # Not in the state dict: the preprocessing travels in the configuration.
        for name, values in (("mean", self.config.mean), ("std", self.config.std)):
            # Multiplied on the CPU: on the meta device torch would import its compiler for it.
            scaled = torch.tensor(values, device="cpu").view(1, 3, 1, 1) * 255
            scaled = scaled.to(device or torch.get_default_device())
            self.register_buffer(name, scaled, persistent=False)

    def normalise(self, images: Tensor) -> Tensor:
        """Turn ``[N, 3, H, W]`` uint8 RGB into what the first convolution expects, in its type."""
        mean, std = self.mean.float(), self.std.float()
        return ((images.float() - mean) / std).to(self.dtype)

    @property
    def dtype(self) -> torch.dtype:
        """Return the backbone's type: float32, or bfloat16 when converted for inference."""
        return next(self.backbone.parameters()).dtype

    def forward(self, x: Tensor, depth: int = 0) -> Tensor:
        """Compute the raw output.

        Args:
            x: ``[N, 3, H, W]`` uint8 RGB images of the configured size; for ``depth`` > 0 the
                activations of backbone block ``depth``.
            depth: number of backbone blocks that ``x`` has passed.

        Returns:
            Float32; a task's own module says how it is laid out.
        """
        if depth == 0:
            x = self.normalise(x)
        result: Tensor = self.head(self.backbone(x, depth))
        return result

    def freeze(self, blocks: int) -> None:
        """Keep the first ``blocks`` blocks of the backbone as they are.

        Raises:
            UserError: if the backbone has fewer blocks.
        """
        if not 0 <= blocks <= self.backbone.blocks:
            raise UserError(
                f"--freeze {blocks}: the {self.config.arch} backbone has "
                f"{self.backbone.blocks} blocks",
                f"use --freeze 0 to {self.backbone.blocks}",
                ExitCode.USAGE,
            )
        self.frozen = blocks
        self.backbone.requires_grad_(True)
        self.frozen_part().requires_grad_(False)
        self.train(self.training)

    def frozen_part(self) -> nn.Sequential:
        """Return the frozen blocks as one sequence."""
        return self.backbone.block(0, self.frozen)

    def train(self, mode: bool = True) -> Network:
        """Set training mode; frozen blocks keep their normalisation statistics."""
        super().train(mode)
        if self.frozen:
            self.frozen_part().eval()
        return self

    def to_inference(self, dtype: torch.dtype, device: torch.device) -> Network:
        """Turn this network into its fastest form for inference, and return it.

        Batch norms become part of the convolutions before them, weights become ``dtype`` in
        channels_last layout; the predictor stays float32.
        """
        self.eval().requires_grad_(False)
        _fuse_norms(self)
        # In one pass over the weights, which torch's stub knows nothing of.
        self.to(device=device, dtype=dtype, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.head.predictor.float()
        self.place_preprocessing(device)
        return self


def _fuse_norms(network: nn.Module) -> None:
    """Scale and shift convolutions as the normalisation after each would; in place."""
    for sequence in [m for m in network.modules() if isinstance(m, nn.Sequential)]:
        layers = list(sequence)
        for i, (layer, norm) in enumerate(pairwise(layers)):
            if isinstance(layer, nn.Conv2d | nn.Linear) and isinstance(norm, nn.BatchNorm2d):
                sequence[i] = fuse_norm(layer, norm)
                sequence[i + 1] = nn.Identity().eval()  # the others keep their numbers
