"""The network that a run starts from: from scratch, from ImageNet, or from weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from yolo_cli.errors import ExitCode, UserError
from yolo_cli.model.config import ModelConfig, new_config
from yolo_cli.model.network import Network
from yolo_cli.model.pretrained import PretrainedBackbone, backbone_from_file, imagenet_backbone
from yolo_cli.model.weights import Weights, default_for, weights_path
from yolo_cli.tasks.networks import build_network, load_weights
from yolo_cli.tasks.transfer import transfer
from yolo_cli.training.options import TrainOptions
from yolo_cli.training.recipe import Recipe


@dataclass(frozen=True)
class Start:
    """A network before training.

    Attributes:
        network: float32 on the CPU.
        note: where its tensors come from, one line.
        pretrained: whether its backbone has learned something already.
    """

    network: Network
    note: str
    pretrained: bool


def start_network(options: TrainOptions, classes: tuple[str, ...], recipe: Recipe) -> Start:
    """The network that ``options`` describe, with pre-trained tensors where there are any.

    Raises:
        UserError: if the weights cannot be read or do not fit the options.
    """
    if options.backbone is not None:
        if options.weights not in ("default", "none"):
            raise UserError(
                f"--weights {options.weights} and --backbone {options.backbone}: "
                "a run starts from one of them",
                "leave one out",
                ExitCode.USAGE,
            )
        source = backbone_from_file(options.backbone, options.preprocessing)
        return _from_backbone(options, classes, recipe, source)
    if options.weights == "imagenet":
        return _from_backbone(options, classes, recipe, imagenet_backbone())
    if options.weights == "none":
        return _from_scratch(options, classes, recipe, "")
    named = options.weights
    path = weights_path(default_for(options.arch) if named == "default" else named)
    weights = load_weights(path)
    if options.arch in (None, weights.config.arch):
        return _from_weights(options, classes, recipe, weights, path)
    if options.weights == "default":
        return _from_scratch(options, classes, recipe, ": the default weights are of another")
    raise UserError(
        f"{path} holds a {weights.config.arch} network, not {options.arch}",
        f"leave --arch out, or start without weights: --weights none --arch {options.arch}",
    )


def _config(options: TrainOptions, classes: tuple[str, ...], recipe: Recipe) -> ModelConfig:
    return new_config(
        classes,
        arch=options.arch,
        dropout=recipe.dropout,
        norm=recipe.norm,
        output=recipe.output,
        **_shape(options),
    )


def _shape(options: TrainOptions) -> dict[str, Any]:
    """The options that change a network's shape, where given."""
    names = ("head", "grid", "boxes", "image_size")
    return {name: getattr(options, name) for name in names if getattr(options, name) is not None}


def _from_scratch(
    options: TrainOptions, classes: tuple[str, ...], recipe: Recipe, why: str
) -> Start:
    config = _config(options, classes, recipe)
    return Start(build_network(config), f"{config.arch} from scratch{why}", pretrained=False)


def _from_backbone(
    options: TrainOptions, classes: tuple[str, ...], recipe: Recipe, source: PretrainedBackbone
) -> Start:
    if options.arch not in (None, "vgg16"):
        raise UserError(
            f"--arch {options.arch} has no use for VGG-16 convolutions",
            "leave out --arch, or --backbone and --weights imagenet",
            ExitCode.USAGE,
        )
    config = replace(_config(options, classes, recipe), mean=source.mean, std=source.std)
    network = build_network(config)
    report = transfer(network, source.tensors)
    backbone = {name for name in network.state_dict() if name.startswith("backbone.")}
    missing = backbone - set(report.kept)
    if missing:
        raise UserError(
            f"{source.origin}: not all of VGG-16's convolutions: {', '.join(sorted(missing))}"
        )
    note = f"VGG-16 convolutions from {source.origin}; the head starts afresh"
    return Start(network, note, pretrained=True)


def _from_weights(
    options: TrainOptions, classes: tuple[str, ...], recipe: Recipe, weights: Weights, path: Path
) -> Start:
    config = replace(weights.config, classes=classes, dropout=recipe.dropout, **_shape(options))
    if options.recipe_name == "paper":  # its network differs in form, not only in training
        config = replace(config, norm=recipe.norm, output=recipe.output)
    network = build_network(config)
    report = transfer(network, weights.tensors, weights.config)
    return Start(network, f"{path.name}: {report.summary()}", pretrained=True)
