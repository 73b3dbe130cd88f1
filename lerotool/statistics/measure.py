"""Measuring a dataset: every numeric column from its rows, every camera from its frames."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, field

from lerotool.choices import Priority
from lerotool.dataset.dataset import Dataset
from lerotool.errors import UsageError
from lerotool.execution import DaskCluster, Place, Progress, ThisMachine, cores, ignore_progress, open_executor
from lerotool.features import Kind
from lerotool.moments import PictureHistogram
from lerotool.statistics.jobs import address
from lerotool.statistics.numeric import measure_columns
from lerotool.statistics.pictures import measure_cameras
from lerotool.statistics.sampling import Sampling
from lerotool.statistics.segments import Measured, dimensions
from lerotool.statistics.store import EpisodeStore
from lerotool.storage import make_directory
from lerotool.workspace import Workspace

_FEW_VALUES = 20_000_000
_FEW_FRAMES = 200


@dataclass(frozen=True, slots=True)
class Selection:
    """Which features are measured, in which episodes."""

    only: tuple[str, ...] = ()  # names; empty is all
    sampling: Sampling | None = field(default_factory=Sampling)  # of the cameras' frames; None leaves cameras out
    episodes: frozenset[int] | None = None  # numbers; None is all

    def names(self, dataset: Dataset) -> tuple[list[str], list[str]]:
        """Return the numeric features and the cameras that are meant, in the dataset's order."""
        for name in self.only:
            if name not in dataset.features:
                raise UsageError(f"no feature {name!r}", hint=f"features: {', '.join(dataset.features)}")
            if dataset.features[name].kind in (Kind.STRING, Kind.LANGUAGE):
                raise UsageError(f"feature {name!r} is text: it has no statistics")
        meant = {name: feature for name, feature in dataset.features.items() if not self.only or name in self.only}
        numeric = [name for name, feature in meant.items() if feature.kind is Kind.NUMERIC]
        cameras = [name for name, feature in meant.items() if feature.is_camera and self.sampling is not None]
        return numeric, cameras

    def frames(self, dataset: Dataset) -> int:
        """Return how many frames the episodes have that are meant."""
        if self.episodes is None:
            return dataset.num_frames
        return int(dataset.episodes.lengths[sorted(self.episodes)].sum())


@dataclass(frozen=True, slots=True)
class Measurement:
    """What has been measured."""

    features: dict[str, Measured]  # the whole dataset, by feature
    episodes: EpisodeStore  # of every episode
    histograms: dict[str, PictureHistogram]  # of cameras' pixel values
    # What could not be measured, by camera; such a camera may be in ``features`` with what could be.
    problems: dict[str, tuple[str, ...]]


@contextmanager
def measured(
    dataset: Dataset,
    selection: Selection | None = None,
    executor: Executor | None = None,
    on_progress: Progress = ignore_progress,
) -> Iterator[Measurement]:
    """Measure a dataset; what is kept of the episodes goes with the context.

    `selection`: which features; None is all, cameras by LeRobot's rule.
    """
    selection = selection or Selection()
    numeric, cameras = selection.names(dataset)
    sizes = {name: dimensions(dataset.features[name], dataset.version) for name in (*numeric, *cameras)}
    frames = selection.frames(dataset)
    total = frames * (bool(numeric) + len(cameras))
    with EpisodeStore(sizes, dataset.num_episodes) as store:
        measurement = Measurement({}, store, {}, {})
        if frames:
            before = frames if numeric else 0
            if numeric:
                measurement.features.update(
                    measure_columns(
                        dataset,
                        numeric,
                        store,
                        executor,
                        lambda done, _: on_progress(done, total),
                        episodes=selection.episodes,
                    )
                )
            _take_cameras(
                measurement, dataset, cameras, selection, executor, lambda done, _: on_progress(before + done, total)
            )
        yield measurement


def _take_cameras(
    measurement: Measurement,
    dataset: Dataset,
    cameras: Sequence[str],
    selection: Selection,
    executor: Executor | None,
    on_progress: Progress,
) -> None:
    sampling = selection.sampling or Sampling()
    found = measure_cameras(
        dataset, cameras, sampling, measurement.episodes, executor, on_progress, episodes=selection.episodes
    )
    for camera, measure in found.items():
        if measure.measured is not None:
            measurement.features[camera] = measure.measured
        if measure.histogram is not None:
            measurement.histograms[camera] = measure.histogram
        if measure.problems:
            measurement.problems[camera] = measure.problems


def is_small(dataset: Dataset, selection: Selection) -> bool:
    """Return whether a dataset is measured sooner than worker processes have started."""
    numeric, cameras = selection.names(dataset)
    values = dataset.num_frames * sum(dimensions(dataset.features[name], dataset.version) for name in numeric)
    return values < _FEW_VALUES and dataset.num_frames * len(cameras) < _FEW_FRAMES


@contextmanager
def workers(dataset: Dataset, selection: Selection, place: Place | None = None) -> Iterator[Executor | None]:
    """Provide workers that suit a dataset, or None where this process is quicker."""
    if place is None and (cores() == 1 or is_small(dataset, selection)):
        yield None
        return
    shared = dataset.root
    if isinstance(place, DaskCluster):
        # A cluster's workers show that they reach this folder by writing there.
        shared = Workspace(address(dataset)[0]).folder
        make_directory(shared)
    with open_executor(place or ThisMachine(priority=Priority.NORMAL), shared) as executor:
        yield executor
