"""Pictures in the video files of a dataset that no episode needs: they stay when their episodes leave."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lerotool.dataset.dataset import Dataset
from lerotool.errors import MediaError
from lerotool.media.probe import video_index
from lerotool.rewriting.rewriting import Rewriting
from lerotool.rewriting.video_plan import Method


def unneeded_bytes(work: Rewriting) -> int:
    """Return about how many bytes of the video files that stay hold pictures of no episode.

    Files that are missing or damaged count for nothing.
    """
    if work.format.version.has_files_of_episodes:
        return 0
    total = 0
    for camera in work.cameras.values():
        needed = np.bincount(camera.output_of, weights=work.lengths, minlength=len(camera.outputs))
        for output, frames in zip(camera.outputs, needed.tolist(), strict=True):
            if output.method is Method.STAY and output.bytes:
                total += int(output.bytes * max(0.0, 1 - frames / max(1, _frames(output.parts[0].path))))
    return total


def video_bytes(dataset: Dataset) -> int:
    """Return the bytes of all video files that episodes of a dataset need; those that are missing count for nothing."""
    paths = {span.path for episode in dataset.episodes for span in episode.videos.values()}
    return sum(path.stat().st_size for path in paths if path.is_file())


def _frames(path: Path) -> int:
    try:
        return video_index(path).frames
    except (MediaError, OSError):
        return 0
