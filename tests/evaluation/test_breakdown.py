from __future__ import annotations

import numpy as np
import pytest

from yolo_cli.evaluation.breakdown import KINDS, Kind, error_breakdown, judge
from yolo_cli.evaluation.similar import similar_classes

from .reference_voc import overlap
from .scenes import Found, Scene, Thing, random_scene, ranking

CLASSES = ("cat", "dog", "car", "sofa")
CAT, DOG, CAR, SOFA = range(4)
SIMILAR = similar_classes(CLASSES)  # of these, VOC's groups hold cat and dog alone


def kinds(scene: Scene) -> list[str]:
    """Of the detections by descending score."""
    found = judge(ranking(scene, CLASSES), SIMILAR).kind
    return [Kind(k).name.lower() for k in found.tolist()]


def test_each_kind() -> None:
    # All boxes 20 high. Shifted by 10 of 20: IoU 10/30 = .33. By 16: 4/36 = .11; by 17: 3/37 = .08.
    things = [
        Thing(CAT, (0, 0, 20, 20)),
        Thing(DOG, (100, 0, 120, 20)),
        Thing(CAR, (200, 0, 220, 20)),
        Thing(CAT, (300, 0, 320, 20), difficult=True),
    ]
    found = [
        Found(CAT, (0, 0, 20, 20), 0.99),  # correct
        Found(CAT, (10, 0, 30, 20), 0.98),  # badly placed
        Found(CAT, (0, 0, 20, 19), 0.97),  # the cat once more
        Found(CAT, (100, 0, 120, 20), 0.96),  # a dog
        Found(CAT, (116, 0, 136, 20), 0.95),  # .11 of a dog
        Found(CAT, (117, 0, 137, 20), 0.94),  # .08 of a dog
        Found(CAT, (200, 0, 220, 20), 0.93),  # a car
        Found(CAT, (300, 0, 320, 20), 0.92),  # difficult
        Found(DOG, (310, 0, 330, 20), 0.91),  # .33 of a difficult cat: similar, not background
        Found(SOFA, (0, 200, 20, 220), 0.90),  # nothing there
    ]
    assert kinds([(things, found)]) == [
        "correct",
        "localization",
        "localization",
        "similar",
        "similar",
        "background",
        "other",
        "ignored",
        "similar",
        "background",
    ]


def test_its_own_class_goes_before_a_similar_one_and_that_before_any_other() -> None:
    # The detection 0..20 overlaps a dog by .33, a cat by .11 (16..36), a car wholly.
    dog, cat = Thing(DOG, (-10, 0, 10, 20)), Thing(CAT, (16, 0, 36, 20))
    car = Thing(CAR, (0, 0, 20, 20))
    detection = Found(CAT, (0, 0, 20, 20), 0.5)
    assert kinds([([car, dog, cat], [detection])]) == ["localization"]
    assert kinds([([car, dog], [detection])]) == ["similar"]
    assert kinds([([car], [detection])]) == ["other"]
    # An object in another image has nothing to do with it.
    assert kinds([([], [detection]), ([car, dog, cat], [])]) == ["background"]


def test_the_target_is_the_object_that_should_have_been_found() -> None:
    things = [Thing(DOG, (16, 0, 36, 20)), Thing(DOG, (10, 0, 30, 20)), Thing(CAR, (0, 0, 20, 20))]
    judgement = judge(ranking([(things, [Found(CAT, (0, 0, 20, 20), 0.5)])], CLASSES), SIMILAR)
    assert judgement.target.tolist() == [1]
    assert judgement.target_iou.tolist() == pytest.approx([1 / 3])


def test_the_first_n_of_each_class() -> None:
    # Three cats, so the first three detections of cat that count: correct (.9), background (.8),
    # a duplicate (.6). The one on the difficult cat (.7) holds no rank, the last (.5) none either.
    # One dog, and no detection of one.
    things = [
        Thing(CAT, (0, 0, 20, 20)),
        Thing(CAT, (40, 0, 60, 20)),
        Thing(CAT, (80, 0, 100, 20)),
        Thing(CAT, (120, 0, 140, 20), difficult=True),
        Thing(DOG, (160, 0, 180, 20)),
    ]
    found = [
        Found(CAT, (0, 0, 20, 20), 0.9),
        Found(CAT, (0, 100, 20, 120), 0.8),
        Found(CAT, (120, 0, 140, 20), 0.7),
        Found(CAT, (0, 0, 20, 20), 0.6),
        Found(CAT, (40, 0, 60, 20), 0.5),
        Found(CAR, (40, 0, 60, 20), 0.5),  # there is no car: the class is left out
    ]
    ranks = ranking([(things, found)], CLASSES)
    breakdown = error_breakdown(ranks, judge(ranks, SIMILAR))
    assert list(breakdown.per_class) == ["cat", "dog"]
    cat, dog = breakdown.per_class["cat"], breakdown.per_class["dog"]
    assert cat.counts == dict(zip(KINDS, (1, 1, 0, 0, 1), strict=True))
    assert (cat.objects, cat.duplicates, cat.lacking) == (3, 1, 0)
    assert (dog.objects, dog.duplicates, dog.lacking) == (1, 0, 1)
    # Means of the two classes: cat a third each, dog lacks all.
    assert breakdown.mean == pytest.approx(
        {
            "correct": 50 / 3,
            "localization": 50 / 3,
            "similar": 0,
            "other": 0,
            "background": 50 / 3,
            "lacking": 50,
        }
    )


def test_nothing_to_find() -> None:
    ranks = ranking([([], [Found(CAT, (0, 0, 9, 9), 0.5)])], CLASSES)
    breakdown = error_breakdown(ranks, judge(ranks, SIMILAR))
    assert breakdown.per_class == {}
    assert breakdown.mean == {}


def literal(scene: Scene) -> list[list[int]]:
    """[class][kind] among the first N, one detection at a time."""

    def inclusive(box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        return box[0] + 1, box[1] + 1, box[2], box[3]

    counts = [[0] * len(KINDS) for _ in CLASSES]
    for label in range(len(CLASSES)):
        number = sum(t.label == label and not t.difficult for ts, _ in scene for t in ts)
        ranked = sorted(
            ((i, f) for i, (_, fs) in enumerate(scene) for f in fs if f.label == label),
            key=lambda pair: -pair[1].score,
        )
        claimed: set[tuple[int, int]] = set()
        for image, f in ranked:
            things = scene[image][0]
            ious = [max(0, overlap(inclusive(f.box), inclusive(t.box))) for t in things]
            own = [j for j, t in enumerate(things) if t.label == label]
            best = max(own, key=lambda j: ious[j], default=None)
            kind = Kind.BACKGROUND
            if any(v >= 0.1 and t.label != label for v, t in zip(ious, things, strict=True)):
                kind = Kind.OTHER
            if any(v >= 0.1 and SIMILAR[label, t.label] for v, t in zip(ious, things, strict=True)):
                kind = Kind.SIMILAR
            if best is not None and ious[best] >= 0.1:
                kind = Kind.LOCALIZATION
            if best is not None and ious[best] >= 0.5:
                if things[best].difficult:
                    continue
                if (image, best) not in claimed:
                    kind = Kind.CORRECT
                    claimed.add((image, best))
            if sum(counts[label]) < number:
                counts[label][kind] += 1
    return counts


@pytest.mark.parametrize("seed", range(40))
def test_equal_to_a_literal_transcription(seed: int) -> None:
    scene = random_scene(np.random.default_rng(seed), images=12, classes=len(CLASSES))
    ranks = ranking(scene, CLASSES)
    breakdown = error_breakdown(ranks, judge(ranks, SIMILAR))
    expected = literal(scene)
    for label, name in enumerate(CLASSES):
        if name in breakdown.per_class:
            assert list(breakdown.per_class[name].counts.values()) == expected[label]
        else:
            assert not any(expected[label])
