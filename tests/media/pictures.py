"""Pictures that say their number: eight black or white columns, robust against any codec; and videos made of them."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from lerotool.media.encode import VideoEncoder
from lerotool.media.format import EncoderSettings

WIDTH, HEIGHT = 64, 48
AV1 = EncoderSettings()
H264 = EncoderSettings(vcodec="h264", preset="ultrafast", crf=20)
HEVC = EncoderSettings(vcodec="hevc", preset="ultrafast", crf=20)


def numbered(number: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """Return a picture that says its number, 0 to 255."""
    bits = np.array([255 if number >> bit & 1 else 0 for bit in range(8)], dtype=np.uint8)
    line = bits[np.arange(width) * 8 // width]
    return np.broadcast_to(line[None, :, None], (height, width, 3)).copy()


def number_of(picture: np.ndarray) -> int:
    """Read the number of a picture."""
    columns = np.array_split(picture.mean(axis=(0, 2)), 8)
    return sum(1 << bit for bit, column in enumerate(columns) if column.mean() > 127)


def scene(number: int, width: int = 160, height: int = 120) -> np.ndarray:
    """Return a smooth colourful picture that moves with its number."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    red = 128 + 100 * np.sin(x / 17 + number / 3)
    green = 128 + 100 * np.cos(y / 13 + number / 5)
    return np.stack([red, green, (red + green) / 2], axis=2).astype(np.uint8)


def rgb_frame(picture: np.ndarray) -> av.VideoFrame:
    """Return a frame of an RGB picture."""
    return av.VideoFrame.from_ndarray(picture, format="rgb24")


def write_numbered(
    path: Path, numbers: Sequence[int], settings: EncoderSettings = H264, fps: float | Fraction = 30
) -> Path:
    """Write a video of numbered pictures with lerotool's encoder."""
    with VideoEncoder(path, WIDTH, HEIGHT, fps, settings) as encoder:
        for number in numbers:
            encoder.write(rgb_frame(numbered(number)))
    return path


def write_foreign(
    path: Path,
    times: Sequence[Fraction],
    codec: str = "libx264",
    options: dict[str, str] | None = None,
    *,
    pix_fmt: str = "yuv420p",
    container: str = "mp4",
    muxing: dict[str, str] | None = None,
) -> Path:
    """Write a video as another program would: picture k says k and is shown at ``times[k]`` seconds."""
    time_base = Fraction(1, 60_000)
    with av.open(str(path), "w", format=container, options=muxing or {}) as output:
        stream = output.add_stream(codec, 30, options=options or {})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pix_fmt
        stream.codec_context.time_base = time_base
        stream.codec_context.thread_count = 1
        for number, time in enumerate(times):
            frame = rgb_frame(numbered(number)).reformat(format=pix_fmt)
            frame.pts, frame.time_base = round(time / time_base), time_base
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def grid(count: int, fps: int = 30) -> list[Fraction]:
    """Return the times of ``count`` frames."""
    return [Fraction(k, fps) for k in range(count)]


def psnr(one: np.ndarray, other: np.ndarray) -> float:
    """Return the likeness of two pictures in dB; above 35 they look the same."""
    error = np.mean((one.astype(np.float64) - other) ** 2)
    return float(10 * np.log10(255**2 / max(error, 1e-9)))
