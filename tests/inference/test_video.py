from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from yolo_cli.errors import ExitCode, UserError
from yolo_cli.inference.items import PictureItem
from yolo_cli.inference.video import VideoWriter, frame_rate, frames
from yolo_cli.tasks.result import Failure, Origin

av = pytest.importorskip("av")


def picture(number: int, size: tuple[int, int] = (64, 48)) -> Image.Image:
    """Brighter from frame to frame, with a dark left upper quarter."""
    image = Image.new("RGB", size, (8 * number + 40,) * 3)
    image.paste((0, 0, 0), (0, 0, size[0] // 2, size[1] // 2))
    return image


def clip(path: Path, count: int = 20, rate: int = 10, size: tuple[int, int] = (64, 48)) -> Path:
    writer = VideoWriter(path, Fraction(rate))
    for number in range(count):
        writer.add(picture(number, size), number / rate)
    writer.close()
    return path


def brightness(item: object) -> float:
    assert isinstance(item, PictureItem)
    return float(np.asarray(item.image)[-8:, -8:].mean())


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = clip(tmp_path / "new" / "clip.mp4")
    found = list(frames(path))
    assert [item.origin.frame for item in found] == list(range(20))
    assert [item.origin.time for item in found] == pytest.approx([i / 10 for i in range(20)])
    assert all(item.origin.name == str(path) and item.origin.path is None for item in found)
    assert [brightness(item) for item in found] == pytest.approx(
        [8 * i + 40 for i in range(20)], abs=4
    )
    assert [p.name for p in path.parent.iterdir()] == ["clip.mp4"]
    assert frame_rate(path) == 10


def test_each_third_frame(tmp_path: Path) -> None:
    found = list(frames(clip(tmp_path / "clip.mp4", 8), every=3))
    assert [item.origin.frame for item in found] == [0, 3, 6]
    assert [item.origin.time for item in found] == pytest.approx([0, 0.3, 0.6])


def test_odd_sides_and_irregular_times(tmp_path: Path) -> None:
    writer = VideoWriter(tmp_path / "clip.mp4", Fraction(30000, 1001))
    for number, time in enumerate((0.0, 0.5, 0.5, 0.4, 2.0)):  # some are out of order
        writer.add(picture(number, (65, 49)), time)
    writer.close()
    found = list(frames(tmp_path / "clip.mp4"))
    assert len(found) == 5
    times = [item.origin.time or 0 for item in found]
    assert times == sorted(times)
    assert times[-1] == pytest.approx(2.0)
    assert isinstance(found[0], PictureItem)
    assert found[0].image.size == (64, 48)


def test_a_cut_off_video(tmp_path: Path) -> None:
    """In Matroska, which is written front to back: what came before the cut is there."""
    path = tmp_path / "clip.mkv"
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(20):
            noise = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(noise, format="rgb24")))
        container.mux(stream.encode(None))
    whole = list(frames(path))
    assert [type(item) for item in whole] == [PictureItem] * 20
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    *some, last = frames(path)
    assert isinstance(last, Failure)
    assert 5 < len(some) < 15
    assert last.origin == Origin(str(path), path)
    assert last.error.message.startswith(f"{path}: damaged video")
    assert last.error.code == ExitCode.BAD_INPUT


def test_an_mp4_whose_index_is_at_the_front(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    rng = np.random.default_rng(0)
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(20):
            noise = rng.integers(0, 256, (48, 64, 3), dtype=np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(noise, format="rgb24")))
        container.mux(stream.encode(None))
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 6 // 10])
    *some, last = frames(path)
    assert isinstance(last, Failure)
    assert 5 < len(some) < 15


@pytest.mark.parametrize("content", [b"", b"no video", b"\0\0\0\x18ftypmp42" + bytes(200)])
def test_what_is_no_video(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    (only,) = frames(path)
    assert isinstance(only, Failure)
    assert str(path) in only.error.message
    (only,) = frames(tmp_path / "missing.mp4")
    assert isinstance(only, Failure)


def test_a_picture_is_no_playlist(tmp_path: Path) -> None:
    """A file may name others, or addresses: they are not opened."""
    secret = clip(tmp_path / "secret.mp4", 3)
    path = tmp_path / "list.mp4"
    for inner in ("http://127.0.0.1:1/x.ts", str(secret)):
        path.write_text(f"#EXTM3U\n#EXTINF:1,\n{inner}\n#EXT-X-ENDLIST\n")
        assert [type(item) for item in frames(path)] == [Failure]


def test_a_video_that_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    writer = VideoWriter(tmp_path / "clip.mp4", Fraction(10))
    writer.add(picture(0), 0.0)
    for number in range(60):  # more than the encoder keeps to itself
        writer.add(picture(number % 20), 0.1 + number / 10)
    assert len(list(tmp_path.iterdir())) == 1
    writer.discard()
    assert not list(tmp_path.iterdir())
    VideoWriter(tmp_path / "empty.mp4", Fraction(10)).close()
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    writer = VideoWriter(tmp_path / "file" / "clip.mp4", Fraction(10))
    with pytest.raises(UserError, match="cannot be written") as caught:
        writer.add(picture(0), 0.0)
    assert caught.value.code == ExitCode.FAILURE
