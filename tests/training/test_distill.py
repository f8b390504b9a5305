from __future__ import annotations

from pathlib import Path

import pytest
import torch

from tests.toy import CLASSES
from tests.training.conftest import Options
from tests.training.test_trainer import assert_same_result, interrupt_after, resume, train
from yolo_cli.errors import UserError
from yolo_cli.model.config import ModelConfig, new_config
from yolo_cli.tasks.networks import build_network
from yolo_cli.training.distill import Answer, Distillation, hint_loss
from yolo_cli.training.options import TrainOptions
from yolo_cli.training.prepare import prepare
from yolo_cli.training.reporter import Reporter


def test_hint_loss_is_in_units_of_the_teachers_variance() -> None:
    # Two places, values 0 and 2: variance 2 (of a sample). Off by 1 everywhere: 1 / 2.
    teacher = torch.tensor([0.0, 2.0]).view(1, 1, 1, 2)
    torch.testing.assert_close(hint_loss(teacher + 1, teacher), torch.tensor(0.5))
    torch.testing.assert_close(hint_loss(teacher, teacher), torch.tensor(0.0))


def config(**options: object) -> ModelConfig:
    return new_config(CLASSES, **{"grid": 2, "image_size": 64, "width": 0.0625, **options})


def test_the_teacher_is_left_as_it_is_and_asked_in_evaluation_mode() -> None:
    torch.manual_seed(0)
    teacher, student = build_network(config()), build_network(config(arch="fast"))
    teacher.freeze(4)
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    distillation = Distillation(teacher, student, torch.float32).train()
    images = torch.randint(0, 256, (2, 3, 64, 64), dtype=torch.uint8)
    activations = teacher.frozen_part()(teacher.normalise(images))
    answer = distillation.ask(activations)
    with torch.no_grad():
        torch.testing.assert_close(answer.raw, teacher.eval()(images))
    student.train()
    mine = distillation.run(student, images)
    torch.testing.assert_close(mine.raw.shape, answer.raw.shape)
    # 64 pixels: 4 × 4 after the fourth pooling, where the teacher's activations come in.
    assert {s: f.shape for s, f in mine.features.items()} == {
        s: f.shape for s, f in answer.features.items()
    }
    assert set(answer.features) == {4, 2}
    assert torch.equal(answer.features[4], activations)
    terms = distillation(mine, answer)
    sum(terms.values()).backward()
    assert all(p.grad is None for p in teacher.parameters())
    assert all(p.grad is not None for p in student.head.layers.parameters())
    assert all(p.grad is not None for p in student.backbone.parameters())
    after = teacher.state_dict()
    assert all(torch.equal(before[name], after[name]) for name in before)


def test_equal_answers_have_no_soft_loss() -> None:
    teacher = build_network(config())
    teacher.freeze(4)
    distillation = Distillation(teacher, build_network(config(arch="fast")), torch.float32)
    raw = torch.randn(2, 2, 2, 12)
    answer = Answer(raw, {s: torch.randn(2, 32, s, s) for s in (2, 4)})
    mine = Answer(raw, {2: torch.zeros(2, 32, 2, 2), 4: answer.features[4]})
    terms = distillation(mine, answer)
    torch.testing.assert_close(terms["soft"], torch.tensor(0.0), atol=1e-5, rtol=0)
    assert terms["hint"] > 0


@pytest.mark.parametrize(
    ("other", "what"),
    [({"boxes": 3}, "boxes"), ({"image_size": 128, "grid": 4}, "grid"), ({"head": "fc"}, "--head")],
)
def test_networks_that_cannot_be_compared(other: dict[str, object], what: str) -> None:
    teacher = build_network(config(**other))
    with pytest.raises(UserError, match=what):
        Distillation(teacher, build_network(config(arch="fast")), torch.float32)


def student(options: TrainOptions, teacher: Path, **changes: object) -> TrainOptions:
    values = {**vars(options), "weights": "none", "arch": "fast", "grid": 2, "image_size": 64}
    return TrainOptions(**{**values, "teacher": str(teacher), **changes})


@pytest.mark.parametrize("freeze", [0, 2])
def test_a_student_is_trained_and_resumed_exactly(
    freeze: int,
    options: Options,
    tiny_weights: Path,
    tmp_path: Path,
    reporter: Reporter,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = student(options(copies=2, patchwork=0.5, freeze=freeze), tiny_weights)
    trainer = train(asked, tmp_path / "whole", reporter)
    assert {"soft", "hint"} <= set(trainer.position.history[0])
    interrupt_after(5, monkeypatch)
    with pytest.raises(KeyboardInterrupt):
        train(asked, tmp_path / "parts", reporter)
    monkeypatch.undo()
    resume(tmp_path / "parts", reporter).fit()
    assert_same_result(tmp_path / "whole", tmp_path / "parts")


@pytest.mark.parametrize("recipe", [{"freeze": 2, "unfreeze": 1, "copies": 1}, {"copies": 0}])
def test_what_a_teacher_cannot_be_combined_with(
    recipe: dict[str, int], options: Options, tiny_weights: Path, tmp_path: Path, reporter: Reporter
) -> None:
    with pytest.raises(UserError, match="--teacher"):
        prepare(student(options(**recipe), tiny_weights), tmp_path / "run", reporter)
