"""Sources, pipeline and folder of a task that has never heard of a box."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from tests.inference.conftest import jpeg
from yolo_cli.data.reduced import Reduced
from yolo_cli.inference.formats import SHARED
from yolo_cli.inference.inputs import list_inputs
from yolo_cli.inference.items import FileItem, Loaded
from yolo_cli.inference.outputs import Done, Outputs
from yolo_cli.inference.pipeline import run_items
from yolo_cli.tasks.result import Document, ImageWriter, Origin, Record, Result, Style


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Colour(Result):
    """Which of two colours a picture is."""

    label: int

    def record(self) -> Record:
        size = {"width": self.width, "height": self.height}
        return {"image": self.origin.name, **size, "label": self.names[self.label]}

    def found(self) -> list[tuple[str, float]]:
        return [(self.names[self.label], 1.0)]

    def draw_on(self, picture: Reduced, style: Style) -> Image.Image:
        return Image.new("RGB", picture.size, self.names[self.label])


class Runner:
    """Looks at the first pixel."""

    parallel = False
    image_size = 8

    def find(
        self, pictures: Sequence[tuple[Origin, Loaded]], thresholds: Any = None
    ) -> list[Colour]:
        assert thresholds == "none"
        return [
            Colour(
                names=("red", "blue"),
                width=one.size[0],
                height=one.size[1],
                origin=origin,
                image=one.image,
                label=int(one.input[2, 0, 0] > one.input[0, 0, 0]),
            )
            for origin, one in pictures
        ]


class Notes(ImageWriter):
    """A text beside each picture."""

    def path(self, folder: Path, target: Path) -> Path:
        return folder / f"{target.stem}.txt"

    def write(self, result: Result, picture: Reduced | None, folder: Path, target: Path) -> None:
        self.path(folder, target).write_text(result.found()[0][0])


def write_list(records: Any, path: Path, names: tuple[str, ...]) -> None:
    path.write_text(" ".join(record["label"] for record in records))


def test_another_task(tmp_path: Path) -> None:
    for name, color in (("a", "red"), ("b", "blue"), ("c", "red")):
        jpeg(tmp_path / "photos" / f"{name}.png", (30, 20), color)
    sources = list_inputs([str(tmp_path / "photos")])
    items = [FileItem(Origin(source.name, source.file)) for source in sources]
    writers: dict[str, ImageWriter | Document] = {
        "notes": Notes(), "list": Document("list.txt", write_list),
    }  # fmt: skip
    out = tmp_path / "out"
    formats = frozenset({*SHARED, *writers})
    with Outputs(out, formats, sources, ("red", "blue"), writers) as outputs:
        for done in run_items(Runner(), items, "none", outputs.finish, batch=2, keep_images=True):
            assert isinstance(done, Done)
            outputs.record(done)
    assert [(out / f"{name}.txt").read_text() for name in "abc"] == ["red", "blue", "red"]
    assert (out / "list.txt").read_text() == "red blue red"
    records = json.loads((out / "detections.json").read_text())
    assert [record["label"] for record in records] == ["red", "blue", "red"]
    with Image.open(out / "b.png") as drawn:
        assert drawn.convert("RGB").getpixel((0, 0)) == (0, 0, 255)
    assert isinstance(done, Done)
    assert repr(done.result).endswith("c.png 30×20: red 100%>")
    with Outputs(out, formats, sources, ("red", "blue"), writers, resume=True) as outputs:
        assert outputs.is_done(sources) == [True] * 3
