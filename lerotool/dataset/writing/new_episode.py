"""What comes into a dataset: an encoded episode, complete but for its place; and how it may not fit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from lerotool.dataset.marks import Mark
from lerotool.dataset.tasks import TASK
from lerotool.dataset.writing.state import WriterState
from lerotool.dataset.writing.tables import column_problems
from lerotool.errors import IncompatibleDatasetError, MediaError
from lerotool.features import Feature, Kind, cameras, columns, picture_size, recorded_features
from lerotool.media.probe import count_packets, probe
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


_MOST_LISTED = 10
_RATE_TOLERANCE = 1e-3


def check_fit(state: WriterState, episodes: Sequence[NewEpisode]) -> None:
    """Make sure that the episodes can be added."""
    problems: list[str] = []
    seen: set[Any] = set(state.recorded_ids)
    for place, episode in enumerate(episodes):
        name = f"new episode {place}"
        if episode.recording is not None:
            recording_id = episode.recording.get("recording_id")
            if recording_id is not None and recording_id in seen:
                problems.append(f"{name}: recording {recording_id!r} is in the dataset already")
            seen.add(recording_id)
        problems += [f"{name}: {problem}" for problem in _problems(state, episode)]
    if problems:
        more = f"; and {len(problems) - _MOST_LISTED} more" if len(problems) > _MOST_LISTED else ""
        raise IncompatibleDatasetError(
            f"{str(state.layout.root)!r} cannot take these episodes: {'; '.join(problems[:_MOST_LISTED])}{more}"
        )


def _problems(state: WriterState, episode: NewEpisode) -> Iterator[str]:
    length = episode.rows.num_rows
    if length == 0:
        yield "it has no rows"
        return
    yield from _row_problems(state.features, episode.rows)
    yield from _camera_problems(state, episode)
    if episode.timing is not None and episode.timing.num_rows != length:
        yield f"measured times of {episode.timing.num_rows} rows, table of {length}"


def _row_problems(features: Mapping[str, Feature], rows: pa.Table) -> Iterator[str]:
    expected = {n: features[n] for n in columns(recorded_features(features))}
    for name, feature in expected.items():
        if name in rows.column_names:
            yield from column_problems(rows, name, feature)
        elif feature.kind is not Kind.LANGUAGE:
            yield f"column {name!r} is missing"
    for name in rows.column_names:
        if name not in expected and name != TASK:
            yield f"column {name!r} is not among the dataset's features"
    if TASK not in rows.column_names or not pa.types.is_string(rows.column(TASK).type):
        yield f"column {TASK!r} of texts is missing"
    elif rows.column(TASK).null_count:
        yield f"{rows.column(TASK).null_count} rows have no task"


def _camera_problems(state: WriterState, episode: NewEpisode) -> Iterator[str]:
    expected = cameras(state.features)
    for key in expected:
        if key not in episode.videos:
            yield f"camera {key!r} has no video"
        else:
            yield from _video_problems(state, key, episode.videos[key], episode.rows.num_rows)
    yield from (f"camera {key!r} is not among the dataset's features" for key in episode.videos if key not in expected)
    for key, feature in state.features.items():
        if feature.kind is Kind.VIDEO and key not in episode.stats:
            yield f"camera {key!r} has no statistics"
        elif feature.is_camera and key in episode.stats:
            found, expected_shape = episode.stats[key].mean.shape, state.info.codebase_version.statistics_shape(feature)
            if found != expected_shape:
                yield f"camera {key!r}: statistics of shape {found}, expected {expected_shape}"


def _video_problems(state: WriterState, key: str, video: StagedVideo, length: int) -> Iterator[str]:
    if video.frames != length:
        yield f"camera {key!r}: {video.frames} frames, table has {length} rows ({video.path})"
        return
    try:
        found, packets = probe(video.path), count_packets(video.path)
    except (MediaError, FileNotFoundError) as error:
        yield f"camera {key!r}: {error}"
        return
    if packets != length:
        yield f"camera {key!r}: the video has {packets} frames, table has {length} rows ({video.path})"
    height, width, _ = picture_size(state.features[key])
    if (found.height, found.width) != (height, width):
        yield f"camera {key!r}: pictures of {found.width}x{found.height}, expected {width}x{height} ({video.path})"
    if found.start_pts != 0:
        yield f"camera {key!r}: the first frame is at {found.start_pts * found.time_base} s, expected 0 ({video.path})"
    rate = found.fps
    if packets > 1 and rate is not None and abs(float(rate) / state.info.fps - 1) > _RATE_TOLERANCE:
        yield f"camera {key!r}: {float(rate):g} frames/s, expected {state.info.fps:g} ({video.path})"
