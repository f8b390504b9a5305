"""All that a run leaves open is decided here, once: by what was asked for, the data, the machine.

Pure: no file is read and no clock asked. A new run decides, and writes its recipe down; a resumed
one comes here with that recipe, and so gets the same phases and the same course.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from yolo_cli.data.task_names import TaskName
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.model.architectures import ARCHITECTURES, FASTEST
from yolo_cli.model.config import ModelConfig
from yolo_cli.tasks.task import Task, task_named
from yolo_cli.text import counted
from yolo_cli.training.budget.plan import SECOND_PHASE, Plan, Speed, Work, make_plan
from yolo_cli.training.field import options_of
from yolo_cli.training.machine import Runtime
from yolo_cli.training.options import TrainOptions
from yolo_cli.training.recipe import RECIPES, Recipe

SMALL_DATASET = 1000  # images; below it a smaller batch gives more steps for the same work
SMALL_BATCH = 4
EPOCHS, MOST_EPOCHS, FEWEST_EPOCHS = 6000, 40, 10  # the first is shared by a dataset's images
COPIES, MOST_COPIES = 1200, 6  # likewise
# Backbone rate where early blocks are trained: AdamW moves a weight by about the rate in a step,
# and theirs, of 0.01 to 0.03, would be others in some hundred steps.
REFINING = 0.03
# Where half of the objects are narrower than this many cells of the paper's 7×7, a grid of 14×14
# finds more: small things are placed more exactly, and fewer share a cell.
SMALL_OBJECT = 1.5
FINE_GRID = 14
SETBACKS = 2  # validations in a row that are worse by more than chance end a time budget
TELLING = 20  # validation images; fewer do not tell what chance explains


@dataclass(frozen=True)
class Facts:
    """What a run finds: its data, its weights, its machine.

    Attributes:
        images: to train on.
        val_images: to validate on.
        object_size: median side of an object as a share of its image's, where that is known.
        arch: of the network.
        pretrained: whether its backbone has learned something already.
        device: type of the device that trains.
        runtime: what computes the activations of frozen blocks for the feature cache.
        task: that the dataset is labelled for.
    """

    images: int
    val_images: int
    object_size: float | None
    arch: str
    pretrained: bool
    device: str
    runtime: Runtime = "torch"  # of runs that older versions began
    task: TaskName = "detect"


@dataclass(frozen=True)
class Measured:
    """What a budget is planned with.

    Attributes:
        speed: of this machine.
        used: seconds of the budget that have gone.
        copies: augmented copies of all training images that are cached already.
        val_images: validation images that are cached already.
    """

    speed: Speed
    used: float
    copies: int = 0
    val_images: int = 0


@dataclass(frozen=True)
class Stage:
    """A part of a run in which the same blocks are frozen.

    Attributes:
        first: epoch that it begins with, counted from 0.
        frozen: leading backbone blocks that are not trained.
        copies: augmented copies of each image that it trains on; 0 for fresh ones in each epoch.
    """

    first: int
    frozen: int
    copies: int


@dataclass(frozen=True)
class Decision:
    """What a run will do.

    Attributes:
        recipe: complete.
        grid: S; None for that of the weights, or the default.
        stages: in order, the first from epoch 0.
        plan: of a time budget that was measured.
        lines: what the user should know of it.
    """

    recipe: Recipe
    grid: int | None
    stages: tuple[Stage, ...]
    plan: Plan | None = None
    lines: tuple[str, ...] = field(default=())


def decide(
    options: TrainOptions,
    facts: Facts,
    *,
    measured: Measured | None = None,
    settled: Recipe | None = None,
) -> Decision:
    """Decide what a run does.

    Args:
        options: what the user asked for.
        facts: what the run finds.
        measured: for a time budget; without it there is no plan yet.
        settled: the recipe that was decided on when the run began.

    Raises:
        UserError: for options that contradict each other or the facts, or a budget that is too
            short.
    """
    task = task_named(facts.task)
    _check(options, task)
    if settled is not None:
        return Decision(settled, options.grid, _stages(settled))
    grid, lines = _grid(options, facts)
    recipe = _second_phase(_suited(options, named_recipe(options, task), facts))
    _check_teacher(options, recipe)
    if options.recipe.get("copies") and not recipe.freeze and options.teacher is None:
        lines.append("note      --copies: there is no use for them where no block is frozen")
    if options.time_budget is None or measured is None:
        return Decision(recipe, grid, _stages(recipe), lines=tuple(lines))
    plan = _plan(options, recipe, facts, measured)
    recipe = _as_planned(options, recipe, plan, facts)
    # The other lines were those of the decision without a measurement.
    return Decision(recipe, grid, _stages(recipe), plan, (f"plan      {plan.line()}",))


def named_recipe(options: TrainOptions, task: Task | None = None) -> Recipe:
    """Return the recipe that was named, with the options that change it.

    Args:
        options: what the user asked for.
        task: whose default recipe is meant; None for what all tasks have in common.
    """
    recipe = RECIPES.get(options.recipe_name)
    if recipe is None:
        raise UserError(
            f"--recipe {options.recipe_name}: unknown",
            f"use {' or '.join(RECIPES)}",
            ExitCode.USAGE,
        )
    if task is not None and options.recipe_name == "default":
        recipe = replace(recipe, **task.recipe)
    if not options.augment:
        recipe = replace(recipe, augmentation=None)
    return recipe.with_options(**options.recipe)


def _check(options: TrainOptions, task: Task) -> None:
    for name, why in task.unsupported.items():
        default = TrainOptions.__dataclass_fields__[name].default
        if getattr(options, name) != default:
            flag = next(one.flag for one in options_of(TrainOptions) if one.name == name)
            raise UserError(f"{flag}: {why}", f"leave out {flag}", ExitCode.USAGE)
    if options.time_budget is not None and "epochs" in options.recipe:
        raise UserError(
            "--time-budget plans the epochs itself",
            "leave out --epochs, or give --epochs and --copies instead of the budget",
            ExitCode.USAGE,
        )


def _grid(options: TrainOptions, facts: Facts) -> tuple[int | None, list[str]]:
    """Choose a finer grid for small objects.

    The grid stays that of a weights file or a teacher that the user named, and of the paper's
    recipe.
    """
    fixed = options.grid is not None or options.image_size is not None
    named = options.weights not in ("default", "imagenet", "none") or options.teacher is not None
    if fixed or named or options.recipe_name != "default" or facts.object_size is None:
        return options.grid, []
    cells = facts.object_size * ModelConfig.grid
    if cells >= SMALL_OBJECT:
        return None, []
    line = (
        f"grid      {FINE_GRID}×{FINE_GRID}, as half of the objects are smaller than "
        f"{cells:.1f} cells of {ModelConfig.grid}×{ModelConfig.grid}; --grid chooses"
    )
    return FINE_GRID, [line]


def _suited(options: TrainOptions, recipe: Recipe, facts: Facts) -> Recipe:
    """Fill in what was left open, for this dataset and machine.

    A pre-trained network on a CPU keeps its first blocks, where its architecture says how many,
    and the smaller the dataset the more augmented copies and epochs it gets. Where more of them
    are trained, on whatever device, they only refine what they have learned.
    """
    if options.recipe_name != "default":
        return recipe
    copies = max(1, min(MOST_COPIES, COPIES // facts.images))
    chosen: dict[str, Any] = {
        "epochs": max(FEWEST_EPOCHS, min(MOST_EPOCHS, EPOCHS // facts.images)),
        "batch": SMALL_BATCH if facts.images < SMALL_DATASET else recipe.batch,
    }
    if options.teacher is not None:
        chosen["copies"] = copies
    record = ARCHITECTURES.get(facts.arch)  # none for a table that the weights hold
    frozen = record.frozen_blocks if record is not None else 0
    if frozen and facts.pretrained and facts.device == "cpu":
        chosen["freeze"] = frozen
        chosen["copies"] = 1 if recipe.augmentation is None else copies
    kept = options.recipe.get("freeze", chosen.get("freeze", 0))
    if not facts.pretrained:
        chosen["backbone_rate"] = 1.0
    elif kept < frozen:
        chosen["backbone_rate"] = REFINING
    return recipe.with_options(**{**chosen, **options.recipe})


def _second_phase(recipe: Recipe) -> Recipe:
    """Check the second phase, and choose when it begins if that was left open."""
    if not recipe.unfreeze:
        return recipe
    if recipe.unfreeze > recipe.freeze:
        raise UserError(
            f"--unfreeze {recipe.unfreeze}: only {counted(recipe.freeze, 'block')} are frozen",
            "give --freeze a larger number, or --unfreeze a smaller one",
            ExitCode.USAGE,
        )
    at = recipe.unfreeze_at or round(recipe.epochs * SECOND_PHASE)  # a budget's plan moves it
    return recipe.with_options(unfreeze_at=max(1, at))


def _check_teacher(options: TrainOptions, recipe: Recipe) -> None:
    if options.teacher is None:
        return
    if recipe.unfreeze or not recipe.copies or options.time_budget is not None:
        raise UserError(
            "--teacher: learning from it has one phase, on --copies of each image",
            "leave out --unfreeze, --time-budget and --copies 0",
            ExitCode.USAGE,
        )


def _plan(options: TrainOptions, recipe: Recipe, facts: Facts, measured: Measured) -> Plan:
    """Divide what is left of the budget."""
    assert options.time_budget is not None
    val_cached = recipe.freeze and (recipe.copies or facts.device == "cpu")
    work = Work(
        images=facts.images,
        val_images=facts.val_images,
        copies=options.recipe.get("copies") if recipe.freeze else 0,
        ready=measured.copies,
        val_missing=facts.val_images - measured.val_images if val_cached else 0,
        unfreeze=bool(recipe.unfreeze),
        unfreeze_at=options.recipe.get("unfreeze_at", 0),
        ways_out=(
            *((f"--arch {FASTEST}",) if facts.arch != FASTEST else ()),
            "fewer images (--split)",
        ),
    )
    return make_plan(options.time_budget, measured.speed, work, used=measured.used)


def _as_planned(options: TrainOptions, recipe: Recipe, plan: Plan, facts: Facts) -> Recipe:
    return recipe.with_options(
        copies=plan.copies,
        epochs=plan.epochs,
        share=plan.share,
        validate_every=plan.validate_every,
        unfreeze_at=plan.unfreeze_at,
        # The time is there to be used, unless the user says otherwise or it only does harm.
        patience=options.recipe.get("patience", 0),
        setbacks=SETBACKS if facts.val_images >= TELLING else 0,
    )


def _stages(recipe: Recipe) -> tuple[Stage, ...]:
    """Return the stages of a recipe: the second one sets blocks free, on fresh images."""
    first = Stage(0, recipe.freeze, recipe.copies)
    if not recipe.unfreeze:
        return (first,)
    return first, Stage(recipe.unfreeze_at, recipe.freeze - recipe.unfreeze, 0)
