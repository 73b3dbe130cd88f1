"""Raw pictures as bytes: what a stream of uncompressed pictures is made of."""

from __future__ import annotations

import av
import numpy as np
import numpy.typing as npt
from av.video.reformatter import ColorRange, VideoReformatter

from lerotool.media.depth import RAW_DTYPES, Depth
from lerotool.media.format import EncoderSettings, StreamCodec, StreamFormat
from lerotool.media.pyav import convert


def raw_format(width: int, height: int, fps: float, settings: EncoderSettings) -> StreamFormat:
    """Return the smallest raw format that loses nothing which the encoder would keep.

    That is yuv420p, limited range, where the video will be just that: 1.5 bytes per pixel. Otherwise it is rgb24, 3
    bytes per pixel.
    """
    is_halved = settings.pix_fmt == "yuv420p" and width % 2 == 0 and height % 2 == 0
    return StreamFormat(StreamCodec.RAW, width, height, "yuv420p" if is_halved else "rgb24", fps)


class RawConverter:
    """Turns RGB pictures into the bytes of raw ones."""

    def __init__(self, format: StreamFormat) -> None:  # noqa: A002 - what it is called everywhere
        self.format = format
        self._reformatter = VideoReformatter()

    def convert(self, picture: npt.NDArray[np.uint8]) -> memoryview:
        """Return a (height, width, 3) RGB picture in the raw format, by the same conversion as the encoder's."""
        contiguous = np.ascontiguousarray(picture)
        if self.format.pixel_format == "rgb24":
            return contiguous.data.cast("B")
        frame = av.VideoFrame.from_ndarray(contiguous, format="rgb24")
        converted = convert(self._reformatter, frame, self.format.pixel_format, color_range=ColorRange.MPEG)
        return np.ascontiguousarray(converted.to_ndarray()).data.cast("B")


class DepthConverter:
    """Turns depth pictures into the bytes of raw ones; nothing is lost."""

    def __init__(self, format: StreamFormat) -> None:  # noqa: A002
        self.format = format

    def convert(self, picture: Depth) -> memoryview:
        """Return a (height, width, 1) picture, uint16 millimetres or float32 metres, in the raw format."""
        dtype = RAW_DTYPES[self.format.pixel_format]
        if picture.dtype != dtype:
            raise ValueError(f"expected {dtype} depths, found {picture.dtype}")
        return np.ascontiguousarray(picture, dtype).data.cast("B")
