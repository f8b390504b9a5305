"""Where a command's network runs: in this process, or in actors of Ray; without either imported."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Annotated, Literal, TypeAlias

import typer

from yolo_cli.errors import ExitCode, UserError
from yolo_cli.optional import missing

SEVERAL = "Several machines"

EngineName: TypeAlias = Literal["local", "ray"]
EngineOption = Annotated[
    EngineName,
    typer.Option(
        help="Run in this process, or on Ray (pip install 'yolo-cli\\[ray]'): a process on each "
        "core or GPU, of this machine or of a cluster.",
        rich_help_panel=SEVERAL,
    ),
]
Actors = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        help="Ray: run so many detectors.",
        show_default="one on each GPU, else core",
        rich_help_panel=SEVERAL,
    ),
]
Address = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT",
        help="Ray: join this cluster (auto: that of this machine).",
        show_default="Ray starts here",
        rich_help_panel=SEVERAL,
    ),
]


@dataclass(frozen=True)
class Engine:
    """Where a network runs.

    Attributes:
        name: of the engine.
        actors: how many run it; None for as many as there is room for.
        address: of a cluster; None for this machine.
    """

    name: EngineName = "local"
    actors: int | None = None
    address: str | None = None

    @classmethod
    def of(cls, name: EngineName, actors: int | None, address: str | None) -> Engine:
        """Read the options.

        Raises:
            UserError: for one that would have no effect, and without the package.
        """
        if name == "local":
            for flag, value in (("--actors", actors), ("--address", address)):
                if value is not None:
                    raise UserError(
                        f"{flag} is for --engine ray alone", f"leave out {flag}", ExitCode.USAGE
                    )
        else:
            for package in ("ray", "pyarrow", "pandas"):
                if find_spec(package) is None:
                    raise missing(package, "ray")
        return cls(name, actors, address)
