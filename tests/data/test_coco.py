from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from yolo_cli.data.dataset import open_dataset
from yolo_cli.data.formats import coco_json, json_read
from yolo_cli.data.formats.coco import open_reader
from yolo_cli.data.formats.scan import Fault, Reading
from yolo_cli.errors import UserError

from .builders import boxes, coco, image, load, write

CATEGORIES = {90: "dog", 1: "person", 17: "cat"}


def annotation(image_id: object = 1, **fields: object) -> dict[str, object]:
    default: dict[str, object] = {"id": 5, "category_id": 17, "bbox": [10, 20, 30, 40]}
    return {"image_id": image_id, **default, **fields}


DEFAULT = annotation()
BOX = [10.0, 20.0, 40.0, 60.0]


def single(
    root: Path, *annotations: Mapping[str, object], name: str = "a.jpg", place: str = "data.json"
) -> Path:
    """One JSON beside images a.jpg and b.jpg."""
    for file in ("a.jpg", "b.jpg"):
        image(root / file)
    write(root / place, coco([(1, name), (2, "b.jpg")], annotations or [DEFAULT], CATEGORIES))
    return root


def refused(root: Path, split: str | None = None) -> UserError:
    with pytest.raises(UserError) as caught:
        load(root, split)
    assert "\n" not in caught.value.message
    assert "\n" not in caught.value.hint
    return caught.value


def test_boxes_areas_crowds_and_sparse_categories(tmp_path: Path) -> None:
    data = load(
        single(
            tmp_path,
            annotation(bbox=[10, 20, 30, 40], area=700.5),
            annotation(2, bbox=[0.5, 0.25, 99.5, 79.75], category_id=90, iscrowd=1),
            annotation(2, bbox=[1, 2, 3, 4], category_id=1, iscrowd=0, area=-1),
        )
    )
    assert (data.format, data.split) == ("coco", "all")
    assert data.classes == ("person", "cat", "dog")  # ids 1, 17, 90
    first, second = data.samples
    assert (first.id, first.width, first.height) == ("a", 100, 80)
    assert first.boxes.tolist() == [BOX]  # 10 + 30, 20 + 40
    assert first.area.tolist() == [700.5]
    assert first.labels.tolist() == [1]
    assert second.boxes.tolist() == [[0.5, 0.25, 100, 80], [1, 2, 4, 6]]
    assert second.area.tolist() == [99.5 * 79.75, 12]
    assert second.labels.tolist() == [2, 0]
    assert second.crowd.tolist() == [True, False]
    assert not second.difficult.any()


@pytest.mark.parametrize("images", ["{0}2017", "images/{0}2017", "images/{0}", "{0}", "{0}/images"])
def test_the_official_layout(tmp_path: Path, images: str) -> None:
    for split in ("train", "val"):
        image(tmp_path / images.format(split) / "1.jpg")
        text = coco([(1, "1.jpg")], [annotation()], CATEGORIES)
        write(tmp_path / f"annotations/instances_{split}2017.json", text)
        write(tmp_path / f"annotations/captions_{split}2017.json", "{}")
        write(tmp_path / f"annotations/person_keypoints_{split}2017.json", "{}")
    folder = open_dataset(tmp_path)
    assert folder.splits == ("train", "val")
    for name in ("val", "val2017"):
        data = folder.load(name)
        assert data.split == "val"
        assert [sample.boxes.tolist() for sample in data.samples] == [[BOX]]
        assert "val" in str(data.samples[0].image)
    assert len({sample.id for sample in folder.load(None).samples}) == 2


@pytest.mark.parametrize("images", ["images", "data", ".", "annotations"])
def test_all_images_in_one_folder(tmp_path: Path, images: str) -> None:
    for name in ("a", "b"):
        image(tmp_path / images / f"{name}.jpg")
    text = coco([(1, "a.jpg")], [DEFAULT], CATEGORIES)
    write(tmp_path / "annotations/train.json", text)
    write(tmp_path / "annotations/test.json", text.replace("a.jpg", "b.jpg"))
    assert load(tmp_path, "train").samples[0].image.name == "a.jpg"
    assert load(tmp_path, "test").samples[0].image.name == "b.jpg"


@pytest.mark.parametrize("images", ["", "images/"])
def test_roboflow(tmp_path: Path, images: str) -> None:
    for split in ("train", "valid", "test"):
        image(tmp_path / split / f"{images}a.jpg")
        text = coco([(0, "a.jpg")], [annotation(0)], CATEGORIES)
        write(tmp_path / split / "_annotations.coco.json", text)
    folder = open_dataset(tmp_path)
    assert folder.splits == ("test", "train", "val")
    assert [sample.id for sample in folder.load("valid").samples] == ["valid/a"]
    assert [sample.id for sample in folder.load(None).samples] == ["test/a", "train/a", "valid/a"]


@pytest.mark.parametrize("place", ["result.json", "annotations/instances_default.json"])
def test_one_file_without_a_split_s_name_is_no_split(tmp_path: Path, place: str) -> None:
    assert open_dataset(single(tmp_path, place=place)).splits == ()
    assert boxes(load(tmp_path)) == {"a": [BOX], "b": []}


def test_a_file_can_be_named(tmp_path: Path) -> None:
    single(tmp_path, place="annotations/mine.json")
    write(tmp_path / "annotations/other.json", "{")
    data = open_dataset(tmp_path / "annotations/mine.json").load(None)
    assert (len(data), data.root) == (2, tmp_path / "annotations")


def test_subfolders_in_file_names(tmp_path: Path) -> None:
    image(tmp_path / "images/x/a.jpg")
    image(tmp_path / "images/y/a.jpg")
    text = coco([(1, "x/a.jpg"), (2, "y\\a.jpg")], [DEFAULT], CATEGORIES)
    write(tmp_path / "annotations/all.json", text)
    assert [sample.id for sample in load(tmp_path).samples] == ["x/a", "y/a"]


def test_categories_of_one_name_are_one_class(tmp_path: Path) -> None:
    text = coco([(1, "a.jpg")], [annotation(category_id=1)], {0: "cat", 1: "cat", 2: "dog"})
    image(tmp_path / "a.jpg")
    write(tmp_path / "a.json", text)
    data = load(tmp_path)
    assert data.classes == ("cat", "dog")
    assert data.samples[0].labels.tolist() == [0]


def test_ids_may_be_text_and_a_byte_order_mark_may_lead(tmp_path: Path) -> None:
    single(tmp_path)
    text = (tmp_path / "data.json").read_text().replace('"id": 1,', '"id": "x",')
    text = text.replace('"image_id": 1', '"image_id": "x"')
    (tmp_path / "data.json").write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert boxes(load(tmp_path))["a"] == [BOX]


BAD_OBJECTS: dict[str, tuple[dict[str, object], str]] = {
    "NaN": ({"bbox": [float("nan"), 1, 2, 3]}, "not finite"),
    "infinite": ({"bbox": [1, 1, float("inf"), 3]}, "not finite"),
    "beyond floats": ({"bbox": [10**400, 1, 2, 3]}, "not finite"),
    "negative": ({"bbox": [-30, 1, 40, 3]}, "leaves the image"),
    "negative size": ({"bbox": [30, 1, -4, 3]}, "negative size"),
    "no size": ({"bbox": [30, 1, 0, 3]}, "no size"),
    "outside": ({"bbox": [90, 1, 20, 3]}, "leaves the image"),
    "three numbers": ({"bbox": [1, 2, 3]}, "not [x, y, width, height]"),
    "words": ({"bbox": ["one", 2, 3, 4]}, "not [x, y, width, height]"),
    "no box": ({"bbox": None}, "not [x, y, width, height]"),
    "category": ({"category_id": 2}, "category_id 2"),
    "list as category": ({"category_id": [1]}, "category_id [1]"),
    "image": ({"image_id": 7}, "image_id 7"),
    "list as image": ({"image_id": [7]}, "image_id [7]"),
}


@pytest.mark.parametrize(("fields", "words"), BAD_OBJECTS.values(), ids=BAD_OBJECTS)
def test_bad_objects(tmp_path: Path, fields: dict[str, object], words: str) -> None:
    single(tmp_path, DEFAULT, {**annotation(id=77), **fields})
    error = refused(tmp_path)
    assert words in error.message
    (part,) = fields
    # Two lines, six for each image, two, and eleven for the first annotation are before it.
    place = f"{tmp_path}/data.json:28: annotations[1].{part} (id 77): "
    assert error.message.startswith(place)
    assert (error.path, error.line) == (tmp_path / "data.json", 28)
    assert "--skip-bad" in error.hint
    data = load(tmp_path, skip_bad=True)
    assert boxes(data) == {"a": [BOX], "b": []}
    assert len(data.skipped) == 1


@pytest.mark.parametrize(
    "name", ["/etc/a.jpg", "../a.jpg", "x/../../a.jpg", "..\\a.jpg", "C:\\a.jpg", "\\\\host\\a.jpg"]
)
def test_images_stay_in_their_folder(tmp_path: Path, name: str) -> None:
    root = single(tmp_path / "set", annotation(2), name=name)
    image(tmp_path / "a.jpg")
    error = refused(root)
    assert "leaves the image folder" in error.message
    assert "images[0] (id 1)" in error.message
    data = load(root, skip_bad=True)
    assert (list(boxes(data)), len(data.skipped)) == (["b"], 1)


def faults(root: Path) -> list[tuple[str, str, str]]:
    """Code, severity and message of all that a scan notices."""
    reader = open_dataset(root, skip_bad=True).reader
    found = [item for item in (*reader.scan(None), *reader.leftovers()) if isinstance(item, Fault)]
    return [(one.code, one.severity, f"{one.spot.item}: {one.what}") for one in found]


@pytest.mark.parametrize("name", ["gone.jpg", "nul\0.jpg"])
def test_a_label_without_its_image_is_a_warning(tmp_path: Path, name: str) -> None:
    single(tmp_path, DEFAULT, annotation(2), name=name)
    assert boxes(load(tmp_path)) == {"b": [BOX]}
    what = f"images[0] (id 1): no such image; tried {tmp_path}/{name}"
    assert ("no-image", "warning", what) in faults(tmp_path)


def test_no_image_at_all_is_one_error(tmp_path: Path) -> None:
    root = tmp_path / "data"
    names = [(1, "a.jpg"), (2, "b.jpg"), (3, "c.jpg")]
    write(root / "annotations/train.json", coco(names, [DEFAULT], CATEGORIES))
    image(root / "images/other.jpg")
    what = f"none of its images (3, such as 'a.jpg') is there; looked in {root}/images, "
    error = refused(root)
    assert error.message.startswith(f"{root}/annotations/train.json: {what}")
    errors = [one for one in faults(root) if one[1] == "error"]
    assert [code for code, _, _ in errors] == ["no-image"]
    assert len(open_dataset(root, images=False).load("train")) == 3


def test_an_image_of_another_split(tmp_path: Path) -> None:
    for split, names in (("train", "ab"), ("valid", "cd")):
        for name in names:
            image(tmp_path / split / f"{name}.jpg")
    for split, names in (("train", "ac"), ("valid", "bd")):
        listed = [(number, f"{name}.jpg") for number, name in enumerate(names, start=1)]
        text = coco(listed, [annotation(1), annotation(2)], CATEGORIES)
        write(tmp_path / split / "_annotations.coco.json", text)
    folder = open_dataset(tmp_path)
    assert boxes(folder.load("train")) == {"train/a": [BOX]}
    assert boxes(folder.load("val")) == {"valid/d": [BOX]}
    assert [one for one in faults(tmp_path) if one[0] == "no-image"] == [
        (
            "no-image",
            "warning",
            f"images[1] (id 2): its image is in another split: {tmp_path}/valid/c.jpg",
        ),
        (
            "no-image",
            "warning",
            f"images[0] (id 1): its image is in another split: {tmp_path}/train/b.jpg",
        ),
    ]


def test_a_damaged_image(tmp_path: Path) -> None:
    single(tmp_path, annotation(2))
    (tmp_path / "a.jpg").write_bytes(b"x")
    assert f"{tmp_path}/a.jpg: not an image" in refused(tmp_path).message


def one_line(path: Path) -> None:
    """Write the JSON file as most programs do."""
    path.write_text(json.dumps(json.loads(path.read_text("utf-8"))), "utf-8")


def test_a_file_of_one_line_has_places_instead_of_lines(tmp_path: Path) -> None:
    single(tmp_path, DEFAULT, annotation(id=77, bbox=[1, 2, 3]))
    one_line(tmp_path / "data.json")
    error = refused(tmp_path)
    place = f"{tmp_path}/data.json: annotations[1].bbox (id 77): its bbox [1, 2, 3] is not"
    assert error.message.startswith(place)
    assert error.line == 0


def test_an_entry_a_line_has_lines(tmp_path: Path) -> None:
    single(tmp_path)
    bad = json.dumps(annotation(id=77, bbox=[1, 2, 3]))
    images = '{"id": 1, "file_name": "a.jpg"}'
    text = f'{{"images": [{images}],\n"categories": [{{"id": 17, "name": "cat"}}],\n'
    write(tmp_path / "data.json", f'{text}"annotations": [\n{json.dumps(DEFAULT)},\n{bad}]}}')
    assert refused(tmp_path).line == 5


def test_numbers_in_quotes_are_read_with_a_warning(tmp_path: Path) -> None:
    # A Roboflow export writes some sides of its boxes so.
    single(
        tmp_path,
        annotation(bbox=[10, 20, "30.0000", "40.0000"]),
        annotation("2", id=6, category_id="17"),
    )
    text = (tmp_path / "data.json").read_text().replace('"width": 100', '"width": "100"')
    write(tmp_path / "data.json", text)
    assert boxes(load(tmp_path)) == {"a": [BOX], "b": [BOX]}
    # Two widths, two sides, two ids; the widths come first.
    what = "images[0].width (id 1): '100' is a text, not a number, like 5 more"
    assert faults(tmp_path) == [("number-as-text", "warning", what)]


def test_a_super_category_without_objects_is_no_class(tmp_path: Path) -> None:
    single(tmp_path, annotation(category_id=2))
    content = json.loads((tmp_path / "data.json").read_text())
    content["categories"] = [
        {"id": 0, "name": "pieces", "supercategory": "none"},
        {"id": 1, "name": "king", "supercategory": "pieces"},
        {"id": 2, "name": "queen", "supercategory": "pieces"},
    ]
    write(tmp_path / "data.json", json.dumps(content))
    data = load(tmp_path)
    assert data.classes == ("king", "queen")
    assert data.category_ids == {1: 0, 2: 1}
    assert data.samples[0].labels.tolist() == [1]
    folder = open_dataset(tmp_path)
    assert [*folder.reader.declared] == ["king", "queen"]
    what = "'pieces' has no objects and is above other categories: it is no class"
    assert ("super-category", "info", f"categories[0] (id 0): {what}") in faults(tmp_path)
    # It is a class as soon as one object is called so, be its box a broken one.
    for box in ([10, 20, 30, 40], None):
        content["annotations"].append(annotation(2, category_id=0, bbox=box))
        write(tmp_path / "data.json", json.dumps(content))
        assert load(tmp_path, skip_bad=True).classes == ("pieces", "king", "queen")
        content["annotations"].pop()


def test_a_category_that_is_its_own_super_category_is_a_class(tmp_path: Path) -> None:
    # COCO's person; and Roboflow's project of one class, which is called as the project.
    single(tmp_path, annotation(category_id=1))
    content = json.loads((tmp_path / "data.json").read_text())
    content["categories"] = [
        {"id": 0, "name": "cup", "supercategory": "none"},
        {"id": 1, "name": "cup", "supercategory": "cup"},
        {"id": 2, "name": "person", "supercategory": "person"},
    ]
    write(tmp_path / "data.json", json.dumps(content))
    data = load(tmp_path)
    assert data.classes == ("cup", "person")
    assert data.category_ids == {0: 0, 1: 0, 2: 1}


def test_difficult_is_read_and_ignore_is_not(tmp_path: Path) -> None:
    # pycocotools counts objects with "ignore": to agree with it, so do we.
    single(tmp_path, DEFAULT, annotation(difficult=1), annotation(ignore=1))
    assert load(tmp_path).samples[0].difficult.tolist() == [False, True, False]


def test_truncated_json_names_line_and_column(tmp_path: Path) -> None:
    single(tmp_path)
    # The second line ends after 'images": [' with 'x' in line 3, column 1.
    write(tmp_path / "data.json", '{\n"images": [\nx')
    assert f"{tmp_path}/data.json:3: broken JSON (column 1:" in refused(tmp_path).message
    single(tmp_path)
    text = (tmp_path / "data.json").read_text()
    for part in (0.2, 0.5, 0.9):
        write(tmp_path / "data.json", text[: int(len(text) * part)])
        assert f"{tmp_path}/data.json:" in refused(tmp_path).message


BAD_FILES = {
    "empty": ("", "empty"),
    "list": ("[1, 2]", "a list where an object should be"),
    "no annotations": ('{"images": [], "categories": []}', "has no 'annotations'"),
    "no images": ('{"annotations": [], "categories": []}', "has no 'images'"),
    "no categories": ('{"annotations": [], "images": []}', "has no 'categories'"),
    "text for images": (
        '{"annotations": [], "images": "x", "categories": []}',
        "has a text for 'images'",
    ),
    "category without name": (
        '{"annotations": [], "images": [], "categories": [{"id": 1}]}',
        "categories[0]",
    ),
    "category twice": (
        '{"annotations": [], "images": [],'
        ' "categories": [{"id": 1, "name": "a"}, {"id": 1, "name": "b"}]}',
        "both 'a' and 'b'",
    ),
    "deep": ('{"images": ' + "[" * 200_000, "deep"),
    "long number": ('{"images": ' + "1" * 5000 + "}", "broken JSON"),
    "nothing in it": (
        '{"annotations": [], "images": [], "categories": [{"id": 1, "name": "a"}]}',
        "no labels",
    ),
}


@pytest.mark.parametrize(("text", "words"), BAD_FILES.values(), ids=BAD_FILES)
def test_bad_files(tmp_path: Path, text: str, words: str) -> None:
    image(tmp_path / "images/a.jpg")
    write(tmp_path / "annotations/all.json", text)
    error = refused(tmp_path)
    assert words in error.message
    place = tmp_path if words == "no labels" else tmp_path / "annotations/all.json"
    assert error.message.startswith(str(place))


def test_a_file_that_is_not_text(tmp_path: Path) -> None:
    single(tmp_path)
    (tmp_path / "data.json").write_bytes(b'{"images": [\n\xff]}')
    assert "data.json:2: not UTF-8" in refused(tmp_path).message


@pytest.mark.parametrize(
    ("images", "words"),
    [
        ("[7]", "images[0]: has no id"),
        ('[{"id": 1}]', "has no file_name"),
        ('[{"id": 1, "file_name": 3}]', "has no file_name"),
        (
            '[{"id": 1, "file_name": "a.jpg"}, {"id": 1, "file_name": "b.jpg"}]',
            "images[1] (id 1): the same id",
        ),
        (
            '[{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": "x/../a.jpg"}]',
            "images[1] (id 2): the same file_name",
        ),
    ],
)
def test_bad_images_in_json(tmp_path: Path, images: str, words: str) -> None:
    single(tmp_path)
    content = json.loads((tmp_path / "data.json").read_text())
    content["images"] = json.loads(images)
    write(tmp_path / "data.json", json.dumps(content))
    assert words in refused(tmp_path).message


def test_annotation_files_must_agree_about_categories(tmp_path: Path) -> None:
    image(tmp_path / "images/a.jpg")
    for split, name in (("train", "cat"), ("val", "dog")):
        text = coco([(1, "a.jpg")], [annotation(category_id=1)], {1: name})
        write(tmp_path / f"annotations/{split}.json", text)
    assert "category 1 is" in refused(tmp_path).message


def test_the_limit_of_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    single(tmp_path)
    monkeypatch.setattr(json_read, "MAX_JSON_BYTES", 100)
    assert "too large" in refused(tmp_path).message


def test_annotation_files_are_parsed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    single(tmp_path)
    parsed: list[Path] = []

    def counting(path: Path) -> coco_json.CocoDocument:
        parsed.append(path)
        return coco_json.read_document(path)

    monkeypatch.setattr("yolo_cli.data.formats.coco.read_document", counting)
    folder = open_dataset(tmp_path)
    assert not parsed
    folder.load(None)
    folder.load(None)
    assert len(parsed) == 1


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"info": {"a": [1]}, "images": [], "annotations": []}', True),
        ('{"train": {"images": ["a"]}, "val": {"images": []}}', False),  # the notes of a run
        ('{"say": "\\"images\\": [", "annotations": 0}', False),
        ('[{"images": []}]', False),
    ],
)
def test_coco_is_known_by_its_outermost_lists(tmp_path: Path, text: str, found: bool) -> None:
    image(tmp_path / "a.jpg")
    write(tmp_path / "a.json", text)
    assert (open_reader(tmp_path, Reading()) is not None) == found
