"""Videos: their frames as pictures, and annotated copies. Needs PyAV (extra ``video``)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import ModuleType
from typing import Any
from uuid import uuid4

from PIL import Image

from yolo_cli.errors import ExitCode, UserError
from yolo_cli.files import make_folders, unwritable
from yolo_cli.inference.items import Item, PictureItem
from yolo_cli.tasks.result import Failure, Origin

SUFFIX = ".mp4"  # of annotated copies
_TICKS = 90_000  # a second, in which frames are timed
_MICRO = 1_000_000  # a second, in which containers are
_USUAL_RATE = 25
# Widely playable, and what the library has in any case.
_CODECS = ("libx264", "mpeg4")
_TURNS = {
    90: Image.Transpose.ROTATE_90,
    180: Image.Transpose.ROTATE_180,
    270: Image.Transpose.ROTATE_270,
}
_SHORT = 0.5  # seconds, of picture and sound, that a sound file may lack of what its header says
# So may the last frames be missing by its index: those that only served others.
_MISSING = 0.02
_FEW_MISSING = 2


def require_library() -> ModuleType:
    """Return PyAV.

    Raises:
        UserError: it is not installed.
    """
    try:
        import av
    except ImportError as error:
        raise UserError(
            "videos need the package av", "pip install 'yolo-cli[video]'", ExitCode.USAGE
        ) from error
    module: ModuleType = av
    return module


def frames(path: Path, every: int = 1) -> Iterator[Item | Failure]:
    """Yield the frames of a video, upright; last, what was wrong with it.

    Args:
        path: the file.
        every: of so many frames one is taken, beginning with the first.
    """
    av = require_library()
    name = str(path)
    reading = _Reading()
    try:
        with _opened(av, path) as container:
            if not container.streams.video:
                raise ValueError("there is no picture in it")
            for number, frame in enumerate(reading.frames(container)):
                if number % every == 0:
                    yield PictureItem(Origin(name, None, number, reading.time), _picture(frame))
            reading.check(container)
    except (OSError, ValueError, RuntimeError, MemoryError) as error:  # PyAV's are of these
        yield Failure(Origin(name, path), _error(name, reading.count, error))


class _Reading:
    """How far a video was read.

    Attributes:
        count: frames.
        time: of the last frame, in seconds.
        end: of the last packet of picture or sound, in seconds.
    """

    def __init__(self) -> None:
        self.count = 0
        self.time = 0.0
        self.end = 0.0

    def frames(self, container: Any) -> Iterator[Any]:
        """Yield all frames of the picture, in order."""
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        rate = float(stream.average_rate or _USUAL_RATE)
        for packet in container.demux(stream, *container.streams.audio):
            if packet.pts is not None:
                end = packet.pts + (packet.duration or 0)
                self.end = max(self.end, float(end * packet.time_base))
            if packet.stream.index != stream.index:
                continue
            for frame in packet.decode():
                self.time = float(frame.time if frame.time is not None else self.count / rate)
                self.count += 1
                yield frame

    def check(self, container: Any) -> None:
        """Check that it did not end before its end.

        Raises:
            ValueError: it did, or there was nothing in it.
        """
        if not self.count:
            raise ValueError("there are no frames in it")
        stated = container.streams.video[0].frames
        if stated - self.count > max(_FEW_MISSING, _MISSING * stated):
            raise ValueError(f"it breaks off after {self.count} of {stated} frames")
        seconds = (container.duration or 0) / _MICRO
        end = self.end - (container.start_time or 0) / _MICRO
        if seconds - end > max(_SHORT, _MISSING * seconds):
            raise ValueError(f"it breaks off after {end:.1f} of {seconds:.1f} seconds")


def _opened(av: ModuleType, path: Path) -> Any:
    # No protocol but that of files: a playlist may name others. An absolute path, for a name with
    # a colon may look like one.
    return av.open(f"file:{path.absolute()}", options={"protocol_whitelist": "file"})


def frame_rate(path: Path) -> Fraction:
    """Return frames per second as the file says; 25 if it does not."""
    av = require_library()
    try:
        with av.open(
            f"file:{path.absolute()}", options={"protocol_whitelist": "file"}
        ) as container:
            return Fraction(container.streams.video[0].average_rate or _USUAL_RATE)
    except (OSError, ValueError, RuntimeError, LookupError):
        return Fraction(_USUAL_RATE)


def _picture(frame: Any) -> Image.Image:
    image: Image.Image = frame.to_image()
    turn = _TURNS.get(round(getattr(frame, "rotation", 0)) % 360)
    return image if turn is None else image.transpose(turn)


def _error(name: str, number: int, error: Exception) -> UserError:
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    after = f" after frame {number - 1}" if number and "breaks off" not in reason else ""
    code = ExitCode.FAILURE if isinstance(error, MemoryError) else ExitCode.BAD_INPUT
    return UserError(f"{name}: damaged video{after} ({reason})", code=code)


class VideoWriter:
    """An annotated copy of a video, H.264 in MP4; it appears once it is complete.

    Args:
        path: where to.
        rate: frames a second, about: each frame has a time of its own.
        inside: a folder that has to be there, see :func:`yolo_cli.files.atomic_write`.
    """

    def __init__(self, path: Path, rate: Fraction, inside: Path | None = None) -> None:
        self.path = path
        self._inside = inside
        self._rate = rate
        self._temporary = path.with_name(f".{uuid4().hex}.part{SUFFIX}")
        self._container: Any = None
        self._stream: Any = None
        self._last = -1

    def add(self, image: Image.Image, time: float) -> None:
        """Append a frame.

        Args:
            image: of the size of the first one.
            time: in seconds, later than the one before.

        Raises:
            UserError: it cannot be written.
        """
        av = require_library()
        try:
            if self._container is None:
                self._begin(av, image.size)
            frame = av.VideoFrame.from_image(image)
            width, height = self._stream.width, self._stream.height
            frame = frame.reformat(width=width, height=height, format="yuv420p")
            frame.pts = self._last = max(self._last + 1, round(time * _TICKS))
            frame.time_base = Fraction(1, _TICKS)
            self._container.mux(self._stream.encode(frame))
        except (OSError, ValueError, RuntimeError) as error:
            raise unwritable(self.path, error) from error

    def close(self) -> None:
        """Complete the file and put it into its place.

        Raises:
            UserError: it cannot be written.
        """
        if self._container is None:
            return
        try:
            self._container.mux(self._stream.encode(None))
            self._container.close()
            self._temporary.replace(self.path)
        except (OSError, ValueError, RuntimeError) as error:
            raise unwritable(self.path, error) from error
        finally:
            self.discard()

    def discard(self) -> None:
        """Leave nothing of what was not completed."""
        if self._container is not None:
            with suppress(OSError, ValueError, RuntimeError):
                self._container.close()
        self._container = None
        with suppress(OSError):
            self._temporary.unlink(missing_ok=True)

    def _begin(self, av: ModuleType, size: tuple[int, int]) -> None:
        make_folders(self.path, self._inside)
        self._container = av.open(str(self._temporary), "w", format="mp4")
        codec = next(name for name in _CODECS if name in av.codecs_available)
        self._stream = self._container.add_stream(codec, rate=self._rate.limit_denominator(1001))
        # Colour has half the resolution, so that sides are even.
        self._stream.width, self._stream.height = (max(2, side - side % 2) for side in size)
        self._stream.pix_fmt = "yuv420p"
        self._stream.codec_context.time_base = Fraction(1, _TICKS)
