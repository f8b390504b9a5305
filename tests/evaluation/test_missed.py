from __future__ import annotations

from yolo_cli.evaluation.breakdown import judge
from yolo_cli.evaluation.missed import Fate, find_misses
from yolo_cli.evaluation.similar import similar_classes
from yolo_cli.evaluation.worst import worst_images

from .scenes import Found, Scene, Thing, ranking

CLASSES = ("cat", "dog", "car")
CAT, DOG, CAR = range(3)


def fates(scene: Scene, conf: float = 0.25) -> list[str]:
    found = find_misses(ranking(scene, CLASSES), conf=conf)
    return [Fate(f).name.lower() for f in found.fate.tolist()]


def test_each_fate() -> None:
    things = [
        Thing(CAT, (0, 0, 20, 20)),
        Thing(CAT, (100, 0, 120, 20)),
        Thing(CAT, (200, 0, 220, 20)),
        Thing(CAT, (300, 0, 320, 20)),
        Thing(DOG, (0, 100, 20, 120), difficult=True),
        Thing(DOG, (100, 100, 120, 120)),
    ]
    found = [
        Found(CAT, (0, 0, 20, 20), 0.9),
        Found(CAR, (100, 0, 120, 20), 0.9),  # fits, wrong class
        Found(CAT, (110, 0, 130, 20), 0.9),  # .33 of the same: the class is the nearer miss
        Found(CAT, (210, 0, 230, 20), 0.9),  # .33
        Found(CAR, (310, 0, 330, 20), 0.9),  # .33 and the wrong class
        Found(DOG, (100, 100, 120, 120), 0.2),  # not sure enough
    ]
    assert fates([(things, found)]) == [
        "found",
        "wrong_class",
        "poorly_localized",
        "not_found",
        "ignored",
        "not_found",
    ]
    misses = find_misses(ranking([(things, found)], CLASSES), conf=0.25)
    assert misses.per_class == {
        "cat": {"found": 1, "wrong_class": 1, "poorly_localized": 1, "not_found": 1},
        "dog": {"found": 0, "wrong_class": 0, "poorly_localized": 0, "not_found": 1},
    }
    assert misses.total == {"found": 1, "wrong_class": 1, "poorly_localized": 1, "not_found": 2}


def test_a_true_positive_explains_no_miss() -> None:
    # Two cats side by side, IoU 10/30; one detection, on the first.
    things = [Thing(CAT, (0, 0, 20, 20)), Thing(CAT, (10, 0, 30, 20))]
    assert fates([(things, [Found(CAT, (0, 0, 20, 20), 0.9)])]) == ["found", "not_found"]
    # A second one on the first lies near the other cat as well.
    twice = [Found(CAT, (0, 0, 20, 20), 0.9), Found(CAT, (1, 0, 21, 20), 0.8)]
    assert fates([(things, twice)]) == ["found", "poorly_localized"]


def test_a_detection_in_another_image_explains_nothing() -> None:
    found = [Found(CAT, (0, 0, 20, 20), 0.9)]
    assert fates([([Thing(CAT, (0, 0, 20, 20))], []), ([], found)]) == ["not_found"]


def worst(scene: Scene, most: int = 10) -> list[tuple[int, int, int, int]]:
    """(image, correct, false, missed)."""
    ranks = ranking(scene, CLASSES)
    judgement = judge(ranks, similar_classes(CLASSES))
    images = worst_images(ranks, judgement, find_misses(ranks, conf=0.25), most=most)
    return [(w.image, len(w.correct), len(w.false), len(w.missed)) for w in images]


def test_worst_images() -> None:
    cat = Thing(CAT, (0, 0, 20, 20))
    hit, weak = Found(CAT, (0, 0, 20, 20), 0.9), Found(CAT, (200, 0, 220, 20), 0.2)
    sure, less = Found(CAT, (200, 0, 220, 20), 0.8), Found(CAT, (200, 0, 220, 20), 0.7)
    difficult = Thing(CAT, (200, 0, 220, 20), difficult=True)
    scene: Scene = [
        ([cat], [hit, weak]),  # the false one is not sure enough: no error
        ([cat], [hit, less]),  # one error, .7
        ([cat], []),  # one error, nothing found
        ([cat], [sure]),  # two errors
        ([cat], [hit, sure]),  # one error, .8
        ([cat, difficult], [hit, sure]),  # on a difficult one: no error
        ([cat], []),  # as the third: the dataset's order decides
    ]
    assert worst(scene) == [(3, 0, 1, 1), (4, 1, 1, 0), (1, 1, 1, 0), (2, 0, 0, 1), (6, 0, 0, 1)]
    assert worst(scene, most=2) == [(3, 0, 1, 1), (4, 1, 1, 0)]
    assert worst([([cat], [hit])]) == []
    assert worst([]) == []


def test_the_rows_of_a_worst_image_come_by_score() -> None:
    found = [Found(CAT, (200, 0, 220, 20), score) for score in (0.3, 0.9, 0.6)]
    ranks = ranking([([], found)], CLASSES)
    judgement = judge(ranks, similar_classes(CLASSES))
    (image,) = worst_images(ranks, judgement, find_misses(ranks, conf=0.25))
    assert ranks.scores[list(image.false)].tolist() == [0.9, 0.6, 0.3]
