"""Packages that are not installed with this one, but by one of its extras."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from yolo_cli.errors import ExitCode, UserError


def optional(module: str, extra: str) -> ModuleType:
    """Import a module of an optional package.

    Args:
        module: dotted name.
        extra: the extra of this project that installs it.

    Raises:
        UserError: it is not installed.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise missing(module.split(".", maxsplit=1)[0], extra) from error


def missing(package: str, extra: str) -> UserError:
    """Return the error for a package that is not installed; see :func:`optional`."""
    return UserError(
        f"the package {package} is not installed",
        f"pip install 'yolo-cli[{extra}]'",
        ExitCode.USAGE,
    )
