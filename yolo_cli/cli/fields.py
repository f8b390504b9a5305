"""Options of a command from the fields of dataclasses."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TypeVar

import typer

from yolo_cli.training.field import Field, options_of

Command = TypeVar("Command", bound=Callable[..., None])


def with_fields(*records: type) -> Callable[[Command], Command]:
    """Give a command the options of dataclasses, in the place of its ``**`` parameter.

    They come before its keyword-only parameters; the command receives the values by name.
    """

    def give(command: Command) -> Command:
        signature = inspect.signature(command, eval_str=True)
        own = [one for one in signature.parameters.values() if one.kind is not one.VAR_KEYWORD]
        first = [one for one in own if one.kind is not one.KEYWORD_ONLY]
        made = [_parameter(one) for record in records for one in options_of(record)]
        parameters = [*first, *made, *own[len(first) :]]
        named = [one.replace(kind=one.KEYWORD_ONLY) for one in parameters]
        command.__signature__ = signature.replace(parameters=named)  # type: ignore[attr-defined]  # typer reads it
        return command

    return give


def _parameter(field: Field) -> inspect.Parameter:
    flags = [field.flag] if field.option.flag else []
    option = typer.Option(
        field.default,
        *flags,
        metavar=field.metavar,
        help=field.option.help,
        show_default=field.option.default or True,
        rich_help_panel=field.option.panel,
    )
    return inspect.Parameter(
        field.name, inspect.Parameter.KEYWORD_ONLY, default=option, annotation=field.type
    )
