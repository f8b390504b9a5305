from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.data.check.pairs import film
from yolo_cli.data.check.together import (
    Together,
    divided_video,
    kept_together,
    original_name,
    said_together,
)


def test_names_of_augmented_copies() -> None:
    hashed = "img_12_jpg.rf.0123456789abcdef0123456789abcdef.jpg"
    assert original_name(Path(hashed)) == "img_12_jpg"
    assert original_name(Path("a.b.rf.AbCdEf12xyz.png")) == "a.b"
    for name in (
        "img_12.jpg",
        "a.rf.jpg",
        "rf.0123456789.jpg",
        ".rf.0123456789.jpg",
        "a.rf.12.jpg",
    ):
        assert original_name(Path(name)) == "", name


def test_an_export_s_own_splits_do_not_matter_but_other_folders_do() -> None:
    one, other = "a_jpg.rf.00000000.jpg", "a_jpg.rf.11111111.jpg"
    paths = [Path(folder, "images", name) for folder, name in (("train", one), ("valid", other))]
    assert kept_together(paths, []) == [Together((0, 1), copies=True, pictures=False)]
    assert kept_together([Path("cats", one), Path("dogs", other)], []) == []


def test_names_and_pictures_are_joined() -> None:
    # Copies of a are 0 and 2, of b 1 and 4; 4 shows what 2 shows; 3 and 5 are one picture.
    names = ["a.rf.000000", "b.rf.000000", "a.rf.111111", "c", "b.rf.111111", "d", "e"]
    found = kept_together([Path(f"{name}.jpg") for name in names], [[2, 4], [3, 5]])
    assert found == [
        Together((0, 1, 2, 4), copies=True, pictures=True),
        Together((3, 5), copies=False, pictures=True),
    ]
    assert found[0].why == "copies of one picture, by their names and by what they show"
    assert (
        said_together(found) == "1 original with 4 copies and 2 images of 1 picture kept together"
    )


def test_what_is_said() -> None:
    copies = [Together(tuple(range(9 * i, 9 * i + 9)), True, False) for i in range(37)]
    assert said_together(copies) == "37 originals with 333 copies kept together"
    assert said_together([]) == ""


def video() -> dict[int, np.ndarray]:
    grey = (frame.convert("L").resize((64, 64)) for frame in film(0, 12))
    return {index: np.asarray(frame) for index, frame in enumerate(grey)}


def test_frames_of_a_video_in_two_splits() -> None:
    paths = [Path(f"clip_{index:06d}.jpg") for index in range(12)]
    assert divided_video(paths, video(), [[*range(12)], []]) is None
    assert divided_video(paths, video(), [[*range(7)], [*range(7, 12)]]) == (6, 7)
    # Numbers are numbers, however they are written: 9 is before 10.
    plain = [Path(f"clip{index + 1}.jpg") for index in range(12)]
    assert divided_video(plain, video(), [[*range(9)], [*range(9, 12)]]) == (8, 9)


def test_numbered_photographs_are_no_video() -> None:
    rng = np.random.default_rng(0)
    photographs = {i: rng.integers(0, 256, (64, 64), dtype=np.uint8) for i in range(12)}
    paths = [Path(f"IMG_{index:04d}.jpg") for index in range(12)]
    assert divided_video(paths, photographs, [[*range(7)], [*range(7, 12)]]) is None


def test_a_video_needs_numbers() -> None:
    paths = [Path(f"{letter}.jpg") for letter in "abcdefghijkl"]
    assert divided_video(paths, video(), [[*range(7)], [*range(7, 12)]]) is None
