"""The network that a run starts from: from scratch, from ImageNet, or from weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from yolo_cli.errors import ExitCode, UserError
from yolo_cli.model.config import CLASSIFY, ModelConfig, new_config
from yolo_cli.model.custom import split
from yolo_cli.model.embedded import default_for, weights_path
from yolo_cli.model.network import Network
from yolo_cli.model.pretrained import PretrainedBackbone, backbone_from_file, imagenet_backbone
from yolo_cli.model.weights import Weights
from yolo_cli.tasks.networks import build_network, load_weights
from yolo_cli.tasks.task import Task
from yolo_cli.tasks.transfer import transfer
from yolo_cli.text import counted, listed
from yolo_cli.training.options import TrainOptions
from yolo_cli.training.recipe import Recipe


@dataclass(frozen=True)
class Start:
    """Where a network's tensors come from, read and not yet used.

    Attributes:
        arch: of the network.
        weights: of a whole network, where there are any.
        path: their file.
        backbone: of the convolutions alone, where there are any.
        remark: why there is neither, where that needs saying.
    """

    arch: str
    weights: Weights | None = None
    path: Path | None = None
    backbone: PretrainedBackbone | None = None
    remark: str = ""

    @property
    def pretrained(self) -> bool:
        """Say whether the backbone has learned something already."""
        return self.weights is not None or self.backbone is not None


def find_start(options: TrainOptions, task: Task) -> Start:
    """Read the weights that ``options`` name, or else those that a task begins with.

    Raises:
        UserError: if they cannot be read or do not fit the options.
    """
    arch = options.arch or ModelConfig.arch
    if options.backbone is not None:
        if options.weights not in ("default", "none"):
            raise UserError(
                f"--weights {options.weights} and --backbone {options.backbone}: "
                "a run starts from one of them",
                "leave one out",
                ExitCode.USAGE,
            )
        source = backbone_from_file(options.backbone, options.preprocessing, arch)
        return Start(arch, backbone=source)
    if options.weights == "imagenet":
        return Start(arch, backbone=imagenet_backbone(arch))
    if options.weights == "none":
        return Start(arch)
    name = options.weights
    if name == "default":
        name = default_for(options.arch, options.grid, task.start)
    path = weights_path(name)
    weights = load_weights(path, part=True)
    if options.arch in (None, weights.config.arch):
        return Start(weights.config.arch, weights, path)
    if options.weights == "default":
        return Start(arch, remark=": the default weights are of another")
    raise UserError(
        f"{path} holds a {weights.config.arch} network, not {options.arch}",
        f"leave --arch out, or start without weights: --weights none --arch {options.arch}",
    )


def start_network(
    start: Start,
    options: TrainOptions,
    task: Task,
    classes: tuple[str, ...],
    recipe: Recipe,
    grid: int | None,
) -> tuple[Network, str]:
    """Build a network and give it the tensors that it starts from.

    Args:
        start: where its tensors come from.
        options: shape of the network.
        task: that the network is for.
        classes: names of the dataset's.
        recipe: dropout, normalisation and form of the output.
        grid: S; None for that of the weights, or the default.

    Returns:
        The network, float32 on the CPU, and one line that says where its tensors are from.

    Raises:
        UserError: if the tensors do not fit.
    """
    shape = _shape(options, grid)
    if start.weights is not None and start.weights.config.task != task.name:
        return _from_another_task(start, task, classes, recipe, shape)
    if start.weights is not None:
        assert start.path is not None
        network = build_network(_from_weights(start.weights, options, classes, recipe, shape))
        report = transfer(network, start.weights.tensors, start.weights.config)
        return network, f"{start.path.name}: {report.summary()}"
    config = new_config(
        classes,
        arch=start.arch,
        dropout=recipe.dropout,
        norm=recipe.norm,
        output=recipe.output,
        **{**task.model, "task": task.name, **shape},
    )
    if start.backbone is None:
        return build_network(config), f"{config.arch} from scratch{start.remark}"
    return _from_backbone(config, start.backbone)


def _shape(options: TrainOptions, grid: int | None) -> dict[str, Any]:
    """Return what changes a network's shape, where given."""
    shape = {
        "head": options.head,
        "upsample": options.upsample,
        "grid": grid,
        "boxes": options.boxes,
        "image_size": options.image_size,
    }
    return {name: value for name, value in shape.items() if value is not None}


def _from_backbone(config: ModelConfig, backbone: PretrainedBackbone) -> tuple[Network, str]:
    title = config.architecture.title
    network = build_network(replace(config, **backbone.preprocessing._asdict()))
    connected = backbone.connected if (config.task, config.head) == (CLASSIFY, "fc") else {}
    report = transfer(network, {**backbone.tensors, **connected})
    own = {name for name in network.state_dict() if name.startswith("backbone.")}
    if missing := own - set(report.kept):
        raise UserError(
            f"{backbone.origin}: not all convolutions of {title}: {listed(sorted(missing), 4)}"
        )
    kept = sum(name.startswith("head.") for name in report.kept) // 2
    rest = f"{counted(kept, 'connected layer')} too; the rest" if kept else "the head"
    return network, f"{title} convolutions from {backbone.origin}; {rest} starts afresh"


def _from_another_task(
    start: Start,
    task: Task,
    classes: tuple[str, ...],
    recipe: Recipe,
    shape: dict[str, Any],
) -> tuple[Network, str]:
    """Take the backbone of a network for another task, as YOLOv1 took that of a classifier."""
    assert start.weights is not None
    assert start.path is not None
    old = start.weights.config
    config = new_config(
        classes,
        arch=old.arch,
        dropout=recipe.dropout,
        norm=old.norm,
        output=recipe.output,
        width=old.width,
        mean=old.mean,
        std=old.std,
        layers=None if old.layers is None else split(old.layers)[0],
        **{**task.model, "task": task.name, **shape},
    )
    if old.widths is not None:
        rest = old.architecture.widths(old.width)[len(old.widths) :]
        widths = (*old.widths, *rest)[: config.convolutions]
        config = replace(config, widths=widths)
    network = build_network(config)
    tensors = start.weights.tensors
    backbone = {name: tensors[name] for name in tensors if name.startswith("backbone.")}
    kept = transfer(network, backbone).kept
    whole = len([name for name in network.state_dict() if name.startswith("backbone.")])
    share = "backbone" if len(kept) == whole else f"{len(kept)} of {whole} tensors of the backbone"
    return network, f"{start.path.name} ({old.task}): its {share}; the rest starts afresh"


def _from_weights(
    weights: Weights,
    options: TrainOptions,
    classes: tuple[str, ...],
    recipe: Recipe,
    shape: dict[str, Any],
) -> ModelConfig:
    config = replace(weights.config, classes=classes, dropout=recipe.dropout, **shape)
    # A cell of another size adds a layer to the connected head, or takes one away.
    kept = config.head == "conv" or config.stride == weights.config.stride
    if config.head != weights.config.head or not kept:
        config = replace(config, head_widths=None)
    if options.recipe_name == "paper":  # its network differs in form, not only in training
        config = replace(config, norm=recipe.norm, output=recipe.output)
    return config
