"""Videos made for a browser that cannot play the dataset's own: kept in the user's cache, never in a dataset."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from lerotool.dataset.dataset import Dataset
from lerotool.dataset.reading.episodes import VideoSpan
from lerotool.errors import DatasetNotFoundError
from lerotool.storage import make_directory, remove_left_partials
from lerotool.workspace import user_cache

MOST_BYTES = 2_000_000_000


class Conversions:
    """A folder of videos of bounded size; those that were not looked at for the longest time leave first.

    By default it is ``lerotool/view`` in the user's cache. The newest video stays, however large.
    """

    def __init__(self, folder: Path | None = None, most_bytes: int = MOST_BYTES) -> None:
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
    name = _name(span, dataset.fps)
    return conversions.get(name, lambda target: encode_playable(target, dataset.frames(episode, camera), dataset.fps))


def _name(span: VideoSpan, fps: float) -> str:
    facts = span.path.stat()
    file = (str(span.path), facts.st_mtime_ns, facts.st_size, facts.st_ino)
    return repr((*file, span.start_frame, span.frames, fps))
