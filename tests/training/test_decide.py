from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.toy import CLASSES
from tests.training.conftest import Options
from yolo_cli.errors import UserError
from yolo_cli.model.config import new_config
from yolo_cli.model.weights import save_weights
from yolo_cli.tasks.networks import build_network
from yolo_cli.training.budget.plan import Speed
from yolo_cli.training.decide import Decision, Facts, Measured, Stage, decide
from yolo_cli.training.options import TrainOptions
from yolo_cli.training.prepare import prepare
from yolo_cli.training.recipe import DEFAULT, PAPER
from yolo_cli.training.reporter import Reporter

# A pre-trained VGG-16 on a laptop, objects of three cells of 7×7.
FACTS = Facts(
    images=200,
    val_images=50,
    object_size=3 / 7,
    arch="vgg16",
    pretrained=True,
    device="cpu",
)


def decided(facts: Facts = FACTS, measured: Measured | None = None, **options: Any) -> Decision:
    return decide(TrainOptions(data=Path("data"), **options), facts, measured=measured)


def test_small_objects_get_a_finer_grid() -> None:
    # One and a half cells of 7×7 are the border: 1.5 / 7 = .2143 of the image.
    fine = decided(replace(FACTS, object_size=0.214))
    assert fine.grid == 14
    assert fine.lines[0].startswith("grid      14×14, as half of the objects are smaller than 1.5")
    assert decided(replace(FACTS, object_size=0.2143)).grid is None
    assert decided(replace(FACTS, object_size=0.214), weights="imagenet").grid == 14
    assert decided(replace(FACTS, object_size=None)).grid is None


@pytest.mark.parametrize(
    ("said", "grid"),
    [
        ({"grid": 7}, 7),
        ({"image_size": 224}, None),
        ({"weights": "mine.safetensors"}, None),
        ({"teacher": "default"}, None),
        ({"recipe_name": "paper"}, None),
    ],
)
def test_the_grid_that_was_asked_for_stays(said: dict[str, Any], grid: int | None) -> None:
    assert decided(replace(FACTS, object_size=0.01), **said).grid == grid


def test_a_cpu_keeps_the_first_blocks_of_a_pre_trained_vgg16() -> None:
    # 1200 / 200 = 6 copies, 6000 / 200 = 30 epochs.
    recipe = decided().recipe
    assert (recipe.freeze, recipe.copies, recipe.epochs, recipe.batch) == (4, 6, 30, 4)
    assert decided(replace(FACTS, device="cuda")).recipe.freeze == 0
    assert decided(replace(FACTS, arch="fast")).recipe.freeze == 0
    scratch = decided(replace(FACTS, pretrained=False)).recipe
    assert (scratch.freeze, scratch.backbone_rate) == (0, 1.0)


def test_early_blocks_that_are_trained_are_refined() -> None:
    assert decided().recipe.backbone_rate == 0.5
    assert decided(replace(FACTS, device="cuda")).recipe.backbone_rate == 0.03
    assert decided(recipe={"freeze": 3}).recipe.backbone_rate == 0.03
    assert decided(recipe={"freeze": 5}).recipe.backbone_rate == 0.5
    assert decided(replace(FACTS, arch="fast")).recipe.backbone_rate == 0.5


@pytest.mark.parametrize(
    ("images", "copies", "epochs", "batch"),
    [(10, 6, 40, 4), (999, 1, 10, 4), (1000, 1, 10, 16), (8000, 1, 10, 16), (400, 3, 15, 4)],
)
def test_small_datasets_get_more_of_everything(
    images: int, copies: int, epochs: int, batch: int
) -> None:
    recipe = decided(replace(FACTS, images=images)).recipe
    assert (recipe.copies, recipe.epochs, recipe.batch) == (copies, epochs, batch)


def test_without_augmentation_one_copy_is_enough() -> None:
    assert decided(augment=False).recipe.copies == 1


def test_what_is_asked_for_stays() -> None:
    asked = {"freeze": 2, "copies": 3, "epochs": 7, "batch": 5, "backbone_rate": 0.25}
    recipe = decided(recipe=asked).recipe
    assert {name: getattr(recipe, name) for name in asked} == asked


def test_the_papers_recipe_is_left_as_it_is() -> None:
    assert decided(recipe_name="paper").recipe == PAPER


def test_copies_are_of_no_use_where_nothing_is_frozen() -> None:
    lines = decided(replace(FACTS, arch="fast"), recipe={"copies": 2}).lines
    assert [line for line in lines if "--copies" in line]
    assert not decided(recipe={"copies": 2}).lines


def test_a_measurement_repeats_no_line() -> None:
    speed = Measured(Speed(cache=0.0, step=0.1, validate=0.02), used=0.0)
    fast = replace(FACTS, arch="fast")
    lines = decided(fast, speed, recipe={"copies": 2}, time_budget=600.0).lines
    assert [line.split()[0] for line in lines] == ["plan"]


def test_a_second_phase_is_a_stage_on_fresh_images() -> None:
    # Three quarters of 30 epochs: 22.5, rounded to the even neighbour.
    stages = decided(recipe={"unfreeze": 1}).stages
    assert stages == (Stage(0, 4, 6), Stage(22, 3, 0))
    assert decided().stages == (Stage(0, 4, 6),)
    with pytest.raises(UserError, match="--unfreeze 5: only 4 blocks are frozen"):
        decided(recipe={"unfreeze": 5})


def test_a_plan_needs_a_measurement_and_changes_the_recipe() -> None:
    # See test_plan: 2 copies, 21 epochs, validated every second.
    speed = Speed(cache=0.3, step=0.1, validate=0.02)
    assert decided(time_budget=600.0).plan is None
    decision = decided(measured=Measured(speed, used=0.0), time_budget=600.0)
    assert decision.plan is not None
    recipe = decision.recipe
    assert (recipe.copies, recipe.epochs, recipe.validate_every) == (2, 21, 2)
    assert (recipe.patience, recipe.setbacks) == (0, 2)
    patient = decided(measured=Measured(speed, used=0.0), time_budget=600.0, recipe={"patience": 5})
    assert patient.recipe.patience == 5
    few = decided(replace(FACTS, val_images=19), Measured(speed, used=0.0), time_budget=600.0)
    assert few.recipe.setbacks == 0
    assert decision.stages == (Stage(0, 4, 2),)
    assert decision.lines == (f"plan      {decision.plan.line()}",)


def test_a_hopeless_budget_names_the_ways_out() -> None:
    # 200 + 50 images at 1 s, and .3 of an epoch of 200 · .5 + 50 · .1 + 2 s: 250 + 32.1 = 282 s;
    # a tenth more are 5.2 minutes.
    slow = Measured(Speed(cache=1.0, step=0.5, validate=0.1), used=0.0)
    with pytest.raises(UserError) as caught:
        decided(measured=slow, time_budget=60.0)
    assert "--time-budget 1.0 min: too short for 200 images" in caught.value.message
    for way in ("about 4.7 min", "--time-budget 6m", "--arch fast", "fewer images"):
        assert way in caught.value.hint
    with pytest.raises(UserError) as caught:
        decided(replace(FACTS, arch="fast"), slow, time_budget=10.0)
    assert "--arch fast" not in caught.value.hint


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"time_budget": 60.0, "recipe": {"epochs": 3}}, "plans the epochs itself"),
        ({"teacher": "default", "recipe": {"unfreeze": 1}}, "--teacher"),
        ({"teacher": "default", "recipe": {"copies": 0}}, "--teacher"),
        ({"teacher": "default", "time_budget": 60.0}, "--teacher"),
        ({"recipe_name": "mine"}, "--recipe mine: unknown"),
    ],
)
def test_options_that_contradict_each_other(options: dict[str, Any], words: str) -> None:
    with pytest.raises(UserError, match=words):
        decided(**options)


def test_a_resumed_run_keeps_what_was_settled() -> None:
    settled = replace(DEFAULT, freeze=3, copies=2, unfreeze=1, unfreeze_at=9, epochs=11)
    options = TrainOptions(data=Path("data"), grid=14, time_budget=60.0)
    decision = decide(options, replace(FACTS, images=9999), settled=settled)
    assert decision.recipe == settled
    assert decision.grid == 14
    assert decision.stages == (Stage(0, 3, 2), Stage(9, 2, 0))


def test_a_chosen_grid_is_written_down_for_a_resumed_run(
    options: Options, tmp_path: Path, reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("yolo_cli.training.decide.SMALL_OBJECT", 7.0)
    asked = replace(options(), weights="none", arch="fast")
    prepare(asked, tmp_path / "run", reporter)
    config = json.loads((tmp_path / "run/config.json").read_text())
    assert config["options"]["grid"] == config["model"]["grid"] == 14


def test_a_fine_grid_begins_with_weights_of_that_grid(
    options: Options, tmp_path: Path, reporter: Reporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "package"
    package.mkdir()
    for name, grid in (("vgg16-voc", 7), ("vgg16-voc-14", 14)):
        network = build_network(new_config(CLASSES, grid=grid, width=0.03))
        save_weights(package / f"{name}.safetensors", network, {})
    monkeypatch.setattr("yolo_cli.model.embedded._embedded_folders", lambda: [package])
    asked = replace(options(), weights="default", arch="vgg16")
    for small, name in ((0.0, "vgg16-voc"), (7.0, "vgg16-voc-14")):
        monkeypatch.setattr("yolo_cli.training.decide.SMALL_OBJECT", small)
        prepare(asked, tmp_path / name, reporter)
        config = json.loads((tmp_path / name / "config.json").read_text())
        assert config["start"].startswith(f"{name}.safetensors: kept")
