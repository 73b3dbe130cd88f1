"""Camera-like pictures, and pending episodes of them, written without waiting for a clock.

The pictures carry a number that survives JPEG and AV1, so whoever measures can see that each frame is the right one.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from lerotool.benchmarking.effort import Rig
from lerotool.encoding.plan import EncodeOptions
from lerotool.encoding.run import encode_pending
from lerotool.features import CAMERA_PREFIX, STATE, camera, vector
from lerotool.media.encode import encode_jpeg
from lerotool.media.format import EncoderSettings, StreamCodec, StreamFormat
from lerotool.media.pictures import PacketDecoder
from lerotool.spool.documents import Header
from lerotool.spool.writer import PendingWriter
from lerotool.workspace import Workspace

_BITS = 12
_FEWEST_BLOCK = 4
_THINGS = 4
_NOISE = 2.0
_NOISE_FIELDS = 8
_QUALITY = 3
_LOOP_S = 2.0
"""Pictures come round again after so long; making them is not part of what is measured."""

Picture = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Clip:
    """The pictures of a camera, as it sends them."""

    name: str
    jpegs: tuple[bytes, ...]  # one for each picture

    def decoded(self, rig: Rig, count: int | None = None) -> list[Picture]:
        """Return the first pictures, or all, (height, width, 3) RGB."""
        decoder = PacketDecoder(stream_format(rig))
        return [decoder.decode(jpeg).to_ndarray(format="rgb24").astype(np.uint8) for jpeg in self.jpegs[:count]]

    def write(self, folder: Path) -> Path:
        """Write a Motion JPEG file that serves as a camera, and return its path."""
        path = folder / f"{self.name}.mjpeg"
        path.write_bytes(b"".join(self.jpegs))
        return path


def make_clips(rig: Rig) -> tuple[Clip, ...]:
    """Return what the cameras of a rig show."""
    count = max(2, round(_LOOP_S * rig.fps))
    return tuple(
        Clip(name, tuple(to_jpegs(make_pictures(count, seed, rig.height, rig.width))))
        for seed, name in enumerate(rig.names)
    )


def make_pictures(count: int, seed: int, height: int = 480, width: int = 640) -> Picture:
    """Return pictures (count, height, width, 3) that compress about like a webcam's (640x480: 35-45 kB as JPEG)."""
    if count > 1 << _BITS:
        raise ValueError(f"{count} pictures: the corner holds numbers up to {1 << _BITS}")
    rng = np.random.default_rng(seed)
    table = sum((_texture(rng, n, height, width) * weight for n, weight in ((8, 22), (20, 14), (60, 8), (160, 4))), 118)
    noise = rng.normal(scale=_NOISE, size=(_NOISE_FIELDS, height, width, 1)).astype(np.float32)
    rows, columns = np.mgrid[0:height, 0:width].astype(np.float32)
    pictures = np.empty((count, height, width, 3), np.uint8)
    for number in range(count):
        picture = np.array(table, np.float32)
        for thing in range(_THINGS):
            phase = number / 30 * (0.7 + 0.2 * thing) + seed
            x, y = width * (0.5 + 0.35 * np.sin(phase)), height * (0.5 + 0.3 * np.cos(0.8 * phase + thing))
            inside = (columns - x) ** 2 + (rows - y) ** 2 < (height * (0.06 + 0.03 * thing)) ** 2
            picture[inside] = np.array([200 - 40 * thing, 60 + 45 * thing, 90 + 30 * thing], np.float32)
        # Noise that is new in every picture, out of a few fields of it that are moved.
        shift = tuple(rng.integers(0, (height, width)).tolist())
        picture += np.roll(noise[number % _NOISE_FIELDS], shift, axis=(0, 1))
        pictures[number] = _numbered(np.clip(picture, 0, 255).astype(np.uint8), number)
    return pictures


def _texture(rng: np.random.Generator, cells: int, height: int, width: int) -> NDArray[np.float32]:
    knots = rng.normal(size=(cells + 1, cells + 1, 3)).astype(np.float32)
    y, x = np.linspace(0, cells - 1e-3, height), np.linspace(0, cells - 1e-3, width)
    top, left = y.astype(int), x.astype(int)
    down, right = (y - top)[:, None, None], (x - left)[None, :, None]
    upper = knots[top][:, left] * (1 - right) + knots[top][:, left + 1] * right
    lower = knots[top + 1][:, left] * (1 - right) + knots[top + 1][:, left + 1] * right
    texture: NDArray[np.float32] = (upper * (1 - down) + lower * down).astype(np.float32)
    return texture


def _block(width: int) -> int:
    return min(16, max(_FEWEST_BLOCK, width // _BITS))


def _numbered(picture: Picture, number: int) -> Picture:
    block = _block(picture.shape[1])
    for bit in range(_BITS):
        picture[:block, bit * block : (bit + 1) * block] = 230 if number >> bit & 1 else 25
    return picture


def number_of(picture: Picture) -> int:
    """Return the number in a picture's corner."""
    block = _block(picture.shape[1])
    middle = [picture[block // 2, bit * block + block // 2].mean() > 128 for bit in range(_BITS)]
    return sum(1 << bit for bit, is_set in enumerate(middle) if is_set)


def to_jpegs(pictures: Picture) -> list[bytes]:
    """Return the pictures as a USB camera would send them."""
    return [encode_jpeg(picture, quality=_QUALITY) for picture in pictures]


def psnr(a: Picture, b: Picture) -> float:
    """Return the peak signal-to-noise ratio of two pictures in dB."""
    error = float(np.mean((a.astype(np.float32) - b) ** 2))
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


def mean_psnr(pictures: Iterable[Picture], sources: Sequence[Picture] | Picture) -> float:
    """Return how like numbered pictures are to those that they came from, on average, in dB."""
    found = [psnr(picture, sources[number_of(picture)]) for picture in pictures]
    return float(np.mean(found))


def stream_format(rig: Rig) -> StreamFormat:
    """Return what the cameras of a rig deliver."""
    return StreamFormat(StreamCodec.MJPEG, rig.width, rig.height, "yuvj422p", rig.fps)


def spool_episode(
    root: Path, rig: Rig, clips: Sequence[Clip], sequence: int, rows: int, settings: EncoderSettings
) -> float:
    """Write and save one pending episode whose rows show one picture after the other; return the seconds of saving."""
    keys = {f"{CAMERA_PREFIX}{clip.name}": clip for clip in clips}
    stream = stream_format(rig)
    header = Header.build(
        sequence=sequence,
        fps=rig.fps,
        features={STATE: vector(["joint.pos"]), **{key: camera(rig.height, rig.width) for key in keys}},
        cameras=dict.fromkeys(keys, stream),
        encoder=settings,
        task="benchmark",
    )
    writer = PendingWriter.create(Workspace(root).pending, header)
    for number in range(rows):
        for key, clip in keys.items():
            writer.camera(key).append(clip.jpegs[number % len(clip.jpegs)], captured_ns=number)
        state = np.array([number], np.float32)
        pictures = dict.fromkeys(keys, number)
        writer.append_row({STATE: state}, task="", tick_ns=0, observed_ns=0, acted_ns=0, pictures=pictures)
    began = time.perf_counter()
    writer.save({})
    return time.perf_counter() - began


def make_dataset(
    root: Path, rig: Rig, clips: Sequence[Clip], episodes: int, rows: int, settings: EncoderSettings | None = None
) -> None:
    """Make a dataset of episodes of so many rows."""
    for sequence in range(episodes):
        spool_episode(root, rig, clips, sequence, rows, settings or EncoderSettings())
    encode_pending(root, EncodeOptions())
