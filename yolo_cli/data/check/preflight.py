"""A look at two splits before they are trained on: what ``yolo check`` calls an error of them.

Labels are judged when they are loaded (:meth:`yolo_cli.data.dataset.DatasetFolder.load`), by the
same rules; what is left are the pictures themselves, and what the two splits share.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from yolo_cli.data.check.columns import FEWEST
from yolo_cli.data.check.duplicates import identical
from yolo_cli.data.check.finding import Finding, finding
from yolo_cli.data.check.pictures import Seen, inspect_all
from yolo_cli.data.formats.common import like_more, with_skip_hint
from yolo_cli.data.formats.scan import Spot
from yolo_cli.data.sample import Dataset, Sample
from yolo_cli.errors import UserError
from yolo_cli.text import counted


def preflight(
    train: Dataset,
    val: Dataset,
    *,
    decode: bool = True,
    seen: Mapping[Path, Seen] | None = None,
    progress: Callable[[int], None] = lambda _count: None,
) -> list[Finding]:
    """Open every image of two splits as ``yolo check`` does, and compare the splits.

    Each file is decoded once, on several threads, JPEGs at a fraction of their size. Copies are
    found by the sizes of files, and only those of one size are compared.

    Args:
        train: images to train on.
        val: images to validate on; the same ones are not opened twice.
        decode: False where loading has decoded all images, to drop the damaged ones.
        seen: what is known of images that were opened before; they are not opened again.
        progress: called with 1 for each image that is opened: those of :func:`images_of` that
            have not been.

    Returns:
        What is wrong with the two and does not keep them from being used: one of each kind, at
        its first place.

    Raises:
        UserError: an image cannot be decoded.
    """
    known = dict(seen or {})
    if decode:
        known |= inspect_all([p for p in images_of(train, val) if p not in known], progress)
    broken = [one for one in known.values() if isinstance(one, UserError)]
    if broken:
        raise _stopping(broken)
    return [*_shared(train, val), *_fractions(train, val)]


def images_of(train: Dataset, val: Dataset) -> list[Path]:
    """Return the files of two splits, each once."""
    return list(dict.fromkeys(sample.image for sample in (*train.samples, *val.samples)))


def _stopping(errors: list[UserError]) -> UserError:
    first = with_skip_hint(errors[0])
    if len(errors) == 1:
        return first
    more = counted(len(errors) - 1, "more image")
    reason = f"{first.reason}; {more} cannot be decoded either"
    return UserError(reason, first.hint, first.code, path=first.path, line=first.line)


def _shared(train: Dataset, val: Dataset) -> Iterator[Finding]:
    """Images that are in both splits, by their paths or by what the files hold."""
    if len(train) == len(val) == 1:
        return  # the only image of a dataset: nobody can divide it
    trained = {sample.image: sample for sample in train.samples}
    listed = [sample for sample in val.samples if sample.image in trained]
    splits = f"{train.split} and {val.split}"
    if listed:
        what = f"{listed[0].id} is in {splits}{like_more(len(listed))}"
        if len(listed) == len(val) == len(train):
            what = f"{splits} are the same {counted(len(val), 'image')}"
        yield finding("split-overlap", Spot(listed[0].image), what)
    others = [sample for sample in val.samples if sample.image not in trained]
    copies = [*_copies(train.samples, others)]
    if copies:
        (first, one), count = copies[0], len(copies)
        what = f"identical to {one.image} ({splits}){like_more(count)}"
        yield finding("leak", Spot(first.image), what)


def _copies(samples: Sequence[Sample], others: Sequence[Sample]) -> Iterator[tuple[Sample, Sample]]:
    """Each of the others whose file has the same bytes as that of one of the samples, and that."""
    by_size: dict[int, list[Sample]] = {}
    for sample in samples:
        by_size.setdefault(sample.image.stat().st_size, []).append(sample)
    for other in others:
        alike = by_size.get(other.image.stat().st_size, [])
        same = next((one for one in alike if identical(one.image, other.image)), None)
        if same is not None:
            yield other, same


def _fractions(train: Dataset, val: Dataset) -> Iterator[Finding]:
    """Boxes that are fractions of the image's sides where the format has pixels."""
    samples = [sample for sample in (*train.samples, *val.samples) if len(sample)]
    count = sum(map(len, samples))
    if count >= FEWEST and all(sample.boxes.max() <= 1 for sample in samples):
        what = "boxes are fractions of the image's sides, but the format has pixels"
        yield finding("box-normalised", Spot(samples[0].image), what)
