"""Ray Data deals parts to a pool of actors, and starts those again that die."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from yolo_cli.engine.actor import SEPARATOR, Actor, Answer, Job
from yolo_cli.engine.cluster import EXTRA, Cluster, Share
from yolo_cli.engine.parts import FOUND, Form, Parts, number_of
from yolo_cli.engine.places import Place
from yolo_cli.engine.shipped import Shipped
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.inference.predictor import Predictor
from yolo_cli.optional import optional

TRIES = 3
"""How often a part is begun again after its actor died."""


@dataclass(frozen=True)
class Network:
    """Which network actors run, and how.

    Attributes:
        weights: see ``--weights``.
        device: see ``--device``.
        precision: see ``--precision``.
        backend: see ``--backend``.
        batch: images per forward pass.
        threads: of torch for each actor; None for its share of the cores.
        actors: how many; None for as many as there is room for.
    """

    weights: str
    device: str
    precision: str
    backend: str
    batch: int
    threads: int | None = None
    actors: int | None = None


@dataclass(frozen=True, eq=False)
class Pool:
    """A network, and the actors that will run it.

    Attributes:
        network: as asked for.
        predictor: the same network here, which says what ``auto`` has chosen.
        share: what each actor gets.
    """

    network: Network
    predictor: Predictor[Any]
    share: Share

    @classmethod
    def of(
        cls, cluster: Cluster, network: Network, images: int, say: Callable[[str], None]
    ) -> Pool:
        """Choose how the network is run: once, so that all actors do it the same way.

        Args:
            cluster: where.
            network: which.
            images: how many there will be.
            say: called with a line about what ``auto`` has measured.

        Raises:
            UserError: as :meth:`yolo_cli.inference.predictor.Predictor.load`; there are not as
                many cores or GPUs as actors.
        """
        gpus = network.device.startswith("cuda") or (network.device == "auto" and cluster.gpus > 0)
        predictor: Predictor[Any] = Predictor.load(
            network.weights,
            device="cpu" if gpus else network.device,
            precision=network.precision,
            backend="torch" if gpus and network.backend == "auto" else network.backend,
            images=None if gpus else images,
            say=say,
        )
        return cls(network, predictor, cluster.share(network.actors, use_gpus=gpus))

    def job(self, shipped: Shipped, thresholds: Any, out: str | None, form: Form) -> Job:
        """Return what the actors are told, see :class:`Job`."""
        ray: Any = optional("ray", EXTRA)
        chosen = self.predictor.backend
        as_asked = self.share.gpu or chosen.precision == "int8"
        return Job(
            shipped,
            ray.put(shipped.contents()),
            "cuda" if self.share.gpu else self.network.device,
            self.network.precision if as_asked else chosen.precision,
            chosen.name,
            self.network.threads or self.share.cores,
            self.network.batch,
            thresholds,
            os.getcwd(),  # noqa: PTH109  # text
            out,
            form,
        )


def undone(place: Place, parts: Parts, form: Form) -> list[int]:
    """Return the numbers of the parts that no earlier run has written."""
    done = {number_of(name, form) for name in place.names(FOUND)}
    return [number for number in range(len(parts)) if number not in done]


def answers(
    share: Share, job: Job, parts: Parts, numbers: Sequence[int], *, ordered: bool = False
) -> Iterator[Answer]:
    """Yield what comes of each part, as it is done.

    Args:
        share: what each actor gets.
        job: what they do.
        parts: of the images.
        numbers: of the parts to do.
        ordered: in the order of ``numbers``.

    Raises:
        UserError: the network does not run there, results cannot be written, or actors die again
            and again.
    """
    if not numbers:
        return
    data: Any = optional("ray.data", EXTRA)
    rows = [
        {"part": number, "names": SEPARATOR.join(map(os.fsencode, parts.of(number)))}
        for number in numbers
    ]
    dataset = data.from_items(rows, override_num_blocks=len(rows))
    dataset.context.enable_progress_bars = False
    dataset.context.print_on_execution_start = False
    dataset.context.execution_options.preserve_order = ordered
    actors = min(share.actors, len(rows))
    done = dataset.map_batches(
        Actor,
        fn_constructor_args=(job,),
        batch_size=1,
        compute=data.ActorPoolStrategy(size=actors, max_tasks_in_flight_per_actor=2),
        num_cpus=share.cores,
        num_gpus=1 if share.gpu else None,
        ray_remote_args_fn=lambda: {"max_restarts": -1, "max_task_retries": TRIES},
    )
    with closing(_told(done.iter_rows())) as rows_done:
        for row in rows_done:
            answer: Answer = pickle.loads(row["answer"])
            if answer.fault is not None:
                raise answer.fault
            yield answer


def _told(rows: Iterable[Any]) -> Generator[Any, None, None]:
    """Yield rows; what Ray raises becomes one line."""
    exceptions: Any = optional("ray.exceptions", EXTRA)
    try:
        yield from rows
    except exceptions.RayError as error:
        text = str(error)
        if "No module named" in text:
            missing = text.rpartition("No module named")[2].split("\n")[0].strip(" .'\"")
            raise UserError(
                f"the machines of the cluster lack the package {missing}",
                "install the same there as here: pip install 'yolo-cli[ray]'",
                ExitCode.USAGE,
            ) from error
        if isinstance(error, exceptions.RayActorError):
            raise UserError(
                f"an actor died {TRIES + 1} times on the same part",
                "is there enough memory? start again with fewer --actors: what is done stays",
                ExitCode.FAILURE,
            ) from error
        line = next((one for one in reversed(text.splitlines()) if one.strip()), "?")
        raise UserError(
            f"an actor failed: {line.strip()[:300]}",
            "start again: what is done stays",
            ExitCode.FAILURE,
        ) from error
