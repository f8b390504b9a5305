"""What a detector proposes, and which image it would learn most from."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, cast

import pytest

pytest.importorskip("starlette")

import torch

from yolo_cli.errors import UserError
from yolo_cli.inference.detector import Detector
from yolo_cli.label.open import Wish, opened_session
from yolo_cli.label.proposals import Proposer, uncertainty


class Found:
    """Two boxes."""

    scores = torch.tensor([0.5, 0.25])
    boxes = torch.tensor([[1.4, 2.0, 9.6, 9.0], [3.0, 3.0, 3.2, 8.0]])

    def found(self) -> list[tuple[str, float]]:
        return [("cat", 0.5), ("dog", 0.25)]


class Eyes:
    """A detector that remembers what it was shown."""

    classes = ("cat", "dog")

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.go = threading.Event()

    def __call__(self, path: str, **_: Any) -> Found:
        self.go.wait(5)
        self.seen.append(Path(path).name)
        if path.endswith("c.png"):
            raise UserError("damaged image", path=Path(path))
        return Found()


def test_doubt_is_the_sum_of_entropies() -> None:
    assert uncertainty([]) == uncertainty([0.01, 1.0]) == 0
    assert uncertainty([0.5]) == pytest.approx(1)
    # -1/4 log2(1/4) - 3/4 log2(3/4) = 0.5 + 0.75 * 0.41504
    assert uncertainty([0.5, 0.25]) == pytest.approx(1.81128, abs=1e-5)
    assert uncertainty([0.9, 0.9]) < uncertainty([0.5])


def test_boxes_are_proposed_in_whole_pixels_and_remembered(photos: Path) -> None:
    eyes = Eyes()
    eyes.go.set()
    with opened_session(Wish(photos)) as (session, _):
        proposer = Proposer(cast(Detector, eyes), session, 0.3, rate=False)
        (cat,) = proposer.propose(1)
        assert cat.to_json() == {"name": "cat", "score": 0.5, "box": [1, 2, 10, 9]}
        assert proposer.propose(1) == [cat]
        with pytest.raises(UserError, match="damaged"):
            proposer.propose(2)
        proposer.stop()
        assert eyes.seen == ["b.jpg", "c.png"]
        assert session.entries[0].score is None


def test_all_images_are_rated_and_what_is_asked_for_comes_first(photos: Path) -> None:
    eyes = Eyes()
    with opened_session(Wish(photos)) as (session, _):
        proposer = Proposer(cast(Detector, eyes), session, 0.2, rate=True)
        asked = threading.Thread(target=proposer.propose, args=(1,))
        asked.start()
        asked.join(0.1)
        eyes.go.set()
        asked.join()
        while session.progress.what:
            threading.Event().wait(0.01)
        proposer.stop()
        assert sorted(eyes.seen) == ["a.jpg", "b.jpg", "c.png"]
        assert eyes.seen.index("b.jpg") < 2  # at most one image was looked at meanwhile
        assert [one.score for one in session.entries] == [1.811, 1.811, None]
        assert [one.state for one in session.entries] == ["open", "open", "broken"]
