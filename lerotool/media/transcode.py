"""Frames of a video encoded again: chosen by number, scaled where sizes differ; or black where there are none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.reformatter import VideoReformatter

from lerotool.media.counting import Counting
from lerotool.media.decode import iter_numbered, to_rgb
from lerotool.media.encode import VideoEncoder, until_in_order
from lerotool.media.format import EncoderSettings
from lerotool.media.pyav import convert
from lerotool.moments import FeatureStats, PictureHistogram, sampled_frames, shrink_step

_DEPTH = "gray12le"


@until_in_order
def transcode(
    source: Path,
    numbers: Sequence[int],
    source_fps: float | Fraction,
    counting: Counting,
    target: Path,
    size: tuple[int, int],
    fps: float | Fraction,
    settings: EncoderSettings,
) -> FeatureStats | None:
    """Encode frames of a video into a new one.

    `size`: (width, height) of the new pictures. Returns statistics of the pictures before they were encoded, by
    LeRobot's sampling rule; None for depth.
    """
    width, height = size
    histogram = PictureHistogram()
    sampled = set(sampled_frames(len(numbers)).tolist())
    step = shrink_step(height, width)
    reformatter = VideoReformatter()
    with VideoEncoder(target, width, height, fps, settings, threads=0) as encoder:
        for place, decoded in enumerate(_chosen(source, numbers, source_fps, counting)):
            frame = decoded
            if (frame.width, frame.height) != size:
                frame = convert(reformatter, frame, size=(width, height))
            if place in sampled and settings.pix_fmt != _DEPTH:
                histogram.add(to_rgb(frame)[::step, ::step])
            encoder.write(frame)
    return None if settings.pix_fmt == _DEPTH else histogram.stats()


def _chosen(source: Path, numbers: Sequence[int], fps: float | Fraction, counting: Counting) -> Iterator[av.VideoFrame]:
    frames = enumerate(iter_numbered(source, numbers[0], numbers[-1] + 1, fps, counting), start=numbers[0])
    number, frame = next(frames)
    for wanted in numbers:
        while number < wanted:
            number, frame = next(frames)
        yield frame


def encode_black(
    target: Path, frames: int, size: tuple[int, int], fps: float | Fraction, settings: EncoderSettings
) -> None:
    """Encode black pictures."""
    width, height = size
    with VideoEncoder(target, width, height, fps, settings, threads=1) as encoder:
        for _ in range(frames):
            if settings.pix_fmt == _DEPTH:
                frame = av.VideoFrame.from_ndarray(np.zeros((height, width), np.uint16), format=_DEPTH)
            else:
                frame = av.VideoFrame.from_ndarray(np.zeros((height, width, 3), np.uint8), format="rgb24")
            encoder.write(frame)
