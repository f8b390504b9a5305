"""What a folder of text files with ``class left top right bottom`` says."""

from __future__ import annotations

from collections.abc import Callable

from yolo_cli.data.check.finding import Spot, finding, of_error
from yolo_cli.data.check.survey import LabelledImage, LabelledObject, Survey
from yolo_cli.data.formats.text import TextReader, read_text_labels
from yolo_cli.errors import UserError


def survey_text(reader: TextReader, count: Callable[[int], None]) -> Survey:
    """Reads every label file.

    Args:
        reader: knows the layout.
        count: told of each file that was read.
    """
    survey = Survey("corners", relative=False)
    for file_id in sorted({*reader.label_index, *reader.image_index}):
        label = reader.label_index.find(file_id)
        path = reader.image_index.find(file_id)
        if path is None:
            tried = f"no image for it; tried {reader.folder / file_id}.*"
            survey.findings.append(finding("no-image", Spot(label or reader.folder), tried))
            continue
        image = LabelledImage(file_id, path, Spot(label or path))
        survey.images.append(image)
        count(1)
        if label is None:
            tried = f"no label for it; tried {reader.label_index.folder / file_id}.txt"
            survey.findings.append(finding("no-label", Spot(path), tried))
            continue
        try:
            labels = read_text_labels(label)
        except UserError as error:
            survey.findings.append(of_error("label-unreadable", label, error))
            image.usable = False
            continue
        image.faults = [*labels.faults]
        for item in labels.objects:
            left, top, right, bottom = item.corners
            spot, box = Spot(label, item.line), (left - 1, top - 1, right, bottom)
            image.objects.append(LabelledObject(spot, item.name, box, item.corners, item.difficult))
    return survey
