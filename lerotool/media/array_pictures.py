"""A camera's pictures as a program hands them over: checked, and turned into what is stored."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import ColorRange, VideoReformatter

from lerotool.errors import IncompatibleDatasetError
from lerotool.features import Feature, Kind
from lerotool.media.depth import RAW_DTYPES, depth_dtype, depth_unit, raw_depth_format
from lerotool.media.encode import encode_depth_image, encode_png
from lerotool.media.format import EncoderSettings, StreamCodec, StreamFormat
from lerotool.media.libav import convert

Picture = npt.NDArray[Any]


def raw_format(width: int, height: int, fps: float, settings: EncoderSettings) -> StreamFormat:
    """Return the smallest raw format that loses nothing which the encoder would keep.

    That is yuv420p, limited range, where the video will be just that: 1.5 bytes per pixel. Otherwise it is rgb24, 3
    bytes per pixel.
    """
    is_halved = settings.pix_fmt == "yuv420p" and width % 2 == 0 and height % 2 == 0
    return StreamFormat(StreamCodec.RAW, width, height, "yuv420p" if is_halved else "rgb24", fps)


class RawConverter:
    """Turns pictures, RGB or depths, into the bytes of raw ones; of depths nothing is lost."""

    def __init__(self, format: StreamFormat) -> None:  # noqa: A002 - what it is called everywhere
        self.format = format
        self._reformatter = VideoReformatter()

    def convert(self, picture: Picture) -> memoryview:
        """Return a picture in the raw format; RGB by the same conversion as the encoder's.

        ``picture``: (height, width, 3) uint8 RGB, or (height, width, 1) uint16 millimetres or float32 metres.
        """
        dtype = RAW_DTYPES.get(self.format.pixel_format, np.dtype(np.uint8))
        if picture.dtype != dtype:
            raise ValueError(f"expected pictures of {dtype}, found {picture.dtype}")
        contiguous = np.ascontiguousarray(picture, dtype)
        if self.format.pixel_format != "yuv420p":
            return contiguous.data.cast("B")
        frame = av.VideoFrame.from_ndarray(contiguous, format="rgb24")
        converted = convert(self._reformatter, frame, self.format.pixel_format, color_range=ColorRange.MPEG)
        return np.ascontiguousarray(converted.to_ndarray()).data.cast("B")


class GivenPictures:
    """Takes the pictures of one camera, video or image, colour or depth.

    Depths are uint16 millimetres or float32 metres; the first picture decides unless the feature states its unit.
    """

    def __init__(self, name: str, feature: Feature) -> None:
        self._name = name
        self.feature = feature
        channels = 1 if feature.is_depth else 3
        names = feature.names
        if isinstance(names, list) and len(names) != len(feature.shape):
            raise IncompatibleDatasetError(
                f"feature {name!r}: names are {names}, expected one for each of {len(feature.shape)} dimensions",
                hint='for pictures of (height, width, channels): ["height", "width", "channels"]',
            )
        self._is_channels_first = isinstance(names, list) and bool(names) and str(names[0]).startswith("channel")
        if len(feature.shape) != 3 or self._size[2] != channels:
            raise IncompatibleDatasetError(
                f"feature {name!r}: shape is {feature.shape}, expected (height, width, {channels})",
                hint=f"for ({channels}, height, width) give the names channels, height, width",
            )
        self._converter: RawConverter | None = None

    @property
    def _size(self) -> tuple[int, int, int]:
        shape = self.feature.shape
        height, width, channels = (*shape[1:], shape[0]) if self._is_channels_first else shape
        return height, width, channels

    @property
    def is_video(self) -> bool:
        """Whether the pictures go into a video."""
        return self.feature.kind is Kind.VIDEO

    def check(self, value: object) -> Picture:
        """Return a picture as (height, width, channels), uint8 RGB or depth."""
        if not isinstance(value, np.ndarray) or value.shape != self.feature.shape or not self._takes(value.dtype):
            found = f"{value.dtype} {value.shape}" if isinstance(value, np.ndarray) else type(value).__name__
            raise IncompatibleDatasetError(f"feature {self._name!r}: expected {self._expected()}, found {found}")
        if value.dtype.kind == "f" and not (np.isfinite(value).all() and value.min() >= 0):
            raise IncompatibleDatasetError(
                f"feature {self._name!r}: a depth is negative, infinite or no number",
                hint="write 0 where nothing was measured",
            )
        return value.transpose(1, 2, 0) if self._is_channels_first else value

    def _takes(self, dtype: np.dtype[Any]) -> bool:
        if not self.feature.is_depth:
            return dtype == np.uint8
        unit = depth_unit(dtype)
        return unit is not None and unit == self.feature.info.get("depth_unit", unit)

    def _expected(self) -> str:
        if not self.feature.is_depth:
            return f"a uint8 picture {self.feature.shape}"
        unit = self.feature.info.get("depth_unit")
        kinds = f"{depth_dtype(unit)} depths in {unit}" if unit else "uint16 depths in mm, or float32 in m,"
        return f"{kinds} {self.feature.shape}"

    def settle(self, picture: Picture) -> None:
        """Let the first depth picture decide the unit of all."""
        if self.feature.is_depth and "depth_unit" not in self.feature.info:
            info = {**self.feature.info, "is_depth_map": True, "depth_unit": depth_unit(picture.dtype)}
            self.feature = replace(self.feature, extra={**self.feature.extra, "info": info})

    def begin(self, fps: float, settings: EncoderSettings) -> StreamFormat:
        """Begin a recording; returns the format in which pictures will wait for their encoding. The unit is settled."""
        height, width, _ = self._size
        is_depth, unit = self.feature.is_depth, self.feature.info.get("depth_unit", "")
        own = raw_depth_format(width, height, fps, unit) if is_depth else raw_format(width, height, fps, settings)
        self._converter = RawConverter(own)
        return self._converter.format

    def packet(self, picture: Picture) -> memoryview:
        """Return a checked picture in the format that `begin` gave."""
        assert self._converter is not None
        return self._converter.convert(picture)

    def image(self, picture: Picture, number: int) -> dict[str, Any]:
        """Return a checked picture as the value of an image column: a PNG, for depths a TIFF, as LeRobot has it."""
        if self.feature.is_depth:
            return {"bytes": encode_depth_image(picture), "path": f"frame-{number:06d}.tiff"}
        return {"bytes": encode_png(picture), "path": f"frame-{number:06d}.png"}
