"""Simulated cameras: moving things on a table seen by a noisy sensor, or numbered pictures; MJPEG as from USB cameras.

The scene is a loop of pictures rendered once, in the thread that then sends them, so a camera costs next to nothing
while it runs. What it shows follows from the camera's name. ``sim:numbered`` counts up without looping (see
``numbered``).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from threading import Event

import numpy as np
from numpy.typing import NDArray

from lerotool.devices.cameras.jpeg import JpegEncoder
from lerotool.devices.cameras.numbered import MAX_NUMBER, draw_number
from lerotool.devices.cameras.sources import DEFAULT_FPS, DEFAULT_SIZE, Pace, StreamPacket
from lerotool.devices.cameras.spec import CameraSpec
from lerotool.errors import UsageError
from lerotool.media.format import StreamCodec, StreamFormat

_LOOP_PICTURES = 75
_LOOP_PIXELS = _LOOP_PICTURES * 640 * 480
_FEWEST_PICTURES = 24
_JITTER_S = 0.0008
_NOISE = 3.8
_THINGS = 6

Level = NDArray[np.int16]
Render = Callable[[Event], Iterator[bytes]]


class SimulatedSource:
    """Sends pictures at an exact rate with a camera's slight jitter."""

    def __init__(self, stream: StreamFormat, pictures: Render, pace: Pace, stop: Event) -> None:
        self.format = stream
        self.notes: tuple[str, ...] = ()
        self._pictures = pictures
        self._pace = pace
        self._stop = stop

    def packets(self) -> Iterator[StreamPacket]:
        """Yield one packet per picture when it is due."""
        for data in self._pictures(self._stop):
            due = self._pace.wait()
            if due is None:
                return
            yield StreamPacket(data, due)

    def close(self) -> None:
        """Stop sending."""
        self._stop.set()


def open_source(spec: CameraSpec, stop: Event) -> SimulatedSource:
    """Open ``sim`` or ``sim:numbered``."""
    width, height = spec.size or DEFAULT_SIZE
    fps = spec.fps or DEFAULT_FPS
    seed = zlib.crc32(spec.name.encode())
    match spec.source:
        case "sim":
            render: Render = _Scene(width, height, seed).pictures
        case "sim:numbered":
            render = _Counter(width, height).pictures
        case other:
            raise UsageError(
                f"camera {spec.name!r}: unknown simulated camera {other!r}",
                hint="known ones: sim, sim:numbered; size and rate follow as ,WxH,FPS",
            )
    stream = StreamFormat(StreamCodec.MJPEG, width, height, "yuvj422p", fps)
    return SimulatedSource(stream, render, Pace(fps, stop, jitter_s=_JITTER_S, seed=seed), stop)


class _Counter:
    """Numbered pictures, from 0 on."""

    def __init__(self, width: int, height: int) -> None:
        self._size = width, height

    def pictures(self, stop: Event) -> Iterator[bytes]:
        width, height = self._size
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


class _Scene:
    """A loop of pictures of one scene."""

    def __init__(self, width: int, height: int, seed: int) -> None:
        self._size = width, height
        self._seed = seed

    def pictures(self, stop: Event) -> Iterator[bytes]:
        loop = []
        for data in self._render():
            if stop.is_set():
                return
            loop.append(data)
        while True:
            yield from loop

    def _render(self) -> Iterator[bytes]:
        width, height = self._size
        rng = np.random.default_rng(self._seed)
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
