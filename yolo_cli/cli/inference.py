"""Run a network on sources, whatever its task: what ``yolo detect`` does with its options."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from yolo_cli.cli.console import image_progress, say, stderr
from yolo_cli.cli.early import check_network
from yolo_cli.cli.found import Found
from yolo_cli.cli.startup import importing
from yolo_cli.data.task_names import DOING, LEARNERS, TaskName
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.files import check_folder
from yolo_cli.inference.formats import IMAGE, parse_formats

if TYPE_CHECKING:
    from yolo_cli.inference.inputs import Input
    from yolo_cli.inference.items import Item
    from yolo_cli.inference.outputs import Done, Outputs
    from yolo_cli.inference.predictor import Predictor
    from yolo_cli.tasks.result import Document, Failure, ImageWriter, Result, Style
    from yolo_cli.tasks.task import Task

DEFAULT_OUT: dict[TaskName, Path] = {
    "detect": Path("detections"),
    "classify": Path("classes"),
    "segment": Path("segments"),
}


@dataclass(frozen=True)
class NetworkOptions:
    """How a network is run.

    Attributes:
        task: that the network has to be for.
        weights: see ``--weights``.
        device: see ``--device``.
        precision: see ``--precision``.
        backend: see ``--backend``.
        batch: images per forward pass.
        threads: of torch; None for all cores.
        reading: returns what makes other results of its output than its own task does.
    """

    task: TaskName
    weights: str
    device: str
    precision: str
    backend: str
    batch: int
    threads: int | None
    reading: Callable[[], Task] | None = None


@dataclass(frozen=True)
class Folder:
    """What a run leaves.

    Attributes:
        path: of the folder; None for none.
        formats: what is written there.
        resume: go on where an earlier run stopped.
    """

    path: Path | None
    formats: frozenset[str]
    resume: bool

    @classmethod
    def of(
        cls,
        task: TaskName,
        out: Path | None,
        save: str | None,
        writers: Mapping[str, ImageWriter | Document],
        *,
        resume: bool,
        json_lines: bool,
    ) -> Folder:
        """Read the options of a folder.

        Raises:
            UserError: for options that do not go together, and for formats that there are not.
        """
        formats = parse_formats(IMAGE if save is None else save, writers)
        path = out or (None if json_lines and save is None else DEFAULT_OUT[task])
        if path is not None:
            check_folder(path, "--out")
        elif resume:
            raise UserError(
                "--skip-existing without a folder of results",
                "name it with --out, or say with --save what it gets",
                ExitCode.USAGE,
            )
        return cls(path, formats, resume)

    @property
    def title(self) -> str:
        """What is said of it at the end."""
        if self.path is None:
            return ""
        what = "annotated copies" if self.formats == {IMAGE} else "results"
        return f"{what}: {self.path}"


def run_sources(
    named: Sequence[str],
    network: NetworkOptions,
    folder: Folder,
    thresholds: Mapping[str, Any],
    *,
    recursive: bool,
    every: int,
    json_lines: bool,
    style: Style,
) -> int:
    """Run a network on all that a user names, and write and say what it finds.

    Args:
        named: sources as typed.
        network: which, and how.
        folder: of the results.
        thresholds: the task's, by name.
        recursive: search the subfolders of folders.
        every: how many frames of a video there are for each that is looked at.
        json_lines: print a JSON line for each picture.
        style: of annotated copies.

    Returns:
        The exit code.
    """
    from yolo_cli.inference.inputs import list_inputs, without_results

    check_network(network.weights, network.device)
    report = Found(stderr())
    found = list_inputs(
        named,
        recursive=recursive,
        stdin=sys.stdin.buffer if sys.stdin else None,
        report=lambda error: report.fail(error.message),
    )
    if folder.path is not None:
        found = without_results(found, named, folder.path)
    predictor = _load(network, found)
    settings = predictor.task.thresholds(predictor.config, thresholds)
    # On one terminal, bar and JSON lines would be in each other's way.
    shown = not (json_lines and sys.stdout.isatty())
    with ExitStack() as stack:
        outputs = _outputs(predictor, folder, found, style, every)
        if outputs is not None:
            stack.enter_context(outputs)
            if folder.resume:
                done = outputs.is_done(found)
                report.skipped = sum(done)
                found = [source for source, known in zip(found, done, strict=True) if not known]
        count = _count(found)
        outcomes = _outcomes(predictor, found, settings, outputs, network.batch, every)
        bar = stack.enter_context(image_progress(report.console, shown=shown))
        for outcome in bar.track(outcomes, total=count, description=DOING[network.task]):
            _take(outcome, report, outputs, json_lines=json_lines)
        if outputs is not None:
            outputs.end_video()
    report.show(folder.title, table=not json_lines)
    return ExitCode.BAD_INPUT if report.failures else ExitCode.OK


def require_task(weights: str, found: TaskName, wanted: TaskName) -> None:
    """Refuse weights of another task than a command is for.

    Raises:
        UserError: names the command that is for them.
    """
    if found == wanted:
        return
    if weights == "default":
        raise UserError(
            f"the default weights are those of {LEARNERS[found]}",
            f"name weights of {LEARNERS[wanted]} with --weights; yolo train DATA makes some",
            ExitCode.USAGE,
        )
    raise UserError(
        f"{weights}: {LEARNERS[found]}, not {LEARNERS[wanted]}",
        f"yolo {found} SOURCE --weights {weights}",
        ExitCode.USAGE,
    )


def _count(found: Sequence[Input]) -> int | None:
    """Return the number of pictures, where it is known: a video does not say how long it is."""
    return None if any(source.kind == "video" for source in found) else len(found)


def _load(network: NetworkOptions, found: Sequence[Input]) -> Predictor[Any]:
    with importing():
        import torch

        from yolo_cli.inference.backends.choose import task_in
        from yolo_cli.inference.backends.fastest import MANY
        from yolo_cli.inference.predictor import Predictor
        from yolo_cli.inference.video import require_library

    if _count(found) is None:
        require_library()
    if network.threads is not None:
        torch.set_num_threads(network.threads)
    require_task(network.weights, task_in(network.weights), network.task)
    loaded: Predictor[Any] = Predictor.load(
        network.weights,
        device=network.device,
        precision=network.precision,
        backend=network.backend,
        images=MANY if _count(found) is None else _count(found),
        say=lambda line: say(stderr(), line),
    )
    if network.reading is not None:
        loaded.task = network.reading()
    return loaded


def _outputs(
    predictor: Predictor[Any], folder: Folder, found: Sequence[Input], style: Style, every: int
) -> Outputs | None:
    from yolo_cli.inference.outputs import Outputs

    if folder.path is None:
        return None
    return Outputs(
        folder.path,
        folder.formats,
        found,
        predictor.classes,
        predictor.task.writers,
        style=style,
        every=every,
        resume=folder.resume,
        stem=DEFAULT_OUT[predictor.task.name].name,
    )


def _outcomes(
    predictor: Predictor[Any],
    found: Sequence[Input],
    thresholds: Any,
    outputs: Outputs | None,
    batch: int,
    every: int,
) -> Iterator[Done | Failure]:
    from yolo_cli.inference.outputs import Done
    from yolo_cli.inference.pipeline import run_items

    count = _count(found)
    finish: Callable[[Result], Done | Failure] = Done if outputs is None else outputs.finish
    return run_items(
        predictor,
        _items(found, every),
        thresholds,
        finish,
        batch=batch if count is None else max(1, min(batch, count)),
        keep_images=outputs is not None and outputs.needs_pictures,
        count=count,
    )


def _items(sources: Sequence[Input], every: int) -> Iterator[Item | Failure]:
    from yolo_cli.inference.items import FileItem, WebItem
    from yolo_cli.inference.video import frames
    from yolo_cli.tasks.result import Origin

    for source in sources:
        if source.kind == "video":
            yield from frames(source.file, every)
        elif source.kind == "address":
            yield WebItem(Origin(source.name))
        else:
            yield FileItem(Origin(source.name, source.file))


def _take(
    outcome: Done | Failure, report: Found, outputs: Outputs | None, *, json_lines: bool
) -> None:
    from yolo_cli.tasks.result import Failure

    if isinstance(outcome, Failure):
        report.fail(outcome.error.message)
        return
    if outputs is not None:
        outputs.record(outcome)
    if json_lines:
        print(outcome.result.to_json(), flush=True)
    report.add(outcome.result)
