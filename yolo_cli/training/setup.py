"""From the options of ``yolo train`` to a trainer that is ready to run."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
import torchvision

import yolo_cli
from yolo_cli.data.dataset import open_dataset
from yolo_cli.data.loader import TrainingImages
from yolo_cli.data.sample import Dataset, Sample
from yolo_cli.data.splits import training_splits
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.model.config import Arch, ModelConfig, default_preprocessing
from yolo_cli.model.network import Network
from yolo_cli.model.pretrained import PretrainedBackbone, backbone_from_file, imagenet_backbone
from yolo_cli.model.runtime import pick_device, pick_dtype
from yolo_cli.model.weights import Weights, load_weights, transfer, weights_path
from yolo_cli.training.cache import (
    FeatureCache,
    cache_key,
    check_space,
    default_cache_folder,
    describe,
    feature_bytes,
)
#from yolo_cli.training.preview import save_preview
from yolo_cli.training.recipe import RECIPES, Recipe
from yolo_cli.training.reporter import Reporter
from yolo_cli.training.run import RunFolder
from yolo_cli.training.source import Source
from yolo_cli.training.trainer import Trainer

FROZEN_BLOCKS = 4  # of VGG-16 on a CPU: 91 % of its work, and general enough to be kept
VALIDATION_IMAGES = "val"


@dataclass(frozen=True)
class TrainOptions:
    """What a user asked for; None stands for "choose".

    ``recipe`` holds the fields of :class:`Recipe` that were given.
    """

    data: Path
    format: str | None = None
    train_split: str | None = None
    val_split: str | None = None
    skip_bad: bool = False
    arch: str | None = None
    head: str | None = None
    grid: int | None = None
    boxes: int | None = None
    image_size: int | None = None
    weights: str = "default"
    backbone: Path | None = None
    preprocessing: str | None = None
    recipe_name: str = "default"
    recipe: Mapping[str, object] = field(default_factory=dict)
    augment: bool = True
    device: str = "auto"
    precision: str = "auto"
    workers: int = 2
    cache_dir: Path | None = None


@dataclass(frozen=True)
class Start:
    """A network before training, and a line on where its tensors come from."""

    network: Network
    note: str


def build_network(options: TrainOptions, classes: tuple[str, ...], recipe: Recipe) -> Start:
    """The network that ``options`` describe, with pre-trained tensors where there are any."""
    if options.backbone is not None:
        return _from_backbone(
            options, classes, recipe, backbone_from_file(options.backbone, options.preprocessing)
        )
    if options.weights == "imagenet":
        return _from_backbone(options, classes, recipe, imagenet_backbone())
    if options.weights == "none":
        config = _new_config(options, classes, recipe, options.arch or "vgg16")
        return Start(Network(config), f"{config.arch} from scratch")
    path = weights_path(options.weights)
    weights = load_weights(path)
    wanted = options.arch or weights.config.arch
    if wanted != weights.config.arch:
        if options.weights != "default":
            raise UserError(
                f"{path} holds a {weights.config.arch} network, not {wanted}",
                f"leave --arch out, or start without weights: --weights none --arch {wanted}",
            )
        config = _new_config(options, classes, recipe, wanted)
        return Start(Network(config), f"{wanted} from scratch: there are no default weights of it")
    return _from_weights(options, classes, recipe, weights, path)


def _new_config(
    options: TrainOptions, classes: tuple[str, ...], recipe: Recipe, arch: str
) -> ModelConfig:
    config = ModelConfig(
        classes, arch=arch, dropout=recipe.dropout, norm=recipe.norm, output=recipe.output  # type: ignore[arg-type]
    )
    mean, std = default_preprocessing(config.arch)
    return replace(config, mean=mean, std=std, **_shape(options))


def _shape(options: TrainOptions) -> dict[str, Any]:
    """The options that change a network's shape, where given."""
    names = ("head", "grid", "boxes", "image_size")
    return {name: getattr(options, name) for name in names if getattr(options, name) is not None}


def _from_backbone(
    options: TrainOptions, classes: tuple[str, ...], recipe: Recipe, source: PretrainedBackbone
) -> Start:
    arch = options.arch or "vgg16"
    if arch != "vgg16":
        raise UserError(
            f"--arch {arch} has no use for VGG-16 convolutions",
            "leave --arch out, or --backbone and --weights imagenet",
            ExitCode.USAGE,
        )
    config = replace(
        _new_config(options, classes, recipe, arch), mean=source.mean, std=source.std
    )
    network = Network(config)
    backbone = {n for n in network.state_dict() if n.startswith("backbone.")}
    report = transfer(network, source.tensors)
    missing = backbone - set(report.kept)
    if missing:
        raise UserError(
            f"{source.origin}: not all of VGG-16's convolutions: {', '.join(sorted(missing))}"
        )
    return Start(network, f"VGG-16 convolutions from {source.origin}; the head starts afresh")


def _from_weights(
    options: TrainOptions,
    classes: tuple[str, ...],
    recipe: Recipe,
    weights: Weights,
    path: Path,
) -> Start:
    config = replace(
        weights.config, classes=classes, dropout=recipe.dropout, **_shape(options)
    )
    if options.recipe_name == "paper":  # its network differs in form, not only in training
        config = replace(config, norm=recipe.norm, output=recipe.output)
    network = Network(config)
    report = transfer(network, weights.tensors, weights.config)
    return Start(network, f"{path.name}: {report.summary()}")


def choose_recipe(
    options: TrainOptions, arch: Arch, images: int, device: torch.device, *, pretrained: bool
) -> Recipe:
    """The named recipe, with what was left open chosen for this dataset and machine.

    A pre-trained VGG-16 on a CPU keeps its first four blocks, and the smaller the dataset the
    more augmented copies and epochs it gets.
    """
    recipe = RECIPES[options.recipe_name]
    if not options.augment:
        recipe = replace(recipe, augmentation=None)
    chosen: dict[str, object] = {}
    if options.recipe_name == "default" and arch == "vgg16" and pretrained and device.type == "cpu":
        chosen["freeze"] = FROZEN_BLOCKS
    if options.recipe_name == "default":
        chosen["copies"] = max(1, min(6, 1200 // max(images, 1)))
        chosen["epochs"] = max(10, min(40, 6000 // max(images, 1)))
    return recipe.with_options(**{**chosen, **options.recipe})


def dataset_json(dataset: Dataset, note: str) -> dict[str, Any]:
    """What a run records of the images it used."""
    return {
        "root": str(dataset.root.resolve()),
        "format": dataset.format,
        "split": dataset.split,
        "note": note,
        "images": [sample.id for sample in dataset.samples],
        "skipped": list(dataset.skipped),
    }


def prepare(
    options: TrainOptions,
    out: Path | None,
    reporter: Reporter,
    *,
    resumed: RunFolder | None = None,
) -> Trainer:
    """Read the dataset, build the network, fill the cache, open the run folder.

    Args:
        options: what the user asked for, or the options of the run that is resumed.
        out: folder for a new run.
        reporter: what the user sees.
        resumed: the run to go on with.
    """
    device = pick_device(options.device)
    dtype = pick_dtype(options.precision, device)
    seed = int(str(options.recipe.get("seed") or 0))
    splits = training_splits(
        open_dataset(options.data, format=options.format, skip_bad=options.skip_bad),
        train=options.train_split,
        val=options.val_split,
        seed=seed,
    )
    train, val = splits.train, splits.val
    reporter.note(f"data      {options.data} ({train.format}): {splits.note}")
    for line in (*train.skipped, *val.skipped):
        reporter.note(f"skipped   {line}")

    run = resumed or RunFolder.create(out)
    torch.manual_seed(seed)
    pretrained = options.weights != "none" or options.backbone is not None
    arch: Arch = options.arch or "vgg16"  # type: ignore[assignment]  # checked by ModelConfig
    recipe = choose_recipe(options, arch, len(train), device, pretrained=pretrained)
    start = build_network(options, train.classes, recipe)
    network = start.network.to(device)
    network.freeze(recipe.freeze)
    trained = sum(p.numel() for p in network.parameters() if p.requires_grad)
    reporter.note(f"network   {start.note}")
    reporter.note(
        f"training  {recipe.epochs} epochs of {len(train)} images, batch {recipe.batch}, "
        f"{trained / 1e6:.1f} million parameters, first {recipe.freeze} blocks frozen, "
        f"{device.type} {str(dtype).removeprefix('torch.')}"
    )
    images = _images(train.samples, recipe, network.config.image_size)
    val_images = TrainingImages(val.samples, network.config.image_size, None, recipe.seed)
    if resumed is None:
        run.write_config(
            {
                "yolo_cli": yolo_cli.__version__,
                "torch": torch.__version__,
                "torchvision": torchvision.__version__,
                "command": sys.argv[1:],
                "options": _options_json(options),
                "model": network.config.to_json(),
                "recipe": recipe.to_json(),
                "start": start.note,
                "train": dataset_json(train, splits.note),
                "val": dataset_json(val, splits.note),
            }
        )
        if False: save_preview(run.preview, images, train.classes)
    reporter.note(f"run       {run.path}")
    if network.frozen and recipe.copies:
        folder = options.cache_dir or default_cache_folder()
        sources = _cached(network, images, val_images, recipe.copies, folder, device, dtype,
                          options.workers, reporter)
    else:
        sources = (
            Source(train.samples, images, 0, options.workers),
            Source(val.samples, val_images, 0, options.workers),
        )
    info = {
        "data": {"name": options.data.resolve().name, "train": len(train), "val": len(val)},
        "recipe": recipe.to_json(),
        "start": start.note,
        "yolo_cli": yolo_cli.__version__,
    }
    trainer = Trainer(network, recipe, *sources, run, dtype, reporter, info)
    if resumed is not None and run.checkpoint.exists():
        trainer.resume()
        reporter.note(f"resumed   after epoch {trainer.position.epoch} of {recipe.epochs}")
    return trainer


def _images(samples: Sequence[Sample], recipe: Recipe, size: int) -> TrainingImages:
    return TrainingImages(samples, size, recipe.augmentation, recipe.seed)


def _options_json(options: TrainOptions) -> dict[str, Any]:
    values = asdict(options)
    values["data"] = options.data.resolve()
    return {k: str(v) if isinstance(v, Path) else v for k, v in values.items()}


def options_from_json(values: Mapping[str, Any]) -> TrainOptions:
    """The inverse of what ``config.json`` holds under ``options``."""
    paths = {
        name: Path(values[name]) if values[name] is not None else None
        for name in ("data", "backbone", "cache_dir")
    }
    return TrainOptions(**{**values, **paths})


def _cached(
    network: Network,
    train: TrainingImages,
    val: TrainingImages,
    copies: int,
    folder: Path,
    device: torch.device,
    dtype: torch.dtype,
    workers: int,
    reporter: Reporter,
) -> tuple[Source, Source]:
    """Sources that read the frozen blocks' activations from disk; computes what is missing."""
    caches = [
        FeatureCache(folder / cache_key(network, images.samples, images, dtype), images, count)
        for images, count in ((train, copies), (val, 1))
    ]
    each = feature_bytes(network)
    total = [len(cache) * cache.copies for cache in caches]
    missing = [len(cache.missing_keys()) for cache in caches]
    reporter.note(
        f"cache     {folder}: {sum(total) * each / 1e9:.2f} GB, "
        f"{sum(missing)} of {sum(total)} images to compute"
    )
    check_space(folder, sum(missing) * each)
    for name, cache, count, lack in zip(("train", "val"), caches, total, missing, strict=True):
        if not lack:
            continue
        describe(
            cache.folder,
            {"data": str(train.samples[0].image.parent), "part": name, "blocks": network.frozen},
        )
        reporter.begin(f"caching {name}", count, count - lack)
        cache.build(network, device=device, dtype=dtype, workers=workers, progress=reporter.advance)
        reporter.end()
    return tuple(  # type: ignore[return-value]
        Source(cache.images.samples, cache, network.frozen, 0) for cache in caches
    )
