"""Measuring a dataset: every numeric column from its rows, every camera from its frames."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from lerotool.choices import Priority
from lerotool.dataset.dataset import Dataset
from lerotool.errors import UsageError
from lerotool.execution import DaskCluster, Place, Progress, ThisMachine, cores, ignore_progress, open_executor
from lerotool.features import Kind
from lerotool.statistics.numeric import measure_columns
from lerotool.statistics.pictures import measure_cameras
from lerotool.statistics.sampling import Sampling, address
from lerotool.statistics.segments import EpisodeStore, Measured, dimensions
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

    def lengths(self, dataset: Dataset) -> npt.NDArray[np.int64]:
        """Return the frames (E,) of each episode that are meant: all, or none where an episode is not."""
        lengths = dataset.episodes.lengths
        if self.episodes is None:
            return lengths
        return np.where(np.isin(np.arange(len(lengths)), list(self.episodes)), lengths, 0)


@dataclass(frozen=True, slots=True)
class Measurement:
    """What has been measured."""

    features: dict[str, Measured]  # the whole dataset, by feature
    episodes: EpisodeStore  # of every episode
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
    lengths = selection.lengths(dataset)
    frames = int(lengths.sum())
    before = frames if numeric else 0
    total = before + frames * len(cameras)
    with EpisodeStore(sizes, dataset.num_episodes) as store:
        measurement = Measurement({}, store, {})
        if frames and numeric:
            measurement.features.update(
                measure_columns(dataset, numeric, lengths, store, executor, lambda done: on_progress(done, total))
            )
        if frames and cameras:
            found, problems = measure_cameras(
                dataset,
                cameras,
                lengths,
                selection.sampling or Sampling(),
                store,
                executor,
                lambda done: on_progress(before + done, total),
            )
            measurement.features.update(found)
            measurement.problems.update(problems)
        yield measurement


@contextmanager
def workers(dataset: Dataset, selection: Selection, place: Place | None = None) -> Iterator[Executor | None]:
    """Provide workers that suit a dataset, or None where this process is quicker."""
    numeric, cameras = selection.names(dataset)
    values = dataset.num_frames * sum(dimensions(dataset.features[name], dataset.version) for name in numeric)
    is_small = values < _FEW_VALUES and dataset.num_frames * len(cameras) < _FEW_FRAMES
    if place is None and (cores() == 1 or is_small):
        yield None
        return
    shared = dataset.root
    if isinstance(place, DaskCluster):
        # A cluster's workers show that they reach this folder by writing there.
        shared = Workspace(address(dataset)[0]).folder
        make_directory(shared)
    with open_executor(place or ThisMachine(priority=Priority.NORMAL), shared) as executor:
        yield executor
