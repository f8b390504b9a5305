"""Ray, on this machine or joined; quiet, and gone without a trace."""

from __future__ import annotations

import logging
import os
import shutil
import socket
import sys
import tempfile
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from yolo_cli.engine.token import MODE, TOKEN, asks_for_token, show_token
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.files import locked_folder
from yolo_cli.optional import optional

EXTRA = "ray"
STORE = 512 * 2**20
"""Bytes of Ray's object store on this machine: lists of names, and weights."""

PATIENCE = 10.0
"""Seconds in which a cluster has to answer."""

JUST_MADE = 60
"""Seconds in which a folder may not be locked yet by the process that made it."""

_SETTINGS = b"\4"  # fourth byte of the frame with which HTTP/2, of Ray's gRPC, begins
_GREETING = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + _SETTINGS + bytes(5)

_PREFIX = "yolo-ray-"
_TOLD = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_worker_niceness": "0",  # else actors work only when nobody else does
    "RAY_enable_worker_prestart": "0",
    "RAY_prestart_worker_first_driver": "0",
    "RAY_DATA_DISABLE_PROGRESS_BARS": "1",
    "RAY_gcs_rpc_server_connect_timeout_s": f"{PATIENCE:.0f}",
}


@dataclass(frozen=True)
class Cluster:
    """Where actors run.

    Attributes:
        cpus: cores of each machine.
        gpus: of all machines.
        joined: whether others started it.
    """

    cpus: tuple[int, ...]
    gpus: int
    joined: bool

    @property
    def where(self) -> str:
        """Return what it is called in messages."""
        return "the cluster" if self.joined else "this machine"

    def share(self, actors: int | None, *, use_gpus: bool) -> Share:
        """Divide it.

        Args:
            actors: how many; None for one on each GPU, or else on each core.
            use_gpus: whether each needs a GPU.

        Raises:
            UserError: there are not so many cores or GPUs.
        """
        most = self.gpus if use_gpus else sum(self.cpus)
        count = actors or most
        if count > most:
            unit = "GPUs" if use_gpus else "cores"
            raise UserError(
                f"--actors {count}: {self.where} has {most} {unit}",
                f"use at most {most}",
                ExitCode.USAGE,
            )
        cores = max(1, sum(self.cpus) // count)
        while cores > 1 and sum(one // cores for one in self.cpus) < count:
            cores -= 1  # an actor's cores are those of one machine
        return Share(count, cores, use_gpus)


@dataclass(frozen=True)
class Share:
    """What each actor gets.

    Attributes:
        actors: how many there are.
        cores: of each.
        gpu: whether each has one.
    """

    actors: int
    cores: int
    gpu: bool


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@contextmanager
def running(address: str | None = None) -> Iterator[Cluster]:
    """Start Ray on this machine, or join a cluster, and leave it as it was.

    Where a program has started Ray itself, it is used.

    Args:
        address: of the cluster, as ``ray start --head`` says it: ``HOST:PORT``, or ``auto`` for
            the one that this machine is part of; None to start one.

    Raises:
        UserError: Ray is not installed, does not start, does not answer, or is of another version.
    """
    os.environ.update(_TOLD)  # before the import, which reads some
    if address is not None and find_spec("ray"):
        _knock(address)
        show_token(address)
    ray: Any = optional("ray", EXTRA)
    optional("ray.data", EXTRA)
    with ExitStack() as stack:
        # Ray tells of actors that die on standard output, which is for data.
        stack.enter_context(redirect_stdout(stack.enter_context(Path(os.devnull).open("w"))))
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")
        if not ray.is_initialized():
            _start(ray, address, stack)
        logging.getLogger("ray").setLevel(logging.CRITICAL)
        logging.getLogger("ray.data").setLevel(logging.CRITICAL)
        nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
        cpus = tuple(int(node.get("CPU", 0)) for node in nodes)
        yield Cluster(cpus, sum(int(node.get("GPU", 0)) for node in nodes), address is not None)


def _start(ray: Any, address: str | None, stack: ExitStack) -> None:
    quiet = {"log_to_driver": False, "logging_level": logging.CRITICAL}
    try:
        if address is not None:
            stack.callback(ray.shutdown)
            with _mute():
                ray.init(address=address, **quiet)
            return
        folder = stack.enter_context(_folder())
        stack.callback(ray.shutdown)
        with _mute():
            ray.init(
                address="local",  # whatever RAY_ADDRESS says
                num_cpus=cores(),
                include_dashboard=False,
                object_store_memory=STORE,
                _temp_dir=folder,
                **quiet,
            )
    except Exception as error:  # of many kinds, as versions differ
        raise _not_started(address, error) from error


@contextmanager
def _mute() -> Iterator[None]:
    """Let Ray's own library say nothing on standard error, which it writes to by itself."""
    kept = os.dup(2)
    with Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _knock(address: str) -> None:
    """Look whether somebody is at home; Ray itself would wait for minutes.

    Raises:
        UserError: nobody answers, or it is no address.
    """
    if address == "auto":
        return
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit() or "/" in host or int(port) > 65535:
        raise UserError(
            f"--address {address}: no address of a cluster",
            "HOST:PORT as `ray start --head` says it, or auto",
            ExitCode.USAGE,
        )
    try:
        with socket.create_connection((host.strip("[]"), int(port)), PATIENCE) as line:
            line.sendall(_GREETING)
            answer = line.recv(9)
    except OSError as error:
        raise _silent(address, error.strerror or str(error)) from error
    if answer[3:4] != _SETTINGS:
        raise _silent(address, "something else listens there")


def _silent(address: str, why: str) -> UserError:
    return UserError(
        f"--address {address}: no cluster answers ({why})",
        "start it with: ray start --head; without --address Ray starts on this machine",
        ExitCode.USAGE,
    )


def _not_started(address: str | None, error: Exception) -> UserError:
    """Return what Ray's own error means."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if "Version mismatch" in str(error):
        ours = f"Ray {_ray_version()}, Python {sys.version.split()[0]}"
        theirs = ", ".join(line.replace(":", "") for line in lines[1:3])
        return UserError(
            f"--address {address}: the cluster has {theirs}; here is {ours}",
            "install the same versions here and there",
            ExitCode.USAGE,
        )
    token = f"set {MODE}=token, and {TOKEN} as it was when the cluster was started"
    if address is not None and asks_for_token(str(error)):
        return UserError(
            f"--address {address}: the cluster asks for a token", token, ExitCode.USAGE
        )
    reason = (lines or [type(error).__name__])[0][:200]
    if address is not None:
        return UserError(
            f"--address {address}: the cluster lets nobody in ({reason})",
            f"look whether it runs: ray status; if it asks for a token, {token}",
            ExitCode.USAGE,
        )
    return UserError(f"Ray does not start: {reason}", "", ExitCode.FAILURE)


def _ray_version() -> str:
    return str(getattr(optional("ray", EXTRA), "__version__", "?"))


def _root() -> Path:
    # Sockets' paths have at most 107 characters, and Ray's names take most of them.
    return Path("/tmp" if Path("/tmp").is_dir() else tempfile.gettempdir())


@contextmanager
def _folder() -> Iterator[str]:
    """Make a folder for Ray's sockets and logs, and remove what killed processes have left."""
    root = _root()
    for left in root.glob(f"{_PREFIX}*"):
        with suppress(UserError, OSError):
            if left.is_symlink() or time.time() - left.stat().st_mtime < JUST_MADE:
                continue
            with locked_folder(left, ""):
                pass
            shutil.rmtree(left, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=root))
    try:
        with locked_folder(folder, ""):
            yield str(folder)
    finally:
        for _ in range(50):  # processes that are about to end still write there
            shutil.rmtree(folder, ignore_errors=True)
            if not folder.exists():
                break
            time.sleep(0.1)
