from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.inference.conftest import jpeg
from yolo_cli.errors import ExitCode, UserError
from yolo_cli.inference import pipeline
from yolo_cli.inference.detector import Detector
from yolo_cli.inference.items import FileItem, Item
from yolo_cli.inference.pipeline import Crew, run_files, run_items
from yolo_cli.inference.predictor import Predictor
from yolo_cli.tasks.detect.result import DetectResult
from yolo_cli.tasks.detect.thresholds import Thresholds
from yolo_cli.tasks.result import Failure

ALL = Thresholds(conf=0.4)
pytestmark = pytest.mark.usefixtures("_one_thread")


@pytest.fixture
def photos(tmp_path: Path) -> list[Path]:
    """Seven images of 100, 101 … pixels width; the third and the last are broken."""
    paths = [jpeg(tmp_path / f"{i}.png", (100 + i, 50)) for i in range(7)]
    for i in (2, 6):
        paths[i].write_bytes(b"no image")
    return paths


@pytest.mark.parametrize("batch", [1, 2, 3, 7, 20])
@pytest.mark.parametrize("streams", [1, 3])
def test_order_and_failures(
    detector: Detector,
    photos: list[Path],
    monkeypatch: pytest.MonkeyPatch,
    batch: int,
    streams: int,
) -> None:
    crew = Crew(workers=3, streams=streams, threads=1)
    monkeypatch.setattr(Crew, "for_work", lambda *_: crew)
    outcomes = list(run_files(detector, photos, ALL, batch=batch))
    assert [one.origin.path for one in outcomes] == photos
    for i, outcome in enumerate(outcomes):
        if i in (2, 6):
            assert isinstance(outcome, Failure)
            assert str(photos[i]) in outcome.error.message
        else:
            assert isinstance(outcome, DetectResult)
            assert (outcome.width, outcome.height) == (100 + i, 50)
            # The first of the four discs: from an eighth to three eighths of both sides.
            assert outcome.boxes[0].tolist() == pytest.approx(
                [(100 + i) / 8, 50 / 8, 3 * (100 + i) / 8, 3 * 50 / 8]
            )


def test_batches_fill_up(
    detector: Detector, photos: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = []
    predict = Predictor.predict

    def spy(self: Detector, inputs: list[torch.Tensor], *rest: Any) -> object:
        sizes.append(len(inputs))
        return predict(self, inputs, *rest)

    monkeypatch.setattr(Predictor, "predict", spy)
    list(run_files(detector, photos, ALL, batch=2))
    assert sizes == [2, 2, 1]  # five images can be read


def test_what_is_read_ahead_is_bounded(detector: Detector, tmp_path: Path) -> None:
    path = jpeg(tmp_path / "a.png", (20, 10))
    taken = 0

    def items() -> Iterator[Item]:
        nonlocal taken
        for _ in range(300):
            taken += 1
            yield FileItem.of(path)

    outcomes = run_items(detector, items(), ALL, lambda result: result, batch=2, count=300)
    most = 0
    for done, _ in enumerate(outcomes, start=1):
        most = max(most, taken - done)
    assert taken == 300
    assert most < 40


def test_closing_stops_all_threads(detector: Detector, tmp_path: Path) -> None:
    path = jpeg(tmp_path / "a.png", (20, 10))
    before = threading.active_count()
    finished = []

    def finish(result: DetectResult) -> DetectResult:
        time.sleep(0.01)
        finished.append(result)
        return result

    outcomes = run_items(detector, [FileItem.of(path)] * 200, ALL, finish, count=200)
    next(outcomes)
    assert isinstance(outcomes, Generator)
    outcomes.close()  # as Ctrl-C does
    assert threading.active_count() == before
    assert len(finished) < 40


def test_an_error_in_the_end_ends_the_work(detector: Detector, tmp_path: Path) -> None:
    path = jpeg(tmp_path / "a.png", (20, 10))
    before = threading.active_count()

    def finish(_: DetectResult) -> DetectResult:
        raise UserError("disk full", code=ExitCode.FAILURE)

    with pytest.raises(UserError, match="disk full"):
        list(run_items(detector, [FileItem.of(path)] * 50, ALL, finish, count=50))
    assert threading.active_count() == before


def test_threads_are_divided(detector: Detector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    assert detector.parallel
    assert Crew.for_work(detector, 1000, 2) == Crew(workers=8, streams=4, threads=2)
    assert Crew.for_work(detector, None, 2) == Crew(workers=8, streams=4, threads=2)
    # Two batches for each of the four are sixteen images.
    assert Crew.for_work(detector, 16, 2).streams == 4
    assert Crew.for_work(detector, 15, 2) == Crew(workers=8, streams=1, threads=8)
    monkeypatch.setattr(Predictor, "parallel", False)
    assert Crew.for_work(detector, 1000, 2) == Crew(workers=8, streams=1, threads=8)


def test_torch_has_its_threads_again(detector: Detector, photos: list[Path]) -> None:
    torch.set_num_threads(2)
    list(run_files(detector, photos, ALL))
    assert torch.get_num_threads() == 2
    done = []
    thread = threading.Thread(target=lambda: done.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert done == [2]


def test_no_images(detector: Detector) -> None:
    assert list(run_files(detector, [], ALL)) == []
    assert pipeline.Crew.for_work(detector, 0, 1).streams == 1
