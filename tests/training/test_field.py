"""Fields that are options: their place on the command line, their limits, their messages."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Annotated, Any, ClassVar, Literal

import pytest
from annotated_types import Ge, Gt, Le, Lt
from pydantic import TypeAdapter, ValidationError

from yolo_cli.cli.commands import load
from yolo_cli.data.task_names import LEARNERS, TASK_NAMES
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.tasks.task import task_named
from yolo_cli.training.field import Option, checked, options_of
from yolo_cli.training.options import TrainOptions
from yolo_cli.training.recipe import DEFAULT, PAPER, Recipe

HERE = "Here"


@dataclass(frozen=True)
class Example:
    """One field of each kind."""

    one: Annotated[int, Ge(1), Option("One.", HERE)] = 1
    part: Annotated[float, Gt(0), Le(1), Option("Part.", HERE, flag="--share")] = 1.0
    seed: Annotated[int | None, Ge(0), Lt(2**32), Option("Seed.", HERE, metavar="S")] = None
    free: Annotated[float, Option("Free.", HERE)] = 0.0
    kind: Annotated[Literal["a", "b"], Option("Kind.", HERE)] = "a"
    silent: Annotated[int, Ge(0)] = 3

    __pydantic_config__: ClassVar[dict[str, Any]] = {"allow_inf_nan": False}


def test_what_the_help_shows() -> None:
    shown = {one.flag: (one.metavar, one.words) for one in options_of(Example)}
    assert shown == {
        "--one": ("N [x>=1]", "at least 1"),
        "--share": ("X [0<x<=1]", "above 0 and at most 1"),
        "--seed": ("S [0<=x<2^32]", "at least 0 and below 2^32"),
        "--free": ("X", "a finite number"),
        "--kind": (None, "a finite number"),
    }


@pytest.mark.parametrize(
    ("values", "message", "hint"),
    [
        ({"one": 0}, "--one 0: out of range", "it must be at least 1"),
        ({"part": 0.0}, "--share 0.0: out of range", "it must be above 0 and at most 1"),
        ({"part": float("nan")}, "--share nan: out of range", "it must be above 0 and at most 1"),
        (
            {"seed": 2**32},
            "--seed 4294967296: out of range",
            "it must be at least 0 and below 2^32",
        ),
        ({"free": float("inf")}, "--free inf: out of range", "it must be a finite number"),
        ({"kind": "c"}, "--kind c: out of range", "it must be 'a' or 'b'"),
        ({"silent": -1}, "silent -1: out of range", "Input should be greater than or equal to 0"),
    ],
)
def test_a_value_out_of_range(values: dict[str, Any], message: str, hint: str) -> None:
    with pytest.raises(UserError) as caught:
        checked(Example(**values))
    assert (caught.value.message, caught.value.hint) == (message, hint)
    assert caught.value.code == ExitCode.USAGE


def test_values_at_the_limits_are_fine() -> None:
    example = Example(one=1, part=1.0, seed=0)
    assert checked(example) == example


@pytest.mark.parametrize("recipe", [DEFAULT, PAPER])
def test_the_recipes_are_within_their_own_limits(recipe: Recipe) -> None:
    assert checked(recipe) == recipe
    again = TypeAdapter(Recipe).validate_python({**recipe.to_json()})
    assert again == recipe


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("augmentation", {"jitter": -0.1}),
        ("augmentation", {"flip": 1.5}),
        ("augmentation", {"exposure": 0.5}),
        ("loss", {"coord": -1.0}),
        ("loss", {"smoothing": 1.0}),
        ("loss", {"box": "round"}),
    ],
)
def test_nested_fields_have_limits_as_well(part: str, value: dict[str, Any]) -> None:
    good = DEFAULT.to_json()
    TypeAdapter(Recipe).validate_python(good)
    with pytest.raises(ValidationError):
        TypeAdapter(Recipe).validate_python({**good, part: {**good[part], **value}})


def test_the_command_has_an_option_for_each_field_that_is_one() -> None:
    command = load("train")
    flags = {flag for parameter in command.params for flag in parameter.opts}
    for record in (TrainOptions, Recipe):
        for one in options_of(record):
            assert one.flag in flags
    # Set by a named recipe, by the budget's plan, or by other options.
    silent = {one.name for one in fields(Recipe)} - {one.name for one in options_of(Recipe)}
    assert silent == {
        *("share", "validate_every", "schedule", "milestones", "norm", "output", "loss"),
        *("augmentation", "setbacks"),
    }


def test_the_help_says_where_a_task_has_another_default() -> None:
    shown = {one.name: one for one in options_of(Recipe)}
    for task in TASK_NAMES:
        for name, value in task_named(task).recipe.items():
            if name in shown:
                said = f"{shown[name].default:g}, {LEARNERS[task].removeprefix('a ')}s {value:g}"
                assert shown[name].option.default == said


def test_an_option_of_the_recipe_is_given_to_it_and_no_other() -> None:
    changed = DEFAULT.with_options(lr=0.1, epochs=None)
    assert (changed.lr, changed.epochs) == (0.1, DEFAULT.epochs)
    with pytest.raises(TypeError):
        DEFAULT.with_options(nothing=1)
