"""Camera-like pictures for benchmarks: a textured table, moving things, sensor noise, a number in the corner."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from lerotool.media.encode import encode_jpeg

HEIGHT, WIDTH = 480, 640
_BITS, _BLOCK = 12, 16

Picture = NDArray[np.uint8]


def make_pictures(count: int, seed: int) -> Picture:
    """Return pictures (count, 480, 640, 3) that compress about as well as a webcam's (35-45 kB as JPEG)."""
    rng = np.random.default_rng(seed)
    table = sum((_texture(rng, cells) * weight for cells, weight in ((8, 22), (20, 14), (60, 8), (160, 4))), 118.0)
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    pictures = np.empty((count, HEIGHT, WIDTH, 3), np.uint8)
    for number in range(count):
        picture = np.array(table, np.float32)
        for thing in range(4):
            phase = number / 30 * (0.7 + 0.2 * thing) + seed
            x, y = WIDTH * (0.5 + 0.35 * np.sin(phase)), HEIGHT * (0.5 + 0.3 * np.cos(0.8 * phase + thing))
            inside = (columns - x) ** 2 + (rows - y) ** 2 < (HEIGHT * (0.06 + 0.03 * thing)) ** 2
            picture[inside] = np.array([200 - 40 * thing, 60 + 45 * thing, 90 + 30 * thing], np.float32)
        picture += rng.normal(scale=2.0, size=(HEIGHT, WIDTH, 1)).astype(np.float32)
        pictures[number] = _numbered(np.clip(picture, 0, 255).astype(np.uint8), number)
    return pictures


def _texture(rng: np.random.Generator, cells: int) -> NDArray[np.float32]:
    knots = rng.normal(size=(cells + 1, cells + 1, 3)).astype(np.float32)
    y, x = np.linspace(0, cells - 1e-3, HEIGHT), np.linspace(0, cells - 1e-3, WIDTH)
    top, left = y.astype(int), x.astype(int)
    down, right = (y - top)[:, None, None], (x - left)[None, :, None]
    upper = knots[top][:, left] * (1 - right) + knots[top][:, left + 1] * right
    lower = knots[top + 1][:, left] * (1 - right) + knots[top + 1][:, left + 1] * right
    texture: NDArray[np.float32] = upper * (1 - down) + lower * down
    return texture


def _numbered(picture: Picture, number: int) -> Picture:
    for bit in range(_BITS):
        picture[:_BLOCK, bit * _BLOCK : (bit + 1) * _BLOCK] = 230 if number >> bit & 1 else 25
    return picture


def number_of(picture: Picture) -> int:
    """Return the number in a picture's corner; survives JPEG and AV1."""
    middle = [picture[_BLOCK // 2, bit * _BLOCK + _BLOCK // 2].mean() > 128 for bit in range(_BITS)]
    return sum(1 << bit for bit, is_set in enumerate(middle) if is_set)


def to_jpegs(pictures: Picture) -> list[bytes]:
    """Return the pictures as a USB camera would send them."""
    return [encode_jpeg(picture, quality=3) for picture in pictures]


def write_camera_file(path: Path, jpegs: list[bytes], fps: int) -> None:
    """Write JPEGs as a Matroska file, which serves as a camera."""
    with av.open(str(path), "w", format="matroska") as out:
        stream = out.add_stream("mjpeg", rate=fps)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuvj422p"
        for number, data in enumerate(jpegs):
            packet = av.Packet(data)
            packet.stream, packet.pts, packet.dts, packet.is_keyframe = stream, number, number, True
            packet.time_base = Fraction(1, fps)
            out.mux(packet)


def psnr(a: Picture, b: Picture) -> float:
    """Return the peak signal-to-noise ratio of two pictures in dB."""
    error = float(np.mean((a.astype(np.float32) - b) ** 2))
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))
