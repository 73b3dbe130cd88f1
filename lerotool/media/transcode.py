"""Frames of a video encoded again: chosen by number, scaled if asked to; or black where there are none."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from lerotool.media.counting import Counting
from lerotool.media.decode import iter_numbered, to_rgb
from lerotool.media.encode import Colours, VideoEncoder, until_in_order
from lerotool.media.format import EncoderSettings
from lerotool.media.pyav import convert
from lerotool.moments import FeatureStats, PictureHistogram, shrink_step

DEPTH = "gray12le"
"""The pixel format of depth."""


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

    `size`: (width, height) of the new pictures; None keeps that of the frames, and what their colours mean. `measured`
    are places among the frames: those pictures are measured before they are encoded; without any, None is returned.
    `report` is called with how many are encoded.
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
            frame = original
            if size and (frame.width, frame.height) != size:
                frame = convert(reformatter, frame, size=size)
            if place in measured:
                histogram.add(to_rgb(frame)[::step, ::step])
            encoder.write(frame)
            report(encoder.frames)
    return histogram.stats() if measured else None


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
