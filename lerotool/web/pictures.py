"""Pictures of episodes for a browser: thumbnails, and frames and H.264 where it cannot play a video or there is none.

Videos that are made are kept in the user's cache, never in a dataset.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from lerotool.errors import DatasetNotFoundError, MediaError
from lerotool.media.depth import depth_array
from lerotool.media.encode import encode_jpeg
from lerotool.media.format import DEPTH_UNITS, StreamFormat
from lerotool.media.pictures import to_rgb
from lerotool.storage import make_directory, remove_left_partials
from lerotool.workspace import user_cache

if TYPE_CHECKING:
    from lerotool.dataset.dataset import Dataset

BLOCK = 16
"""Frames that are decoded together: a browser that plays asks for the next one soon."""
THUMBNAIL_WIDTH = 320
_KEPT_BYTES = 96 << 20
_MOST_VIDEO_BYTES = 2_000_000_000
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
    span = _depth_span(dataset, episode, camera)
    stop = min(number + BLOCK, length)
    for place, picture in enumerate(dataset.frames(episode, camera, number, stop)):
        yield number + place, encode_jpeg(shown(picture, span), FRAME_QUALITY)


def thumbnail(dataset: Dataset, episode: int, camera: str) -> bytes:
    """Return a small JPEG from the middle of an episode; raises like `frame_block`."""
    middle = dataset.episodes[episode].length // 2
    picture = next(iter(dataset.frames(episode, camera, middle, middle + 1)), None)
    if picture is None:
        raise MediaError(f"episode {episode} has no frame {middle}")
    return encode_jpeg(shrunk(shown(picture, _depth_span(dataset, episode, camera))), THUMBNAIL_QUALITY)


def frame_jpeg(frame: Any, form: StreamFormat, quality: int) -> bytes:
    """Return the picture of a decoded packet as JPEG."""
    picture = depth_array(frame) if form.pixel_format in DEPTH_UNITS else to_rgb(frame)
    return encode_jpeg(shown(np.asarray(picture), None), quality)


def _depth_span(dataset: Dataset, episode: int, camera: str) -> tuple[float, float] | None:
    """Return the millimetres between which an episode's depth is coloured: of its first frame, without outliers."""
    return span_of(next(iter(dataset.frames(episode, camera, 0, 1)))) if dataset.features[camera].is_depth else None


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
    stops = np.linspace(*(span or span_of(depth)), len(_COLOURS))
    coloured = np.stack([np.interp(depth, stops, channel) for channel in _COLOURS.T], axis=-1)
    coloured[~(np.isfinite(depth) & (depth > 0))] = 0
    return coloured.astype(np.uint8)


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


class Conversions:
    """A folder of videos of bounded size; those that were not looked at for the longest time leave first.

    By default it is ``lerotool/view`` in the user's cache. The newest video stays, however large.
    """

    def __init__(self, folder: Path | None = None, most_bytes: int = _MOST_VIDEO_BYTES) -> None:
        self._folder = folder or user_cache() / "view"
        self._most_bytes = most_bytes
        # One at a time: each of them takes a core, and a page asks for all cameras at once.
        self._making = threading.Lock()

    def get(self, name: str, make: Callable[[Path], None]) -> Path:
        """Return a video, made if it is not kept; its name says all that it is made of, and it appears complete."""
        path = self._folder / f"{hashlib.sha256(name.encode()).hexdigest()[:32]}.mp4"
        with self._making:
            if path.is_file():
                os.utime(path)
                return path
            make_directory(self._folder)
            remove_left_partials(path)
            make(path)
            self._forget_oldest(path)
        return path

    def _forget_oldest(self, newest: Path) -> None:
        """Remove videos until the others have room; what another process removes meanwhile is not missed."""
        found = []
        for path in self._folder.glob("*.mp4"):
            with suppress(OSError):
                facts = path.stat()
                found.append((path == newest, facts.st_mtime_ns, facts.st_size, path))
        total = sum(size for _, _, size, _ in found)
        for is_newest, _, size, path in sorted(found):
            if total <= self._most_bytes or is_newest:
                return
            path.unlink(missing_ok=True)
            total -= size


def convert_episode(conversions: Conversions, dataset: Dataset, episode: int, camera: str) -> Path:
    """Return an episode's pictures of a camera as an H.264 video: frame k is shown from k/fps on."""
    from lerotool.media.transcode import encode_playable

    span = dataset.episodes[episode].videos.get(camera)
    if span is None or dataset.features[camera].is_depth or not span.path.is_file():
        raise DatasetNotFoundError(f"camera {camera!r} has no colour video of this episode")
    facts = span.path.stat()
    file = (str(span.path), facts.st_mtime_ns, facts.st_size, facts.st_ino)
    name = repr((*file, span.start_frame, span.frames, dataset.fps))
    return conversions.get(name, lambda target: encode_playable(target, dataset.frames(episode, camera), dataset.fps))
