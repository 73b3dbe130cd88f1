"""The pictures of one camera of a pending episode: which row shows which, how they are encoded and measured."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

import numpy.typing as npt

from lerotool.errors import MediaError, SpoolError
from lerotool.features import Feature
from lerotool.media.decode import PacketDecoder, sampled_rgb
from lerotool.media.depth import DepthScale, depth_array, depth_frame
from lerotool.media.format import DEPTH_SETTINGS, DEPTH_UNITS, EncoderSettings, StreamCodec, StreamFormat
from lerotool.media.probe import feature_info
from lerotool.moments import DepthHistogram, FeatureStats, PictureHistogram, shrink_step
from lerotool.spool.pending import PendingEpisode


def settings_of(feature: Feature, settings: EncoderSettings) -> EncoderSettings:
    """Return how a camera of an episode is encoded: depth in its own way, whatever colour pictures get."""
    return DEPTH_SETTINGS if feature.is_depth else settings


class Treatment(Protocol):
    """What is done with the decoded pictures (``av.VideoFrame``) of a camera."""

    def to_encode(self, picture: Any) -> Any:
        """Return the frame that the encoder takes."""

    def measure(self, picture: Any) -> None:
        """Take the picture into the statistics."""

    def stats(self) -> FeatureStats:
        """Return the statistics of all pictures measured."""

    def info(self, video: Path, settings: EncoderSettings) -> dict[str, Any]:
        """Return the feature's ``info`` block for the finished video."""


def treatment_of(feature: Feature, stream: StreamFormat) -> Treatment:
    """Return how the pictures of a camera are treated."""
    if feature.is_depth != (stream.pixel_format in DEPTH_UNITS):
        expected = " or ".join(DEPTH_UNITS) if feature.is_depth else "colours"
        raise SpoolError(f"the pictures are {stream.pixel_format}, expected {expected}")
    step = shrink_step(stream.height, stream.width)
    if feature.is_depth:
        return _Depths(DepthScale.of(feature.info), DEPTH_UNITS[stream.pixel_format], step)
    return _Colours(step)


class _Colours:
    def __init__(self, step: int) -> None:
        self._step = step
        self._histogram = PictureHistogram()

    def to_encode(self, picture: Any) -> Any:
        return picture

    def measure(self, picture: Any) -> None:
        self._histogram.add(sampled_rgb(picture, self._step))

    def stats(self) -> FeatureStats:
        return self._histogram.stats()

    def info(self, video: Path, settings: EncoderSettings) -> dict[str, Any]:
        return feature_info(video, settings)


class _Depths:
    def __init__(self, scale: DepthScale, unit: str, step: int) -> None:
        self._scale = scale
        self._unit = unit
        self._step = step
        self._histogram = DepthHistogram()

    def to_encode(self, picture: Any) -> Any:
        return depth_frame(self._scale.codes(depth_array(picture)))

    def measure(self, picture: Any) -> None:
        self._histogram.add(depth_array(picture)[:: self._step, :: self._step])

    def stats(self) -> FeatureStats:
        return self._histogram.stats()

    def info(self, video: Path, settings: EncoderSettings) -> dict[str, Any]:
        return feature_info(video, settings, self._scale, self._unit)


class RowPictures:
    """The pictures of a camera's packets, each decoded once, unnamed ones only where others depend on them."""

    def __init__(self, episode: PendingEpisode, camera: str) -> None:
        self._packets = episode.camera(camera)
        self.format = episode.header.cameras[camera]
        self._decoder = PacketDecoder(self.format)
        self._depends = self.format.codec is StreamCodec.H264
        self._number = -1
        self.decoded = 0

    def of_rows(self, picked: npt.NDArray[Any]) -> Iterator[Any]:
        """Yield the picture (an ``av.VideoFrame``) of each row."""
        frame = None
        for row, number in enumerate(picked.tolist()):
            if not 0 <= number < len(self._packets):
                raise SpoolError(f"row {row} names packet {number}, but there are {len(self._packets)}")
            if number != self._number:
                frame = self._go_to(number, row)
            yield frame

    def _go_to(self, number: int, row: int) -> Any:
        if self._depends and number < self._number:
            raise SpoolError(f"row {row} names packet {number} after packet {self._number}: H.264 cannot go back")
        frame = None
        for passed in range(self._number + 1 if self._depends else number, number + 1):
            with named(f"packet {passed}"):
                frame = self._decoder.decode(self._packets.packet(passed))
            self.decoded += 1
        self._number = number
        return frame


@contextlib.contextmanager
def named(place: str) -> Iterator[None]:
    """Tell the place in the text of our errors."""
    try:
        yield
    except (SpoolError, MediaError) as error:
        raise type(error)(f"{place}: {error}", hint=error.hint) from error
