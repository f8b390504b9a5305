"""``yolo detect --engine ray``: options in, tables in a folder or bucket out."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console

from yolo_cli.cli.console import image_progress, say, say_error, stderr
from yolo_cli.cli.engines import Engine
from yolo_cli.cli.inference import DEFAULT_OUT, NetworkOptions, require_task
from yolo_cli.cli.startup import importing
from yolo_cli.data.task_names import DOING
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.text import counted

if TYPE_CHECKING:
    from yolo_cli.engine.actor import Answer
    from yolo_cli.engine.cluster import Cluster
    from yolo_cli.engine.manifest import Manifest
    from yolo_cli.engine.parts import Form
    from yolo_cli.engine.places import Place

# Options of `yolo detect` that have no meaning here.
_OTHERS = ("json_lines", "every", "explain", "line_width", "hide_labels", "hide_scores")
_SHOWN = 10  # images that cannot be read, and are named on the terminal


@dataclass(frozen=True)
class Run:
    """What is asked for.

    Attributes:
        network: which is run, and how.
        engine: where.
        thresholds: of what is kept, by name.
        out: folder or address of the results.
        form: of the files there.
    """

    network: NetworkOptions
    engine: Engine
    thresholds: Mapping[str, Any]
    out: str
    form: Form

    @classmethod
    def of(
        cls,
        context: typer.Context,
        network: NetworkOptions,
        engine: Engine,
        thresholds: Mapping[str, Any],
        out: str | None,
        save: str | None,
    ) -> Run:
        """Read options.

        Raises:
            UserError: for one that has no meaning here.
        """
        for name in _OTHERS:
            source = context.get_parameter_source(name)
            if source is not None and source.name == "COMMANDLINE":
                flag = "--json" if name == "json_lines" else f"--{name.replace('_', '-')}"
                hint = "--save jsonl writes JSON lines" if flag == "--json" else f"leave out {flag}"
                raise UserError(f"--engine ray: no {flag}", hint, ExitCode.USAGE)
        form = (save or "parquet").strip().lower()
        if form == "parquet":
            return cls(network, engine, thresholds, out or str(DEFAULT_OUT["detect"]), "parquet")
        if form == "jsonl":
            return cls(network, engine, thresholds, out or str(DEFAULT_OUT["detect"]), "jsonl")
        raise UserError(
            f"--engine ray: --save {save} is not written", "use parquet or jsonl", ExitCode.USAGE
        )


def run_on_ray(named: Sequence[str], run: Run, *, recursive: bool) -> int:
    """Run a detector on all images that a user names, and go on where an earlier run stopped.

    Args:
        named: sources as typed.
        run: what is asked for.
        recursive: search the subfolders of folders.

    Returns:
        The exit code.
    """
    from yolo_cli.cli.early import check_network
    from yolo_cli.engine.manifest import Manifest
    from yolo_cli.engine.parts import ERRORS, digest_of
    from yolo_cli.engine.places import place_of
    from yolo_cli.engine.shipped import Shipped
    from yolo_cli.engine.sources import list_images

    console, network = stderr(), run.network
    check_network(network.weights, network.device)
    folders: list[UserError] = []
    names = list_images(
        named,
        recursive=recursive,
        stdin=sys.stdin.buffer if sys.stdin else None,
        report=folders.append,
    )
    for error in folders:
        say_error(console, error.message)
    shipped = Shipped.of(network.weights)
    asked = Manifest(
        shipped.digest,
        run.thresholds,
        len(names),
        digest_of(names),
        run.form,
        0,
        network.backend,
        network.precision,
    )
    place = place_of(run.out)
    with place.claimed():
        before = asked.resumed(place)
        total = _run(console, run, names, shipped, place, before or asked)
        failed = bool(folders or total.failed or place.names(ERRORS))
    total.show(console, place)
    return ExitCode.BAD_INPUT if failed else ExitCode.OK


class _Total:
    """Adds up what comes of parts."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self.before = self.images = self.failed = 0
        self._shown = 0
        self._found: Counter[str] = Counter()

    def add(self, answer: Answer) -> None:
        self.images += answer.images
        self.failed += answer.failed
        self._found.update(answer.found)
        for message in answer.messages[: max(0, _SHOWN - self._shown)]:
            say_error(self.console, message)
            self._shown += 1

    def show(self, console: Console, place: Place) -> None:
        from yolo_cli.engine.parts import ERRORS, FOUND

        if not self.images:
            say(console, f"all {counted(self.before, 'image')} were done before")
            say(console, f"results: {place}/{FOUND}")
            return
        found = ", ".join(f"{count:,} {name}" for name, count in self._found.most_common())
        line = f"{counted(self.images - self.failed, 'image')}: {found or 'nothing found'}"
        if self.failed:
            line += f"; {self.failed:,} could not be read, see {place}/{ERRORS}"
        if self.before:
            line += f"; {self.before:,} done before"
        say(console, line)
        say(console, f"results: {place}/{FOUND}")


def _run(
    console: Console, run: Run, names: Sequence[str], shipped: Any, place: Place, manifest: Manifest
) -> _Total:
    """Do what no earlier run has done."""
    from yolo_cli.engine.cluster import running
    from yolo_cli.engine.parts import Parts
    from yolo_cli.engine.run import undone

    total = _Total(console)
    if manifest.size:
        parts = Parts(names, manifest.size)
        left = undone(place, parts, run.form)
        total.before = len(names) - sum(len(parts.of(number)) for number in left)
        if not left:
            return total
    with importing():
        from yolo_cli.inference.backends.choose import task_in
    require_task(run.network.weights, task_in(run.network.weights), "detect")
    with running(run.engine.address) as cluster:
        _on(cluster, total, run, names, shipped, place, manifest)
    return total


def _on(
    cluster: Cluster,
    total: _Total,
    run: Run,
    names: Sequence[str],
    shipped: Any,
    place: Place,
    manifest: Manifest,
) -> None:
    from yolo_cli.engine.parts import Parts
    from yolo_cli.engine.places import in_bucket
    from yolo_cli.engine.run import Network, Pool, answers, undone

    console, asked = total.console, run.network
    network = Network(
        asked.weights,
        asked.device,
        manifest.precision,
        manifest.backend,
        asked.batch,
        asked.threads,
        run.engine.actors,
    )
    pool = Pool.of(cluster, network, len(names), lambda line: say(console, line))
    size = manifest.size or Parts.for_actors(names, pool.share.actors).size
    parts = Parts(names, size)
    settings = pool.predictor.task.thresholds(pool.predictor.config, run.thresholds)
    out = run.out if in_bucket(run.out) else str(Path(run.out).absolute())
    job = pool.job(shipped, settings, out, run.form)
    replace(manifest, size=size, backend=job.backend, precision=job.precision).write(place)
    with image_progress(console) as bar:
        task = bar.add_task(DOING["detect"], total=len(names), completed=total.before)
        for answer in answers(pool.share, job, parts, undone(place, parts, run.form)):
            total.add(answer)
            bar.advance(task, answer.images)
