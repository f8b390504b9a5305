"""Fields of a dataclass that are options: written down once, for the command line and its checks.

A field has a type, limits (:class:`Range`) and a meaning (:class:`Option`). From these come the
option with its help, the check, which pydantic does, and the message for a value out of range.
pydantic is imported when a value is checked: ``--help`` does not wait for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, TypeVar, get_args, get_type_hints

from annotated_types import Ge, Gt, Le, Lt

from yolo_cli.errors import ExitCode, UserError

# Titles under which a command's help groups its options; those without one come first.
DATA, NETWORK, TRAINING, SPEED = "Data", "Network", "Training", "Speed"
DETAILS = "Fine-tuning the recipe"

Record = TypeVar("Record")


@dataclass(frozen=True)
class Option:
    """What the command line says of a field.

    Attributes:
        help: what happens, in a sentence.
        panel: heading under which the help shows it.
        default: the default in words, where the field's own value does not say it.
        flag: the option's name, where it is not the field's.
        metavar: what the help shows for the value, where the type does not say it.
    """

    help: str
    panel: str
    default: str = ""
    flag: str = ""
    metavar: str = ""


@dataclass(frozen=True)
class Field:
    """A field that is an option.

    Attributes:
        name: of the field.
        type: of its value.
        default: its value where none is given.
        option: what the command line says of it.
        low: its lower limit.
        high: its upper limit.
    """

    name: str
    type: Any
    default: Any
    option: Option
    low: Ge | Gt | None = None
    high: Le | Lt | None = None

    @property
    def flag(self) -> str:
        """Return the option: ``--weight-decay``."""
        return self.option.flag or f"--{self.name.replace('_', '-')}"

    @property
    def metavar(self) -> str | None:
        """Return ``X [0<=x<1]``, as typer writes ranges; None where the type says it all."""
        letter = self.option.metavar or {int: "N", int | None: "N", float: "X"}.get(self.type)
        if self.low is None:
            return letter
        value, sign = (self.low.ge, "=") if isinstance(self.low, Ge) else (self.low.gt, "")
        if self.high is None:
            return f"{letter} [x>{sign}{value}]"
        end = f"<={self.high.le}" if isinstance(self.high, Le) else f"<{_number(self.high.lt)}"
        return f"{letter} [{value}<{sign}x{end}]"

    @property
    def words(self) -> str:
        """Return the limits in words: ``at least 0 and below 1``."""
        low, high = self.low, self.high
        said = []
        if low is not None:
            said.append(f"at least {low.ge}" if isinstance(low, Ge) else f"above {low.gt}")
        if high is not None:
            said.append(
                f"at most {high.le}" if isinstance(high, Le) else f"below {_number(high.lt)}"
            )
        return " and ".join(said) or "a finite number"


def options_of(record: type) -> Iterator[Field]:
    """Yield the fields of a dataclass that are options, in order."""
    hints = get_type_hints(record, include_extras=True)
    for one in fields(record):
        kind, *notes = get_args(hints[one.name]) or [None]
        option = next((note for note in notes if isinstance(note, Option)), None)
        if option is not None:
            yield Field(
                one.name,
                kind,
                one.default,
                option,
                low=next((note for note in notes if isinstance(note, Ge | Gt)), None),
                high=next((note for note in notes if isinstance(note, Le | Lt)), None),
            )


def checked(record: Record) -> Record:
    """Return a dataclass whose values are of their types and within their limits.

    Raises:
        UserError: for the first that is not.
    """
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(type(record)).validate_python(vars(record))
    except ValidationError as error:
        first = error.errors()[0]
        name, value = str(first["loc"][0]), first["input"]
        known = {one.name: one for one in options_of(type(record))}
        if first["type"] == "literal_error":
            hint = f"it must be {first['ctx']['expected']}"
        else:
            hint = f"it must be {known[name].words}" if name in known else first["msg"]
        flag = known[name].flag if name in known else ".".join(map(str, first["loc"]))
        raise UserError(f"{flag} {value}: out of range", hint, ExitCode.USAGE) from error


def _number(value: Any) -> str:
    """Write powers of two that nobody knows by heart as such."""
    whole = isinstance(value, int) and value >= 2**16 and value & (value - 1) == 0
    return f"2^{value.bit_length() - 1}" if whole else str(value)
