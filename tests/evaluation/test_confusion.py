from __future__ import annotations

import numpy as np

from tests.evaluation.cases import Box, found, random_dataset, sample
from yolo_cli.data.sample import Sample
from yolo_cli.evaluation.confusion import confusion_matrix
from yolo_cli.evaluation.flat import Detections, flatten_detections, flatten_objects

CLASSES = ("cat", "dog")
A: Box = (0, 0, 10, 10)
B: Box = (20, 0, 30, 10)
AWAY: Box = (100, 100, 110, 110)


def matrix(objects: Sample, detections: Detections, conf: float = 0.25) -> list[list[int]]:
    result = confusion_matrix(
        flatten_objects([objects]), flatten_detections([detections], 2), CLASSES, conf=conf
    )
    counts: list[list[int]] = result.matrix.tolist()
    return counts


def test_rows_are_true_and_columns_detected() -> None:
    # A cat is found, the other one called a dog; a dog is missed; a dog is seen where nothing is.
    objects = sample([A, B, (50, 0, 60, 10)], [0, 0, 1])
    detections = found([A, B, AWAY], [0.9, 0.8, 0.7], [0, 1, 1])
    assert matrix(objects, detections) == [[1, 1, 0], [0, 0, 1], [0, 1, 0]]


def test_the_threshold_itself_is_kept() -> None:
    detections = found([A, A], [0.25, 0.2499], [0, 1])
    assert matrix(sample([A]), detections) == [[1, 0, 0], [0, 0, 0], [0, 0, 0]]


def test_the_surer_detection_takes_the_object_the_other_one_is_of_nothing() -> None:
    # The dog's box is the better one, but the cat is surer.
    detections = found([A, (0, 0, 10, 8)], [0.5, 0.9], [1, 0])
    assert matrix(sample([A]), detections) == [[1, 0, 0], [0, 0, 0], [0, 1, 0]]


def test_a_detection_makes_do_with_an_object_that_is_free() -> None:
    # Objects 0..10 and 4..14; the second detection, 1..11, has IoU 9/11 with the first, which is
    # taken, and 7/13 with the second.
    objects = sample([A, (4, 0, 14, 10)])
    detections = found([A, (1, 0, 11, 10)], [0.9, 0.8])
    assert matrix(objects, detections)[0] == [2, 0, 0]


def test_of_equal_overlaps_its_own_class() -> None:
    objects = sample([A, A], [0, 1])
    assert matrix(objects, found([A], [0.9], [1])) == [[0, 0, 1], [0, 1, 0], [0, 0, 0]]
    assert matrix(objects, found([A], [0.9], [0])) == [[1, 0, 0], [0, 0, 1], [0, 0, 0]]


def test_half_an_overlap_is_enough() -> None:
    assert matrix(sample([A]), found([(0, 0, 20, 10)], [0.9]))[0] == [1, 0, 0]
    assert matrix(sample([A]), found([(0, 0, 21, 10)], [0.9]))[0] == [0, 0, 1]


def test_ignored_objects_are_not_counted_nor_what_is_found_on_them() -> None:
    objects = sample([A, B], [0, 1], difficult=[True, False], crowd=[False, True])
    assert matrix(objects, found([A, A, B], [0.9, 0.8, 0.7], [0, 1, 1])) == [[0] * 3] * 3
    # An object that counts goes before the ignored one at the same place.
    both = sample([A, A], [0, 1], difficult=[True, False])
    assert matrix(both, found([A], [0.9], [0])) == [[0, 0, 0], [1, 0, 0], [0, 0, 0]]


def test_nothing() -> None:
    assert matrix(sample([]), found([], [])) == [[0] * 3] * 3
    assert matrix(sample([]), found([A], [0.9])) == [[0, 0, 0], [0, 0, 0], [1, 0, 0]]
    assert matrix(sample([A]), found([], [])) == [[0, 0, 1], [0, 0, 0], [0, 0, 0]]


def test_every_object_is_in_its_row_and_images_do_not_mix() -> None:
    for seed in range(20):
        samples, detections = random_dataset(np.random.default_rng(seed))
        together = confusion_matrix(
            flatten_objects(samples), flatten_detections(detections, 4), "abcd", conf=0.3
        ).matrix
        apart = [
            confusion_matrix(
                flatten_objects([s]), flatten_detections([d], 4), "abcd", conf=0.3
            ).matrix
            for s, d in zip(samples, detections, strict=True)
        ]
        assert (together == np.sum(apart, axis=0)).all()
        objects = flatten_objects(samples)
        counts = np.bincount(objects.labels[~objects.ignored], minlength=4)
        assert (together[:-1].sum(axis=1) == counts).all()
