"""Which episodes have their pictures in the dataset's videos, and where.

The episodes table says it, as far as it can be read. For the rest there is what LeRobot's recorder does: it appends one
episode's frames after another's to a camera's file, and begins the next file with a new episode.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from lerotool.dataset.numbering import FileNumber
from lerotool.errors import MediaError
from lerotool.media.probe import count_packets
from lerotool.rewriting.restoration import Place


class VideoFrames:
    """The video files of one camera and how their frames are given out to episodes, in order."""

    def __init__(self, files: Mapping[FileNumber, Path]) -> None:
        self.frames = {number: count_frames(path) for number, path in sorted(files.items())}
        self._order: Sequence[FileNumber] = list(self.frames)
        self._file = 0
        self._frame = 0

    def take(self, place: Place, length: int) -> Place | None:
        """Give the frames at a known place to an episode; None when there are none."""
        number, start = place
        if number not in self.frames or start + length > self.frames[number]:
            return None
        self._file, self._frame = self._order.index(number), start + length
        return place

    def take_next(self, length: int) -> Place | None:
        """Give the next frames to an episode; None when there are none, or not so many in the file."""
        if self._file < len(self._order) and self._frame == self.frames[self._order[self._file]]:
            self._file, self._frame = self._file + 1, 0
        if self._file == len(self._order):
            return None
        number = self._order[self._file]
        if self._frame + length > self.frames[number]:
            return None
        self._frame += length
        return number, self._frame - length

    @property
    def left(self) -> int:
        """Frames that belong to no episode."""
        later = sum(self.frames[number] for number in self._order[self._file + 1 :])
        here = self.frames[self._order[self._file]] - self._frame if self._file < len(self._order) else 0
        return here + later


def count_frames(path: Path) -> int:
    """Return the number of frames of a video, 0 if it cannot be read."""
    try:
        return count_packets(path)
    except MediaError:
        return 0
