"""Packing the videos of one camera: packets are copied, pictures keep their exact times, the episodes table follows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lerotool.dataset.episode_table import video_prefix
from lerotool.dataset.numbering import FileNumber
from lerotool.dataset.writing.packing import LONGEST_VIDEO_S, MB, NumberedFile, PackReport, Place, plan_packs
from lerotool.dataset.writing.packing_tables import stage_episodes
from lerotool.dataset.writing.staging import Staging
from lerotool.dataset.writing.state import Pointers, WriterState, read_pointers
from lerotool.errors import MediaError
from lerotool.media.join import join_videos
from lerotool.media.probe import JoinKey, count_packets, join_key
from lerotool.storage import SPARE_BYTES, check_space
from lerotool.workspace import Workspace

_GRID_TOLERANCE = 0.01
"""Frames that an episode's start may be off its frame: sums of many durations are not exact."""


def pack_videos(workspace: Workspace, state: WriterState, key: str) -> PackReport:
    """Pack the video files of one camera in one commit.

    `OSError`: the disk is full or fails; the dataset is the old one, or the next writer makes it the new one.
    """
    pointers = read_pointers(state.layout.root, [video_prefix(key)])
    camera = _Camera(state, key, pointers)
    limit = state.info.video_files_size_in_mb * MB
    packs = [p for p in plan_packs([f.size_bytes for f in camera.files], limit, camera.joins) if len(p) > 1]
    if not packs:
        return PackReport()
    needed = SPARE_BYTES + sum(camera.files[place].size_bytes for pack in packs for place in pack)
    check_space(state.layout.root, needed, "packing its videos")
    with Staging(workspace) as staging:
        report, moved = camera.stage(staging, packs)
        if moved:
            kept = {place.number for place in moved.values()}
            removals = [file.path for file in camera.files if file.number in moved and file.number not in kept]
            removals += stage_episodes(state, staging, {video_prefix(key): moved}, pointers)
            staging.commit(removals=removals)
        else:
            staging.discard()
    return report


class _Camera:
    """The video files of one camera and what the episodes table says about them."""

    def __init__(self, state: WriterState, key: str, pointers: Sequence[Pointers]) -> None:
        self._fps = state.info.fps
        self._spans: dict[FileNumber, list[tuple[float, int]]] = {}
        prefix = video_prefix(key)
        for pointer in pointers:
            columns = (pointer.files.get(prefix, ()), pointer.starts.get(prefix, ()), pointer.lengths.tolist())
            # A table without these columns says nothing, and then nothing is packed.
            for number, start, length in zip(*columns, strict=False):
                self._spans.setdefault(number, []).append((float(start), length))
        paths = {number: state.layout.video_path(key, number.chunk, number.file) for number in sorted(self._spans)}
        is_plain = len(set(paths.values())) == len(paths)
        self.files = [NumberedFile(p, n, p.stat().st_size) for n, p in paths.items() if p.is_file()] if is_plain else []
        self._keys: dict[int, JoinKey | None] = {}

    def joins(self, place: int, pack: range) -> bool:
        """Whether a file can join those that follow it."""
        if sum(self._frames(at) for at in (place, *pack)) / self._fps > LONGEST_VIDEO_S:
            return False
        key = self._key(place)
        return key is not None and key == self._key(pack.start)

    def stage(self, staging: Staging, packs: Sequence[range]) -> tuple[PackReport, dict[FileNumber, Place]]:
        """Join the files of each pack; return what was done and where the old files have gone."""
        moved: dict[FileNumber, Place] = {}
        report = PackReport()
        for pack in packs:
            members = [self.files[place] for place in pack]
            target = staging.reserve(members[0].path)
            try:
                frames = join_videos([member.path for member in members], target, self._fps)
            except MediaError as error:
                # The files are sound for a reader; they merely stay apart.
                report += PackReport(notes=(f"videos were not packed: {error}",))
                continue
            staging.move(target, members[0].path)
            for member, base in zip(members, np.cumsum([0, *frames]).tolist(), strict=False):
                moved[member.number] = Place(members[0].number, base)
            report += PackReport(len(members), 1)
        return report, moved

    def _frames(self, place: int) -> int:
        return sum(length for _, length in self._spans[self.files[place].number])

    def _key(self, place: int) -> JoinKey | None:
        """Return what must be equal for joining; None if the file is not exactly its episodes, one after another."""
        if place not in self._keys:
            path = self.files[place].path
            try:
                tiles = self._is_tiled(place) and count_packets(path) == self._frames(place)
                self._keys[place] = join_key(path) if tiles else None
            except MediaError:
                self._keys[place] = None
        return self._keys[place]

    def _is_tiled(self, place: int) -> bool:
        expected = 0
        for start, length in sorted(self._spans[self.files[place].number]):
            if abs(start * self._fps - expected) > _GRID_TOLERANCE:
                return False
            expected += length
        return True
