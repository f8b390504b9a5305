"""Write a network for another runtime, run it there at once, and compare it with torch."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import Tensor

from yolo_cli.data.sample import Dataset
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.export.images import COMPARED, Pictures, spread
from yolo_cli.export.quantise import IMAGES, quantise
from yolo_cli.files import atomic_path, check_folder
from yolo_cli.inference.backends.backend import Backend
from yolo_cli.inference.backends.graph import RAW, to_onnx
from yolo_cli.inference.backends.ncnn_backend import NcnnBackend
from yolo_cli.inference.backends.ncnn_folder import write_folder
from yolo_cli.inference.backends.ncnn_graph import to_ncnn
from yolo_cli.inference.backends.ncnn_net import library
from yolo_cli.inference.backends.onnx_backend import OnnxBackend
from yolo_cli.inference.backends.openvino_backend import FILE, OpenVinoBackend, describe
from yolo_cli.inference.backends.torch_backend import TorchBackend
from yolo_cli.inference.predictor import Predictor
from yolo_cli.inference.score import score_dataset
from yolo_cli.model.config import ModelConfig
from yolo_cli.model.network import Network
from yolo_cli.model.weights import Weights
from yolo_cli.optional import optional
from yolo_cli.tasks.contract.export import Deviation
from yolo_cli.tasks.networks import network_of
from yolo_cli.tasks.task import task_of

if TYPE_CHECKING:
    import onnx

FormatName = Literal["onnx", "openvino", "ncnn"]
Exported = OnnxBackend | OpenVinoBackend | NcnnBackend
MAP_IMAGES = 500  # scored for the loss that eight bits cost: minutes, not hours


@dataclass(frozen=True)
class Options:
    """What to export.

    Attributes:
        format: ``onnx``, one file; ``openvino``, a folder with ``model.xml`` and ``model.bin``;
            ``ncnn``, a folder with ``model.param``, ``model.bin`` and ``model.json``.
        dynamic: any number of images at once, else one.
        int8: multiply in eight bits.
        thresholds: the task's; with them, its results are outputs too; None for ``raw`` alone.
    """

    format: FormatName
    dynamic: bool = False
    int8: bool = False
    thresholds: Any = None


@dataclass(frozen=True)
class ExportReport:
    """What was exported, and how it compares with torch in float32.

    Attributes:
        path: the file or folder.
        megabytes: its size.
        image_size: pixels along each side of the network's input.
        raw: the comparison of the raw outputs.
        detections: the comparison of the graph's own results with ours; None without them.
        metric: name of the score below.
        score_torch: of torch, 0-100; None where there are no labels or nothing to lose.
        score_export: likewise of the export.
        score_images: how many images the two were scored on.
    """

    path: Path
    megabytes: float
    image_size: int
    raw: Deviation
    detections: Deviation | None = None
    metric: str = ""
    score_torch: float | None = None
    score_export: float | None = None
    score_images: int = 0


def target_path(weights: Path, out: Path | None, format: FormatName) -> Path:  # noqa: A002
    """Return where an export is written.

    Args:
        weights: the weights file, which gives the name if ``out`` is None.
        out: what the user named.
        format: of the export.

    Raises:
        UserError: ``out`` has the suffix of something else, or is a folder where a file is to be,
            or the other way round.
    """
    if format == "onnx":
        path = out or Path(f"{weights.stem}.onnx")
        if path.suffix != ".onnx" or path.is_dir():
            raise UserError(
                f"--out {path}: an ONNX file ends in .onnx", f"try {path}.onnx", ExitCode.USAGE
            )
        return path
    path = out or Path(f"{weights.stem}-{format}")
    check_folder(path, "--out")
    return path


def export(
    weights: Weights,
    out: Path,
    options: Options,
    *,
    compared: Pictures,
    calibration: Pictures | None = None,
    say: Callable[[str], None] = lambda _line: None,
) -> ExportReport:
    """Write a network for another runtime; the file gets its name only once it has been checked.

    Args:
        weights: of the network.
        out: the file or folder.
        options: what to export.
        compared: the images that torch and the export are compared on.
        calibration: the images that show the ranges of activations in eight bits; where they are
            labelled, both are scored on them.
        say: called with a line about each stage.

    Raises:
        UserError: a package is not there, the file cannot be written, the export differs from
            torch by more than the tolerance, or an option is not for the format.
    """
    network = network_of(weights).eval()
    config = network.config
    write: Callable[[Path], Exported]
    if options.format == "ncnn":
        _check_ncnn(options)
        library()
        write = partial(_write_ncnn, network, weights.info)
    else:
        optional("onnx", options.format)
        optional("openvino" if options.format == "openvino" else "onnxruntime", options.format)
        write = partial(_write, _model(network, weights, options, calibration, say), options.format)
    inputs = compared.inputs(config.image_size, COMPARED)
    with atomic_path(out) as temporary:
        backend = write(temporary)
        say(f"comparing with torch on {len(inputs)} images")
        report = _compared(network, backend, inputs, options)
        report = replace(report, path=out, megabytes=_size(temporary) / 1e6)
        labelled = None if calibration is None else calibration.dataset
        if labelled is not None and _knows(config, labelled):
            say("scoring both in float32 and in eight bits")
            report = _scored(report, network, backend, labelled)
    return report


def _check_ncnn(options: Options) -> None:
    """Refuse what ncnn's graphs do not have.

    Raises:
        UserError: names the option.
    """
    for option, given in (
        ("--dynamic", options.dynamic),
        ("--int8", options.int8),
        ("--nms", options.thresholds is not None),
    ):
        if given:
            raise UserError(
                f"{option} is for ONNX and OpenVINO, not for --format ncnn",
                f"leave out {option}, or use another --format",
                ExitCode.USAGE,
            )


def _model(
    network: Network,
    weights: Weights,
    options: Options,
    calibration: Pictures | None,
    say: Callable[[str], None],
) -> onnx.ModelProto:
    """Return the network as an ONNX graph, with what the options ask for."""
    config = network.config
    model = to_onnx(network, weights.info, dynamic=options.dynamic)
    if options.int8:
        assert calibration is not None, "eight bits need images"
        images = calibration.inputs(config.image_size, IMAGES)
        say(f"calibrating with {len(images)} images")
        model = quantise(model, images, fused=options.format == "openvino")
    if options.thresholds is not None:
        task_of(config).add_results(model, RAW, config, options.thresholds)
    return model


def _write_ncnn(network: Network, info: Mapping[str, Any], path: Path) -> Exported:
    """Write a folder for ncnn and read it back."""
    write_folder(path, to_ncnn(network), network.config, info)
    return NcnnBackend.read(path, torch.float32)


def _write(model: onnx.ModelProto, format_: FormatName, path: Path) -> Exported:
    """Write a model and read it back, in float32 where it is not quantised."""
    if format_ == "onnx":
        path.write_bytes(model.SerializeToString())
        return OnnxBackend(path, path)
    openvino = optional("openvino", "openvino")
    path.mkdir()
    converted = openvino.Core().read_model(model.SerializeToString())
    describe(converted, {one.key: one.value for one in model.metadata_props})
    try:
        openvino.save_model(converted, str(path / FILE), compress_to_fp16=False)
    except RuntimeError as error:
        raise OSError(
            f"OpenVINO could not save it ({' '.join(str(error).split()):.120})"
        ) from error
    return OpenVinoBackend.read(path, torch.float32)


def _compared(
    network: Network, backend: Exported, inputs: Sequence[Tensor], options: Options
) -> ExportReport:
    """Run torch and the export on the same inputs.

    Raises:
        UserError: the export differs by more than is allowed.
    """
    config = network.config
    task = task_of(config)
    with torch.inference_mode():
        expected = torch.cat([network(image.unsqueeze(0)) for image in inputs])
        outputs = [backend.outputs(image.unsqueeze(0).numpy()) for image in inputs]
        raw = torch.cat([torch.from_numpy(one[RAW]) for one in outputs])
    difference = task.compare_raw(config, expected, raw, int8=options.int8)
    report = ExportReport(Path(), 0, config.image_size, difference)
    if options.thresholds is not None:
        found = task.compare_results(config, raw, outputs, options.thresholds)
        report = replace(report, detections=found)
    for one in (report.raw, report.detections):
        if one is not None and not one.passed:
            raise UserError(
                "the export does not find what torch finds, so it was not kept: "
                + one.summary(config.image_size),
                "with --calibrate, name images like those to be detected" if options.int8 else "",
                ExitCode.FAILURE,
            )
    return report


def _knows(config: ModelConfig, dataset: Dataset) -> bool:
    """Return whether a network and a dataset have a class in common."""
    try:
        task_of(config).match(config, dataset)
    except UserError:
        return False
    return dataset.task == config.task


def _scored(
    report: ExportReport, network: Network, backend: Backend, dataset: Dataset
) -> ExportReport:
    """Add the scores of torch in float32 and of the export, if there is anything to score."""
    part = replace(dataset, samples=tuple(spread(dataset.samples, MAP_IMAGES)))
    ours = TorchBackend(network, torch.device("cpu"), torch.float32)
    before, after = (
        score_dataset(Predictor[Any](network.config, one), part) for one in (ours, backend)
    )
    if math.isnan(before.value) or math.isnan(after.value):
        return report
    return replace(
        report,
        metric=before.name,
        score_torch=before.value,
        score_export=after.value,
        score_images=len(part.samples),
    )


def _size(path: Path) -> int:
    files = path.iterdir() if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files)
