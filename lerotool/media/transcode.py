"""Frames of a video encoded again: chosen by number, scaled if asked to; or black where there are none."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import VideoReformatter

from lerotool.errors import MediaError
from lerotool.media.counting import Counting
from lerotool.media.decode import iter_numbered
from lerotool.media.encode import Colours, VideoEncoder, until_in_order
from lerotool.media.format import EncoderSettings
from lerotool.media.libav import convert
from lerotool.media.pictures import to_rgb
from lerotool.moments import FeatureStats, PictureHistogram, shrink_step

DEPTH = "gray12le"
"""The pixel format of depth."""
_BT601 = frozenset([2, 5, 6])
"""ITU-T H.273, MatrixCoefficients: not told, and both names of BT.601."""


@dataclass(frozen=True, slots=True)
class Frames:
    """Some frames of a video."""

    path: Path  # the video
    numbers: Sequence[int]  # never descending; a frame may be taken several times
    fps: float | Fraction  # of the video
    counting: Counting  # how they are numbered

    def decoded(self) -> Iterator[av.VideoFrame]:
        """Yield the frames."""
        first, stop = self.numbers[0], self.numbers[-1] + 1
        frames = enumerate(iter_numbered(self.path, first, stop, self.fps, self.counting), start=first)
        number, frame = next(frames)
        for wanted in self.numbers:
            while number < wanted:
                number, frame = next(frames)
            yield frame


@until_in_order
def transcode(
    frames: Frames,
    target: Path,
    size: tuple[int, int] | None,
    fps: float | Fraction,
    settings: EncoderSettings,
    threads: int,
    measured: Collection[int],
    report: Callable[[int], None],
) -> FeatureStats | None:
    """Encode frames of a video into a new one.

    `size`: (width, height) of the new pictures, whose numbers are then those of BT.601; None keeps the size of the
    frames and what their colours mean. `measured` are places among the frames: those pictures are measured before they
    are encoded; without any, None is returned. `report` is called with how many are encoded.
    """
    histogram = PictureHistogram()
    reformatter = VideoReformatter()
    decoded = frames.decoded()
    first = next(decoded)
    width, height = size or (first.width, first.height)
    step = shrink_step(height, width)
    colours = None if size else Colours.of(first, frames.path)
    with VideoEncoder(target, width, height, fps, settings, threads, colours) as encoder:
        for place, original in enumerate(chain([first], decoded)):
            frame = _in_bt601(original) if size else original
            if size and (frame.width, frame.height) != size:
                frame = convert(reformatter, frame, size=size)
            if place in measured:
                histogram.add(to_rgb(frame)[::step, ::step])
            encoder.write(frame)
            report(encoder.frames)
    return histogram.stats() if measured else None


def _in_bt601(frame: av.VideoFrame) -> av.VideoFrame:
    """Return a frame whose numbers mean what those of a video without a word about its colours do to most readers."""
    if frame.format.is_rgb or frame.format.name.startswith("gray") or int(frame.colorspace) in _BT601:
        return frame
    # FFmpeg's scaler rounds far more where it goes from one matrix to the other by itself.
    return av.VideoFrame.from_ndarray(to_rgb(frame), format="rgb24")


def encode_black(
    target: Path, frames: int, size: tuple[int, int], fps: float | Fraction, settings: EncoderSettings
) -> None:
    """Encode black pictures."""
    width, height = size
    with VideoEncoder(target, width, height, fps, settings, threads=1) as encoder:
        for _ in range(frames):
            if settings.pix_fmt == DEPTH:
                frame = av.VideoFrame.from_ndarray(np.zeros((height, width), np.uint16), format=DEPTH)
            else:
                frame = av.VideoFrame.from_ndarray(np.zeros((height, width, 3), np.uint8), format="rgb24")
            encoder.write(frame)


# Quick to make and to move about in, and hard to tell from the pictures themselves.
_SETTINGS = EncoderSettings(vcodec="h264", crf=18, g=10, preset="veryfast")
# ITU-T H.273: the scaler's matrix is that of BT.601 (6); browsers take large videos without a word for BT.709.
_COLOURS = Colours(space=6, primaries=1, curve=1)


def encode_playable(target: Path, pictures: Iterable[npt.NDArray[np.uint8]], fps: float) -> None:
    """Make an H.264 video that every browser plays, for looking at; picture k is shown from k/fps on.

    `pictures`: (height, width, 3) RGB, all of one size; an odd line or column is doubled, as 4:2:0 asks for. `fps`:
    pictures a second.
    """
    rest = iter(pictures)
    if (first := next(rest, None)) is None:
        raise MediaError(f"{str(target)!r}: no pictures to encode")
    height, width = (size + size % 2 for size in first.shape[:2])
    with VideoEncoder(target, width, height, fps, _SETTINGS, threads=1, colours=_COLOURS) as encoder:
        for picture in chain([first], rest):
            encoder.write(av.VideoFrame.from_ndarray(_even(picture), format="rgb24"))


def _even(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    height, width = picture.shape[:2]
    even = np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    return np.ascontiguousarray(even)
