"""Pictures of episodes as JPEG: thumbnails, and frames where a browser cannot play the video or there is none."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from lerotool.errors import MediaError
from lerotool.media.encode import encode_jpeg

if TYPE_CHECKING:
    from lerotool.dataset.dataset import Dataset

BLOCK = 16
"""Frames that are decoded together: a browser that plays asks for the next one soon."""
THUMBNAIL_WIDTH = 320
_KEPT_BYTES = 96 << 20
_AT_ONCE = 2
FRAME_QUALITY = 4
THUMBNAIL_QUALITY = 6
_NEAR_AND_FAR = (2, 98)
_COLOURS = np.array([[20, 16, 60], [52, 72, 158], [32, 144, 160], [96, 200, 100], [250, 230, 90]], np.float32)

Key = tuple[Any, ...]


class PictureCache:
    """JPEGs that were made a moment ago; bounded, and decoding never takes more than two cores."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: OrderedDict[Key, bytes] = OrderedDict()
        self._bytes = 0
        self._decoding = threading.BoundedSemaphore(_AT_ONCE)

    def get(self, key: Key, make: Callable[[], Iterable[tuple[Key, bytes]]]) -> bytes:
        """Return a picture; where it is not kept, make it and those that come with it."""
        if (found := self._find(key)) is not None:
            return found
        with self._decoding:
            if (found := self._find(key)) is not None:
                return found
            made = dict(make())
        for name, data in made.items():
            self._keep(name, data)
        return made[key]

    def _find(self, key: Key) -> bytes | None:
        with self._lock:
            if (found := self._kept.get(key)) is not None:
                self._kept.move_to_end(key)
            return found

    def _keep(self, key: Key, data: bytes) -> None:
        with self._lock:
            if (old := self._kept.pop(key, None)) is not None:
                self._bytes -= len(old)
            self._kept[key] = data
            self._bytes += len(data)
            while self._bytes > _KEPT_BYTES:
                self._bytes -= len(self._kept.popitem(last=False)[1])


def frame_block(dataset: Dataset, episode: int, camera: str, number: int) -> Iterable[tuple[int, bytes]]:
    """Yield frame ``number`` of an episode and some after it, each with its number, as JPEG."""
    length = dataset.episodes[episode].length
    if not 0 <= number < length:
        raise IndexError(f"no frame {number}: the episode has {length}")
    span = depth_span(dataset, episode, camera) if dataset.features[camera].is_depth else None
    stop = min(number + BLOCK, length)
    for place, picture in enumerate(dataset.frames(episode, camera, number, stop)):
        yield number + place, encode_jpeg(shown(picture, span), FRAME_QUALITY)


def thumbnail(dataset: Dataset, episode: int, camera: str) -> bytes:
    """Return a small JPEG from the middle of an episode; raises like `frame_block`."""
    middle = dataset.episodes[episode].length // 2
    picture = next(iter(dataset.frames(episode, camera, middle, middle + 1)), None)
    if picture is None:
        raise MediaError(f"episode {episode} has no frame {middle}")
    span = depth_span(dataset, episode, camera) if dataset.features[camera].is_depth else None
    return encode_jpeg(shrunk(shown(picture, span)), THUMBNAIL_QUALITY)


def depth_span(dataset: Dataset, episode: int, camera: str) -> tuple[float, float]:
    """Return the millimetres between which an episode's depth is coloured: of its first frame, without outliers."""
    first = next(islice(dataset.frames(episode, camera, 0, 1), 1))
    return span_of(first)


def span_of(depth: np.ndarray) -> tuple[float, float]:
    """Return near and far of a depth picture, in its own unit; 0 is where nothing was measured."""
    measured = depth[np.isfinite(depth) & (depth > 0)]
    if not measured.size:
        return 0.0, 1.0
    near, far = (float(value) for value in np.percentile(measured, _NEAR_AND_FAR))
    return near, far if far > near else near + 1


def shown(picture: np.ndarray, span: tuple[float, float] | None) -> np.ndarray:
    """Return a picture as (height, width, 3) uint8 of even size; depth in colours, near is dark, unmeasured black."""
    if span is not None or picture.ndim == 2 or picture.shape[2] == 1:
        picture = _coloured(picture.reshape(picture.shape[:2]).astype(np.float32), span)
    width = picture.shape[1]
    return np.pad(picture, ((0, 0), (0, width % 2), (0, 0)), mode="edge") if width % 2 else picture


def _coloured(depth: np.ndarray, span: tuple[float, float] | None) -> np.ndarray:
    near, far = span or span_of(depth)
    place = np.clip((depth - near) / (far - near), 0, 1) * (len(_COLOURS) - 1)
    place = np.nan_to_num(place)
    below = np.minimum(place.astype(np.int64), len(_COLOURS) - 2)
    share = (place - below)[:, :, np.newaxis]
    colours = _COLOURS[below] * (1 - share) + _COLOURS[below + 1] * share
    colours[~(np.isfinite(depth) & (depth > 0))] = 0
    coloured: np.ndarray = colours.astype(np.uint8)
    return coloured


def shrunk(picture: np.ndarray) -> np.ndarray:
    """Return a picture at most `THUMBNAIL_WIDTH` wide, averaged over whole pixels."""
    step = -(-picture.shape[1] // THUMBNAIL_WIDTH)
    if step <= 1:
        return picture
    height, width = (size // step * step for size in picture.shape[:2])
    if not height or not width:
        return picture
    blocks = picture[:height, :width].reshape(height // step, step, width // step, step, 3)
    small: np.ndarray = blocks.mean(axis=(1, 3)).astype(np.uint8)
    return shown(small, None)
