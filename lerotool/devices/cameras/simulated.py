"""Simulated cameras: moving things on a table seen by a noisy sensor, or numbered pictures; MJPEG as from USB cameras.

The scene is a loop of pictures rendered once, in the thread that then sends them, so a camera costs next to nothing
while it runs. What it shows follows from the camera's name. ``sim:numbered`` counts up without looping.

A numbered picture carries a number which survives JPEG and AV1: who reads it knows which picture it is. It is a board
of 8 x 4 black and white fields, row by row, highest bit first: 24 bits of number, 8 bits of check sum. The board is
repeated over the picture so that fields stay some 20 x 30 pixels: where larger plain fields changed all at once,
SVT-AV1's preset 12 got some wrong in the pictures between keyframes (40 x 60 pixels already).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from threading import Event

import numpy as np
from numpy.typing import NDArray

from lerotool.devices.cameras.jpeg import JpegEncoder
from lerotool.devices.cameras.sources import DEFAULT_FPS, DEFAULT_SIZE, Pace, PacedSource
from lerotool.devices.cameras.spec import CameraSpec
from lerotool.errors import MediaError, UsageError
from lerotool.media.format import StreamCodec, StreamFormat

_LOOP_PICTURES = 75
_LOOP_PIXELS = _LOOP_PICTURES * 640 * 480
_FEWEST_PICTURES = 24
_JITTER_S = 0.0008
_NOISE = 3.8
_THINGS = 6

Level = NDArray[np.int16]
_COLUMNS, _ROWS = 8, 4
_BOARD_WIDTH = 160
MAX_NUMBER = 2**24 - 1


def open_source(spec: CameraSpec, stop: Event) -> PacedSource:
    """Open ``sim`` or ``sim:numbered``."""
    width, height = spec.size or DEFAULT_SIZE
    fps = spec.fps or DEFAULT_FPS
    seed = zlib.crc32(spec.name.encode())
    match spec.source:
        case "sim":
            pictures = _loop_scene(width, height, seed, stop)
        case "sim:numbered":
            pictures = _count(width, height, stop)
        case other:
            raise UsageError(
                f"camera {spec.name!r}: unknown simulated camera {other!r}",
                hint="known ones: sim, sim:numbered; size and rate follow as ,WxH,FPS",
            )
    stream = StreamFormat(StreamCodec.MJPEG, width, height, "yuvj422p", fps)
    return PacedSource(stream, pictures, Pace(fps, stop, jitter_s=_JITTER_S, seed=seed), stop)


def _count(width: int, height: int, stop: Event) -> Iterator[bytes]:
    """Yield numbered pictures, from 0 on."""
    encoder = JpegEncoder(width, height)
    grey = np.full((height, width // 2), 128, np.uint8)
    for number in range(MAX_NUMBER + 1):
        if stop.is_set():
            return
        yield encoder.encode(draw_number(number, width, height), grey, grey)


@dataclass(frozen=True, slots=True, eq=False)
class _Thing:
    """A disc that goes round on a closed path once or more per loop."""

    centre: tuple[float, float]
    sway: tuple[float, float]
    turns: tuple[int, int]
    radius: float
    colour: tuple[int, int, int]

    def place(self, phase: float) -> tuple[float, float]:
        """Return (x, y) at a phase of the loop, 0 to 1, in pixels."""
        x, y = (
            centre + sway * np.sin(2 * np.pi * (turns * phase + centre))
            for centre, sway, turns in zip(self.centre, self.sway, self.turns, strict=True)
        )
        return float(x), float(y)


def _loop_scene(width: int, height: int, seed: int, stop: Event) -> Iterator[bytes]:
    """Yield the pictures of one scene again and again."""
    loop = []
    for data in _render(width, height, seed):
        if stop.is_set():
            return
        loop.append(data)
    while True:
        yield from loop


def _render(width: int, height: int, seed: int) -> Iterator[bytes]:
    rng = np.random.default_rng(seed)
    encoder = JpegEncoder(width, height)
    table = (
        _draw_texture(rng, width, height, (70, 30, 18, 12, 10), 118),
        _draw_texture(rng, width // 2, height, (18, 6), 122),
        _draw_texture(rng, width // 2, height, (18, 6), 134),
    )
    noise = np.rint(rng.normal(0.0, _NOISE, (height + 64, width + 64))).astype(np.int16)
    things = [_draw_thing(rng, width, height) for _ in range(_THINGS)]
    count = max(_FEWEST_PICTURES, min(_LOOP_PICTURES, _LOOP_PIXELS // (width * height)))
    for picture in range(count):
        planes = [plane.copy() for plane in table]
        for thing in things:
            _paint(planes, thing, picture / count)
        down, across = rng.integers(0, 64, 2)
        planes[0] += noise[down : down + height, across : across + width]
        luma, blue, red = (np.clip(plane, 0, 255).astype(np.uint8) for plane in planes)
        yield encoder.encode(luma, blue, red)


def _draw_texture(rng: np.random.Generator, width: int, height: int, octaves: tuple[int, ...], mean: int) -> Level:
    """Return smooth noise (height, width): octave k of the given strength has 4 · 2^k cells across."""
    total = np.full((height, width), float(mean), np.float32)
    for octave, strength in enumerate(octaves):
        cells = 4 * 2**octave
        knots = rng.uniform(-strength, strength, (cells + 1, cells + 1))
        total += _stretch(_stretch(knots, height).T, width).T
    level: Level = np.rint(total).astype(np.int16)
    return level


def _stretch(knots: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """Return the first axis interpolated linearly to a length."""
    at = np.linspace(0, len(knots) - 1.001, length)
    low = at.astype(np.intp)
    weight = (at - low)[:, None]
    stretched: NDArray[np.float64] = knots[low] * (1 - weight) + knots[low + 1] * weight
    return stretched


def _draw_thing(rng: np.random.Generator, width: int, height: int) -> _Thing:
    x, y = rng.uniform(0.25, 0.75, 2)
    return _Thing(
        centre=(x * width, y * height),
        sway=(rng.uniform(0.1, 0.3) * width, rng.uniform(0.1, 0.3) * height),
        turns=(int(rng.integers(1, 3)), int(rng.integers(1, 3))),
        radius=rng.uniform(0.05, 0.14) * height,
        colour=(int(rng.integers(30, 230)), int(rng.integers(60, 200)), int(rng.integers(60, 200))),
    )


def _paint(planes: list[Level], thing: _Thing, phase: float) -> None:
    """Paint a shaded disc over the planes; Cb and Cr have half the luma's width."""
    x, y = thing.place(phase)
    for plane, colour, narrow in zip(planes, thing.colour, (1, 2, 2), strict=True):
        height, width = plane.shape
        top, bottom = max(0, int(y - thing.radius)), min(height, int(y + thing.radius) + 2)
        left, right = max(0, int((x - thing.radius) / narrow)), min(width, int((x + thing.radius) / narrow) + 2)
        if top >= bottom or left >= right:
            continue
        rows = (np.arange(top, bottom, dtype=np.float32) - y)[:, None]
        columns = (np.arange(left, right, dtype=np.float32) * narrow - x)[None, :]
        inside = rows**2 + columns**2 < thing.radius**2
        shade = rows * (20.0 / thing.radius) if narrow == 1 else np.zeros_like(rows)
        window = plane[top:bottom, left:right]
        np.copyto(window, np.rint(colour + shade + 0 * columns).astype(np.int16), where=inside)


def draw_number(number: int, width: int, height: int) -> NDArray[np.uint8]:
    """Return the luma (height, width) of the picture of a number from 0 to ``MAX_NUMBER``."""
    fields = np.unpackbits(np.frombuffer(_word(number), np.uint8)) * np.uint8(255)
    return fields[_field_map(width, height)]


def numbered_picture(number: int, width: int, height: int) -> NDArray[np.uint8]:
    """Return the picture of a number as RGB, uint8 (height, width, 3)."""
    return np.repeat(draw_number(number, width, height)[:, :, None], 3, axis=2)


def read_number(picture: NDArray[np.uint8]) -> int:
    """Return the number that a picture carries: uint8, (height, width[, channels]), in the size it was drawn in."""
    grey = picture if picture.ndim == 2 else picture.mean(axis=2)
    height, width = grey.shape
    fields = _field_map(width, height).ravel()
    brightness = np.bincount(fields, grey.ravel(), _ROWS * _COLUMNS) / np.bincount(fields, minlength=_ROWS * _COLUMNS)
    word = np.packbits(brightness > 127.5).tobytes()
    number = int.from_bytes(word[:3], "big")
    if word != _word(number):
        raise MediaError(
            f"a picture of {width}x{height} carries no number: check sum {word[3]}, not {_word(number)[3]}"
        )
    return number


@lru_cache(maxsize=8)
def _field_map(width: int, height: int) -> NDArray[np.intp]:
    """Return which field (0 to 31) each pixel belongs to."""
    boards = max(1, width // _BOARD_WIDTH)
    rows = np.arange(height) * (_ROWS * boards) // height % _ROWS
    columns = np.arange(width) * (_COLUMNS * boards) // width % _COLUMNS
    return rows[:, None] * _COLUMNS + columns[None, :]


def _word(number: int) -> bytes:
    digits = number.to_bytes(3, "big")
    # The constant makes neither an all-black nor an all-white picture a number.
    return digits + bytes([zlib.crc32(digits) & 0xFF ^ 0xA5])
