"""What comes into a dataset: an encoded episode, complete but for its place."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from lerotool.dataset.marks import Mark
from lerotool.moments import FeatureStats


@dataclass(frozen=True, slots=True)
class StagedVideo:
    """A finished mp4 of one episode and camera."""

    path: Path  # the file; it is moved into the dataset if it lies in the dataset's folder, else copied
    frames: int  # pictures in it, at exactly k/fps from 0
    # What goes into the feature's ``info`` block if this is the dataset's first video of the camera.
    info: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class NewEpisode:
    """An episode that is to become part of a dataset."""

    rows: pa.Table  # the recorded features that are columns, and ``task``; one row per frame
    videos: Mapping[str, StagedVideo] = field(default_factory=dict)  # by camera
    # Statistics of the cameras; those of image features may be left out.
    stats: Mapping[str, FeatureStats] = field(default_factory=dict)
    timing: pa.Table | None = None  # measured times, one row per frame
    recording: Mapping[str, Any] | None = None  # report of the recording; ``recording_id`` names it
    # The pending episode that this one was made from, removed when the dataset contains it.
    consumed: Path | None = None
    mark: Mark = field(default_factory=Mark)  # what a person has said about it
