"""Statistics of pictures that are only in a video any more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from lerotool.features import Feature
from lerotool.media.decode import iter_depth, iter_frames, to_rgb
from lerotool.moments import DepthHistogram, PictureHistogram, sampled_frames, shrink_step

_MM_PER_M = 1000


def measure_pictures(path: Path, start: int, length: int, fps: float, feature: Feature) -> dict[str, Any]:
    """Return the statistics of an episode's pictures as ``stats.json`` has them, by LeRobot's sampling rule.

    They are taken after the encoder, so they differ a little from those that LeRobot took before.

    Args:
        path: a video.
        start: number of the episode's first frame in it.
        length: frames of the episode.
        fps: frames a second.
        feature: of the camera.

    Raises:
        MediaError: a frame is missing or cannot be decoded.
    """
    sampled = frozenset(sampled_frames(length).tolist())
    if feature.is_depth:
        return _measure_depths(path, start, length, fps, feature, sampled)
    histogram = PictureHistogram()
    for number, frame in enumerate(iter_frames(path, start, start + length, fps)):
        if number in sampled:
            step = shrink_step(frame.height, frame.width)
            histogram.add(to_rgb(frame)[::step, ::step])
    return histogram.stats().to_json()


def _measure_depths(
    path: Path, start: int, length: int, fps: float, feature: Feature, sampled: frozenset[int]
) -> dict[str, Any]:
    histogram = DepthHistogram()
    is_metres = feature.info.get("depth_unit") == "m"
    for number, depths in enumerate(iter_depth(path, start, start + length, fps, feature.info)):
        if number in sampled:
            step = shrink_step(*depths.shape[:2])
            small = depths[::step, ::step]
            histogram.add(small / np.float32(_MM_PER_M) if is_metres else small.astype(np.uint16))
    return histogram.stats().to_json()
