from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from yolo_cli.data.check.check import check_dataset
from yolo_cli.data.dataset import open_dataset
from yolo_cli.data.formats import files
from yolo_cli.data.formats.voc_xml import Annotation, read_annotation
from yolo_cli.errors import UserError

from .builders import CAT, boxes, image, load, voc, voc_object, voc_xml, write

DOG = voc_object("dog", 1, 1, 100, 80, difficult=1)
PLAIN = voc_xml(CAT)


def refused(root: Path, split: str | None = None) -> UserError:
    with pytest.raises(UserError) as caught:
        load(root, split)
    assert "\n" not in caught.value.message
    assert "\n" not in caught.value.hint
    return caught.value


def test_coordinates_are_counted_from_zero_and_end_behind_the_last_pixel(tmp_path: Path) -> None:
    data = load(voc(tmp_path, {"000001": voc_xml(CAT, DOG)}))
    sample = data.samples[0]
    assert (sample.id, sample.width, sample.height) == ("000001", 100, 80)
    # (11, 21, 50, 60) -> [10, 20, 50, 60]: 40 x 40 pixels, as 11..50 are forty of them.
    assert sample.boxes.tolist() == [[10, 20, 50, 60], [0, 0, 100, 80]]
    assert sample.area.tolist() == [1600, 8000]
    assert data.classes == ("cat", "dog")
    assert sample.labels.tolist() == [0, 1]
    assert sample.difficult.tolist() == [False, True]
    assert not sample.crowd.any()
    assert (data.format, data.split, data.root) == ("voc", "all", tmp_path)


def test_fractions_and_one_pixel_boxes(tmp_path: Path) -> None:
    text = voc_xml(voc_object("cat", 1.5, 2.25, 3.5, 9), voc_object("cat", 7, 7, 7, 7))
    assert boxes(load(voc(tmp_path, {"a": text}))) == {"a": [[0.5, 1.25, 3.5, 9], [6, 6, 7, 7]]}


def test_a_rounding_error_is_clipped(tmp_path: Path) -> None:
    # xmin 0 becomes -1: one pixel outside; xmax 101 is one, too.
    text = voc_xml(voc_object("cat", 0, 0, 101, 81))
    assert boxes(load(voc(tmp_path, {"a": text}))) == {"a": [[0, 0, 100, 80]]}


def test_a_rounding_error_is_relative_in_large_images(tmp_path: Path) -> None:
    image(tmp_path / "a.png", 1000, 50)
    inside = voc_object("cat", 5, 5, 1010, 20)  # 10 px = 1 % of 1000 px
    write(tmp_path / "a.xml", voc_xml(inside))
    assert boxes(load(tmp_path)) == {"a": [[4, 4, 1000, 20]]}
    write(tmp_path / "a.xml", voc_xml(voc_object("cat", 5, 5, 1011, 20)))
    assert "leaves the image" in refused(tmp_path).message


def test_parts_of_a_person_are_no_objects(tmp_path: Path) -> None:
    part = (
        "<part><name>head</name><bndbox><xmin>1</xmin><ymin>1</ymin><xmax>5</xmax>"
        "<ymax>5</ymax></bndbox></part>"
    )
    text = voc_xml(voc_object("person", 11, 21, 50, 60, extra=part))
    data = load(voc(tmp_path, {"a": text}))
    assert data.classes == ("person",)
    assert boxes(data) == {"a": [[10, 20, 50, 60]]}


def test_the_size_is_that_of_the_upright_image(tmp_path: Path) -> None:
    voc(tmp_path, {"a": PLAIN})
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (80, 100)).save(tmp_path / "JPEGImages" / "a.jpg", exif=exif)
    sample = load(tmp_path).samples[0]
    assert (sample.width, sample.height) == (100, 80)


def test_split_files_keep_their_order_and_class_lists_are_no_splits(tmp_path: Path) -> None:
    voc(
        tmp_path,
        dict.fromkeys("abcd", PLAIN),
        {
            "train": ["c", "a", "", "c"],
            "val": ["b"],
            "trainval": ["a", "b", "c"],
            "cat_train": ["c  1", "a -1"],
            "my_train": ["d"],
        },
    )
    folder = open_dataset(tmp_path)
    assert folder.splits == ("train", "trainval", "val", "my_train")
    assert [sample.id for sample in folder.load("train").samples] == ["c", "a"]
    assert [sample.id for sample in folder.load("my_train").samples] == ["d"]
    assert [sample.id for sample in folder.load(None).samples] == ["a", "b", "c", "d"]


def test_ids_in_split_files_may_be_file_names(tmp_path: Path) -> None:
    voc(tmp_path, {"a.b": PLAIN, "c d": PLAIN}, {"train": ["JPEGImages/a.b.jpg", "c d"]})
    assert [sample.id for sample in load(tmp_path, "train").samples] == ["a.b", "c d"]


def test_split_files_with_windows_line_ends_and_byte_order_mark(tmp_path: Path) -> None:
    voc(tmp_path, {"a": PLAIN, "b": PLAIN}, {"train": []})
    (tmp_path / "ImageSets/Main/train.txt").write_bytes(b"\xef\xbb\xbfb\r\na\r\n")
    assert [sample.id for sample in load(tmp_path, "train").samples] == ["b", "a"]


@pytest.mark.parametrize("labels", ["annotations", "Annotations", "annots", "xmls", "labels"])
def test_images_with_a_folder_of_xml(tmp_path: Path, labels: str) -> None:
    voc(tmp_path, {"a": PLAIN}, folders=("images", labels))
    assert boxes(load(tmp_path)) == {"a": [[10, 20, 50, 60]]}


def test_images_and_xml_side_by_side(tmp_path: Path) -> None:
    voc(tmp_path, {"a": PLAIN}, folders=(".", "."))
    image(tmp_path / "b.PNG")
    assert boxes(load(tmp_path)) == {"a": [[10, 20, 50, 60]], "b": []}


@pytest.mark.parametrize("folders", [(".", "."), ("JPEGImages", "Annotations"), ("images", "xmls")])
def test_split_folders(tmp_path: Path, folders: tuple[str, str]) -> None:
    voc(tmp_path / "train", {"a": PLAIN, "b": PLAIN}, folders=folders)
    voc(tmp_path / "valid", {"a": voc_xml(DOG)}, folders=folders)
    folder = open_dataset(tmp_path)
    assert folder.splits == ("train", "val")
    assert folder.classes == ("cat", "dog")
    assert [sample.id for sample in folder.load("train").samples] == ["train/a", "train/b"]
    for name in ("val", "valid", "validation"):
        data = folder.load(name)
        assert (data.split, [sample.id for sample in data.samples]) == ("val", ["valid/a"])
    assert len(folder.load(None)) == 3


def test_split_folders_inside(tmp_path: Path) -> None:
    voc(tmp_path, {"train/a": PLAIN, "val/a": voc_xml(DOG)}, folders=("images", "annotations"))
    assert open_dataset(tmp_path).splits == ("train", "val")
    assert boxes(load(tmp_path, "val")) == {"val/a": [[0, 0, 100, 80]]}


def test_split_folders_of_images_with_all_xml_in_one_folder(tmp_path: Path) -> None:
    voc(tmp_path, {"a": PLAIN, "b": PLAIN}, folders=("images/train", "annotations"))
    voc(tmp_path, {"c": PLAIN}, folders=("images/test", "annotations"))
    assert [sample.id for sample in load(tmp_path, "test").samples] == ["test/c"]
    assert len(load(tmp_path)) == 3


@pytest.mark.parametrize("nesting", ["VOC2007", "VOCdevkit/VOC2007"])
def test_nested(tmp_path: Path, nesting: str) -> None:
    voc(tmp_path / nesting, {"a": PLAIN}, {"train": ["a"]})
    assert len(load(tmp_path, "train")) == 1


def test_several_inside_are_not_guessed_at(tmp_path: Path) -> None:
    for year in ("VOC2007", "VOC2012"):
        voc(tmp_path / year, {"a": PLAIN})
    error = refused(tmp_path)
    assert "VOC2007" in error.message
    assert "VOC2012" in error.message


def test_the_image_is_found_by_id_whatever_its_suffix(tmp_path: Path) -> None:
    voc(tmp_path, {"a": PLAIN})
    (tmp_path / "JPEGImages/a.jpg").rename(tmp_path / "JPEGImages/A.JPG")
    image(tmp_path / "JPEGImages" / "whatever.jpg", 10, 10)  # what <filename> says
    write(tmp_path / "Annotations" / "whatever.xml", voc_xml())
    found = {sample.id: sample.image.name for sample in load(tmp_path).samples}
    assert "A.JPG" in found.values()
    assert load(tmp_path).samples[0].image.name == "A.JPG"


def test_the_filename_helps_where_no_image_has_the_id(tmp_path: Path) -> None:
    voc(tmp_path, {"a": PLAIN}, folders=("images", "annots"))
    (tmp_path / "annots/a.xml").unlink()
    write(tmp_path / "annots/1.xml", voc_xml(DOG, filename="C:\\photos\\A.jpg"))
    write(tmp_path / "train.txt", "1\n")
    assert [sample.image.name for sample in load(tmp_path, "train").samples] == ["a.jpg"]
    # But not where that image has an annotation of its own: then a name was copied.
    write(tmp_path / "annots/a.xml", voc_xml())
    message = refused(tmp_path, "train").message
    assert message == f"{tmp_path}/annots/1.xml: no such image; tried {tmp_path}/images/1.*"


def test_split_files_of_paths_beside_the_folders(tmp_path: Path) -> None:
    voc(tmp_path, {"a": PLAIN, "b": PLAIN}, folders=("images", "annotations"))
    write(tmp_path / "train.txt", "./images/b.jpg ./annotations/b.xml\n")
    write(tmp_path / "requirements.txt", "x\n")
    assert open_dataset(tmp_path).splits == ("train",)
    assert [sample.id for sample in load(tmp_path, "train").samples] == ["b"]


def test_leftovers_of_other_systems_are_not_read(tmp_path: Path) -> None:
    voc(tmp_path, {"a": PLAIN}, {"train": ["a"]})
    for name in ("Annotations/._a.xml", "JPEGImages/._a.jpg", "ImageSets/Main/._train.txt"):
        (tmp_path / name).write_bytes(b"\0\5\x16\7")
    write(tmp_path / "__MACOSX/Annotations/._a.xml", "x")
    assert open_dataset(tmp_path).splits == ("train",)
    assert len(load(tmp_path)) == 1


def test_an_annotation_without_objects_is_background(tmp_path: Path) -> None:
    assert boxes(load(voc(tmp_path, {"a": PLAIN, "b": voc_xml()})))["b"] == []


def test_other_encodings_and_a_document_type_are_xml_as_well(tmp_path: Path) -> None:
    voc(tmp_path, dict.fromkeys("abcd", PLAIN))
    labels = tmp_path / "Annotations"
    head = "<?xml version='1.0' encoding='{}'?>\n"
    text = voc_xml(voc_object("café", 11, 21, 50, 60))
    (labels / "a.xml").write_bytes((head.format("iso-8859-1") + text).encode("latin-1"))
    (labels / "b.xml").write_bytes((head.format("utf-16") + text).encode("utf-16"))
    (labels / "c.xml").write_bytes(b"\xef\xbb\xbf" + text.encode())
    (labels / "d.xml").write_text("<!DOCTYPE annotation>\n" + text, encoding="utf-8")
    data = load(tmp_path)
    assert data.classes == ("café",)
    assert sum(len(sample) for sample in data.samples) == 4


# The first object's tag is in line 4 of the file.
BAD_BOXES = {
    "NaN": (("nan", 1, 5, 5), "not finite"),
    "infinite": ((1, 1, "inf", 5), "not finite"),
    "negative": ((-20, 1, 5, 5), "leaves the image"),
    "swapped": ((50, 1, 5, 5), "swapped"),
    "swapped by less than a pixel": ((5.5, 1, 5, 5), "swapped"),
    "outside": ((90, 1, 110, 5), "leaves the image"),
    "far outside": ((300, 300, 310, 310), "leaves the image"),
    "just outside": ((102, 1, 102, 5), "leaves the image"),
    "word": (("left", 1, 5, 5), "'left', not a number"),
    "empty": (("", 1, 5, 5), "no <xmin>"),
}


@pytest.mark.parametrize(("corners", "words"), BAD_BOXES.values(), ids=BAD_BOXES)
def test_bad_boxes(tmp_path: Path, corners: tuple[object, ...], words: str) -> None:
    bad = voc_object("dog", *corners)
    voc(tmp_path, {"a": voc_xml(bad, CAT), "b": PLAIN})
    error = refused(tmp_path)
    assert words in error.message
    assert f"{tmp_path}/Annotations/a.xml:4:" in error.message
    assert "--skip-bad" in error.hint
    data = load(tmp_path, skip_bad=True)
    assert boxes(data) == {"a": [[10, 20, 50, 60]], "b": [[10, 20, 50, 60]]}
    assert len(data.skipped) == 1
    assert "a.xml:4:" in data.skipped[0]


NO_BOX = "<object><name>dog</name></object>"
NO_NAME = "<object><name> </name></object>"
BAD_FILES = {
    "empty": ("", "empty"),
    "cut off": (PLAIN[:120], "broken XML"),
    "not XML": ("cat 1 2 3 4", "broken XML"),
    "other XML": ("<svg/>", "not a VOC annotation"),
    "entities": (
        '<!DOCTYPE a [<!ENTITY b "bbb"><!ENTITY c "&b;&b;">]>' + PLAIN,
        "declares entities",
    ),
    "external entity": ('<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + PLAIN, "entit"),
    "undeclared entity": (PLAIN.replace("cat", "&cat;"), "broken XML"),
    "unknown encoding": ("<?xml version='1.0' encoding='klingon'?>" + PLAIN, "encoding"),
    "many-byte encoding": ("<?xml version='1.0' encoding='gbk'?>" + PLAIN, "encoding"),
    "other characters": (PLAIN.replace("cat", "\0"), "broken XML"),
}


@pytest.mark.parametrize(("text", "words"), BAD_FILES.values(), ids=BAD_FILES)
def test_bad_files(tmp_path: Path, text: str, words: str) -> None:
    voc(tmp_path, {"a": text, "b": PLAIN})
    error = refused(tmp_path)
    assert words in error.message
    assert f"{tmp_path}/Annotations/a.xml" in error.message
    assert "--skip-bad" in error.hint
    data = load(tmp_path, skip_bad=True)
    assert [sample.id for sample in data.samples] == ["b"]
    assert len(data.skipped) == 1


@pytest.mark.parametrize(("text", "words"), [(NO_BOX, "no <bndbox>"), (NO_NAME, "class name")])
def test_objects_without_name_or_box(tmp_path: Path, text: str, words: str) -> None:
    voc(tmp_path, {"a": voc_xml(CAT, text)})
    assert words in refused(tmp_path).message
    data = load(tmp_path, skip_bad=True)
    assert len(data.samples[0]) == 1
    assert len(data.skipped) == 1


def test_broken_xml_names_its_line(tmp_path: Path) -> None:
    voc(tmp_path, {"a": PLAIN.replace("</bndbox>", "</bnd>")})
    # <object> is line 4, <name> 5, <difficult> 6, the box 7.
    assert (
        f"{tmp_path}/Annotations/a.xml:7: broken XML (mismatched tag)" in refused(tmp_path).message
    )


def test_very_deep_xml_is_no_crash(tmp_path: Path) -> None:
    voc(tmp_path, {"a": "<a>" * 100_000, "b": PLAIN})
    assert "nested too deeply" in refused(tmp_path).message


def test_a_huge_label_file_is_refused(tmp_path: Path) -> None:
    voc(tmp_path, {"a": PLAIN, "b": PLAIN})
    with (tmp_path / "Annotations/a.xml").open("r+b") as file:
        file.truncate(files.MAX_LABEL_BYTES + 1)  # sparse: takes no room
    error = refused(tmp_path)
    assert "too large" in error.message
    assert "4 MB" in error.hint


def test_a_missing_annotation_or_image_is_named(tmp_path: Path) -> None:
    voc(tmp_path, {"a": PLAIN, "b": PLAIN}, {"train": ["a", "gone"], "val": ["a", "b"]})
    assert f"{tmp_path}/ImageSets/Main/train.txt:2: neither" in refused(tmp_path, "train").message
    data = load(tmp_path, "train", skip_bad=True)
    assert [sample.id for sample in data.samples] == ["a"]
    assert len(data.skipped) == 1
    (tmp_path / "JPEGImages/b.jpg").unlink()
    data = load(tmp_path, "val")  # a label without its image is a warning
    assert [sample.id for sample in data.samples] == ["a"]
    assert not data.skipped


def test_annotations_without_any_image_are_one_error(tmp_path: Path) -> None:
    voc(tmp_path, dict.fromkeys("abc", PLAIN))
    for name in "abc":
        (tmp_path / f"JPEGImages/{name}.jpg").unlink()
    image(tmp_path / "JPEGImages/curves.png")  # a plot is no data
    error = refused(tmp_path)
    where = f"{tmp_path}/JPEGImages"
    assert error.message == (
        f"{tmp_path}/Annotations: no image for any of 3 labels in it; looked in {where}"
    )
    assert where in error.hint
    image(tmp_path / "JPEGImages/b.jpg")
    assert [sample.id for sample in load(tmp_path).samples] == ["b"]


def test_annotations_that_lie_in_another_split(tmp_path: Path) -> None:
    for split, names in {"train": "abc", "valid": "de", "test": "fg"}.items():
        voc(tmp_path / split, dict.fromkeys(names, PLAIN), folders=("images", "annotations"))
    (tmp_path / "valid/annotations/d.xml").rename(tmp_path / "test/annotations/d.xml")
    found = [
        (one.spot.path, one.severity, one.message)
        for one in check_dataset(tmp_path, input_size=448).findings
        if one.code == "label-misplaced"
    ]
    what = f"no image for it in test: its image is in valid, {tmp_path}/valid/images/d.jpg"
    assert found == [(tmp_path / "test/annotations/d.xml", "warning", what)]
    assert [sample.id for sample in load(tmp_path, "test").samples] == ["test/f", "test/g"]


def test_plots_beside_annotations_are_no_data(tmp_path: Path) -> None:
    voc(tmp_path, {"a": PLAIN, "results": PLAIN}, folders=(".", "."))
    for name in ("runs/b.jpg", "confusion_matrix.png"):
        image(tmp_path / name)
    assert [sample.id for sample in load(tmp_path).samples] == ["a", "results"]


@pytest.mark.parametrize("content", [b"", b"no image", b"\xff\xd8\xff"])
def test_a_bad_image_is_named(tmp_path: Path, content: bytes) -> None:
    voc(tmp_path, {"a": PLAIN, "b": PLAIN})
    (tmp_path / "JPEGImages/a.jpg").write_bytes(content)
    error = refused(tmp_path)
    assert f"{tmp_path}/JPEGImages/a.jpg" in error.message
    assert "--skip-bad" in error.hint
    data = load(tmp_path, skip_bad=True)
    assert [sample.id for sample in data.samples] == ["b"]
    assert len(data.skipped) == 1


def test_nothing_left_is_an_error_too(tmp_path: Path) -> None:
    voc(tmp_path, {"a": PLAIN})
    (tmp_path / "JPEGImages/a.jpg").write_bytes(b"")
    with pytest.raises(UserError, match="no images left, 1 were bad"):
        load(tmp_path, skip_bad=True)


def test_no_object_anywhere_is_an_error(tmp_path: Path) -> None:
    assert "no labels" in refused(voc(tmp_path, {"a": voc_xml()})).message


def test_an_empty_split_is_an_error(tmp_path: Path) -> None:
    voc(tmp_path, {"a": PLAIN}, {"train": ["a"], "val": []})
    assert "'val'" in refused(tmp_path, "val").message


def test_a_split_file_that_is_not_text(tmp_path: Path) -> None:
    voc(tmp_path, {"a": PLAIN}, {"train": []})
    (tmp_path / "ImageSets/Main/train.txt").write_bytes(b"a\nb\n\xff\xfe\0")
    assert "train.txt:3: not UTF-8" in refused(tmp_path, "train").message


def test_annotations_are_parsed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    voc(tmp_path, {"a": PLAIN, "b": PLAIN}, {"train": ["a"], "val": ["b"]})
    parsed: list[Path] = []

    def counting(path: Path) -> Annotation:
        parsed.append(path)
        return read_annotation(path)

    monkeypatch.setattr("yolo_cli.data.formats.voc.read_annotation", counting)
    folder = open_dataset(tmp_path)
    assert folder.splits == ("train", "val")
    assert not parsed
    for split in ("train", "val", None):
        folder.load(split)
    assert len(parsed) == 2
