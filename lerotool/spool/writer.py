"""Writing a pending episode while it happens."""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

from lerotool.errors import SpoolError, TargetExistsError
from lerotool.media.format import StreamCodec
from lerotool.spool.documents import HEADER, Header, write_saved
from lerotool.spool.log import AppendFile, frame
from lerotool.spool.packets import PacketWriter, PictureWriter
from lerotool.spool.pending import CREATING, RECORDING_LOCK, PendingEpisode
from lerotool.spool.rows import ROWS, RowEncoder
from lerotool.storage import ProcessLock, make_directory, remove_directory, sync_directory, write_json

_Camera = TypeVar("_Camera", PacketWriter, PictureWriter)


class PendingWriter:
    """Writes one pending episode.

    Rows are appended by one thread, packets by one thread per camera, and `sync` may be called from any. What an append
    has returned survives the end of this process; what `sync` has returned, a power cut too, if recovered; and `save`
    makes the episode complete.
    """

    def __init__(self, path: Path, header: Header, lock: ProcessLock) -> None:
        self.path = path
        self.header = header
        self._lock = lock
        features = header.recorded
        self._encoder = RowEncoder(features, header.cameras)
        self._highest = dict.fromkeys(header.cameras, -1)
        self._not_finite: Counter[str] = Counter()
        self._rows = AppendFile(path / ROWS)
        self._cameras = {key: self._open_camera(key) for key in header.cameras}

    @classmethod
    def create(cls, pending: Path, header: Header) -> Self:
        """Begin an episode in a new folder below ``pending``, durably, and hold the lock on it."""
        path = pending / header.folder_name
        if path.exists():
            raise TargetExistsError(f"pending episode {str(path)!r} exists already")
        make_directory(pending)
        unborn = pending / (CREATING + header.folder_name)
        lock = ProcessLock((path if os.name == "nt" else unborn) / RECORDING_LOCK, "recording")
        unborn.mkdir()
        try:
            write_json(unborn / HEADER, header.to_json())
            if os.name != "nt":
                # Locked before others can see it. Windows cannot rename a folder with open files.
                lock.acquire()
            unborn.replace(path)
            if os.name == "nt":
                lock.acquire()
            writer = cls(path, header, lock)
        except BaseException:
            lock.release()
            shutil.rmtree(unborn, ignore_errors=True)
            raise
        sync_directory(path)
        sync_directory(pending)
        return writer

    @property
    def count(self) -> int:
        """Rows so far."""
        return self._rows.count

    @property
    def not_finite(self) -> Mapping[str, int]:
        """How many rows have NaN or infinite numbers, by feature; features without are left out."""
        return dict(self._not_finite)

    @property
    def size_bytes(self) -> int:
        """Bytes appended so far, to all files."""
        return sum(file.size for file in self._files())

    def camera(self, key: str) -> PacketWriter:
        """Return the writer of a camera's packets."""
        return self._find(key, PacketWriter)

    def pictures(self, key: str) -> PictureWriter:
        """Return what takes over the picture files of a camera."""
        return self._find(key, PictureWriter)

    def append_row(
        self,
        values: Mapping[str, object],
        *,
        task: str,
        tick_ns: int,
        observed_ns: int,
        acted_ns: int,
        stale: int = 0,
        stale_action: int = 0,
        pictures: Mapping[str, int],
    ) -> int:
        """Hand one row to the system and return its number, counted from 0.

        `values`: of every recorded feature but the cameras: arrays of the feature's dtype and shape; for scalars also
        Python's own bool, int, float, str; for pictures in rows the bytes of a PNG, JPEG or TIFF file. NaN is written,
        and counted in `not_finite`. `tick_ns`: when the tick was due; ``acted_ns``: when the action was sent; monotonic
        clock. `stale`: bit i: joint i of the state was not fresh; `stale_action`: of the leader.
        `IncompatibleDatasetError`: the values are not what the features say; nothing is written. `SpoolError`: a
        picture has not been appended, or the episode is saved or closed; nothing is written.
        """
        times = (tick_ns, observed_ns, acted_ns, stale, stale_action)
        payload, not_finite = self._encoder.encode(values, task, times, pictures)
        for key, camera in self._cameras.items():
            if not 0 <= pictures[key] < camera.count:
                raise SpoolError(
                    f"{str(self.path)!r}, row {self.count}: picture {pictures[key]} of camera {key!r} does not exist, "
                    f"{camera.count} have been appended"
                )
        self._rows.append(frame(payload))
        self._not_finite.update(not_finite)
        for key, number in pictures.items():
            self._highest[key] = max(self._highest[key], number)
        return self._rows.count - 1

    def sync(self) -> None:
        """Flush all so far to the disk, once a second, from any thread. Without effect after `save` or `close`."""
        # Pictures first: a row on the disk is worth nothing without them.
        for camera in self._cameras.values():
            camera.sync()
        self._rows.sync()

    def save(self, report: Mapping[str, Any]) -> PendingEpisode:
        """Make the episode complete and close it; on return it survives a power cut.

        Cameras must have stopped appending; packets that come later are refused. `OSError`: the disk failed. The
        episode is then not saved but can be, by another `save` or by recovery.
        """
        rows, packets = self._rows.count, {key: camera.count for key, camera in self._cameras.items()}
        if rows == 0:
            raise SpoolError(f"{str(self.path)!r} has no rows, there is nothing to save")
        sizes = self._check_files()
        for key, highest in self._highest.items():
            if highest >= packets[key]:
                raise SpoolError(f"{str(self.path)!r}: picture {highest} of camera {key!r} does not exist")
        self.sync()
        write_saved(self.path, rows=rows, packets=packets, file_bytes=sizes, not_finite=self._not_finite, report=report)
        self.close()
        return PendingEpisode.open(self.path)

    def discard(self) -> None:
        """Close the episode and remove it from the disk."""
        self._close_files()
        if os.name == "nt":
            self._lock.release()
        remove_directory(self.path)
        self._lock.release()

    def close(self) -> None:
        """Close the episode as it is; unless saved, it waits to be recovered. Without effect the second time."""
        self._close_files()
        self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _open_camera(self, key: str) -> PacketWriter | PictureWriter:
        data, index = self.path / self.header.packets_file(key), self.path / self.header.index_file(key)
        if self.header.cameras[key].codec is StreamCodec.PICTURE:
            return PictureWriter(data)
        return PacketWriter(data, index)

    def _find(self, key: str, kind: type[_Camera]) -> _Camera:
        camera = self._cameras.get(key)
        if isinstance(camera, kind):
            return camera
        known = ", ".join(repr(name) for name, other in self._cameras.items() if isinstance(other, kind)) or "none"
        raise SpoolError(f"{str(self.path)!r} has no camera {key!r}; it has {known}")

    def _files(self) -> list[AppendFile]:
        return [self._rows, *(file for camera in self._cameras.values() for file in camera.files)]

    def _close_files(self) -> None:
        for camera in self._cameras.values():
            camera.close()
        self._rows.close()

    def _check_files(self) -> dict[str, int]:
        sizes = {}
        for file in self._files():
            expected, found = file.size, file.path.stat().st_size
            if found < expected:
                raise SpoolError(f"{str(file.path)!r}: {expected} bytes were written, found {found}")
            sizes[file.path.name] = expected
        return sizes
