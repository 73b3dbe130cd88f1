"""Compares the files of a dataset with its tables before others see it: footers and headers are read, no rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import groupby, islice
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow.parquet as pq

from lerotool.dataset.dataset import Dataset
from lerotool.dataset.documents import RESTORE
from lerotool.dataset.parquet import described_columns, open_parquet, read_groups, stored_paths
from lerotool.dataset.reading.datafiles import cumulated
from lerotool.dataset.reading.episodes import VideoSpan
from lerotool.errors import CorruptDatasetError
from lerotool.execution.places import giving_back
from lerotool.features import cameras
from lerotool.media.probe import video_index
from lerotool.wording import counted

_T = TypeVar("_T")
_THREADS = 4
_BATCH = 256
_COUNTING = ("index", "episode_index")
_TOLERANCE_S = 1e-4
"""LeRobot refuses a picture that is farther from the time of its row."""


def verify_dataset(root: Path) -> None:
    """Make sure that every data file has the rows and every video the pictures that the episode table names."""
    dataset = Dataset(root)
    with ThreadPoolExecutor(_THREADS) as threads:
        _run(threads, partial(_check_data_file, dataset), range(len(dataset.data_files)))
        _run(threads, partial(_check_video, dataset.fps), _spans(dataset))


def verify_rows(dataset: Dataset) -> None:
    """Compare the footers of all data files with the episode table: rows, and in each row group their numbers."""
    for number in range(len(dataset.data_files)):
        _check_data_file(dataset, number)


def _run(threads: ThreadPoolExecutor, check: Callable[[_T], None], items: Iterable[_T]) -> None:
    """Check all items, of which there may be very many, a batch at a time."""
    waiting = iter(items)
    for batch in giving_back(iter(lambda: list(islice(waiting, _BATCH)), [])):
        for future in [threads.submit(check, item) for item in batch]:
            future.result()


def _check_data_file(dataset: Dataset, number: int) -> None:
    files = dataset.data_files
    path = files.path(number)
    first, stop = files.starts[number : number + 2].tolist()
    if not path.is_file() and first == stop:
        return  # a file for no rows
    with open_parquet(path) as file:
        footer = file.metadata
        if footer.num_rows != stop - first:
            raise CorruptDatasetError(
                f"{path}: expected {stop - first} rows as the episode table says, found {footer.num_rows}",
                hint=RESTORE,
            )
        places = {path: place for place, path in enumerate(stored_paths(file))}
        groups = [footer.row_group(group) for group in range(footer.num_row_groups)]
        starts = first + cumulated([group.num_rows for group in groups])
        for name in _COUNTING:
            if name not in places:
                raise CorruptDatasetError(f"{path}: column {name!r} is missing", hint=RESTORE)
            for group, start, end in zip(range(len(groups)), starts[:-1].tolist(), starts[1:].tolist(), strict=True):
                if start == end:
                    continue
                found = _extremes(file, path, group, places[name], name)
                expected = _expected(dataset, name, start, end - 1)
                if found != expected:
                    raise CorruptDatasetError(
                        f"{path}, row group {group}: expected {name} {expected[0]} to {expected[1]} as the episode "
                        f"table says, found {found[0]} to {found[1]}",
                        hint=RESTORE,
                    )


def _expected(dataset: Dataset, name: str, first: int, last: int) -> tuple[int, int]:
    if name == "index":
        return first, last
    begin, end = (np.searchsorted(dataset.episodes.starts, [first, last], side="right") - 1).tolist()
    return begin, end


def _extremes(file: pq.ParquetFile, path: Path, group: int, place: int, name: str) -> tuple[Any, Any]:
    """Return the smallest and the largest value of a column in a row group; read where the footer does not tell."""
    statistics = described_columns(file, path, group, [place])[0].statistics
    if statistics is not None and statistics.has_min_max:
        return statistics.min, statistics.max
    values = read_groups(file, path, [group], [name])[name].to_pylist()
    known = [value for value in values if value is not None]
    return (min(known), max(known)) if known else (None, None)


def _spans(dataset: Dataset) -> Iterator[list[VideoSpan]]:
    """Yield the spans of each video file, as far as its episodes stand side by side."""
    for camera in cameras(dataset.features):
        for _, spans in groupby(_spans_of(dataset, camera), key=lambda span: span.path):
            yield list(spans)


def _spans_of(dataset: Dataset, camera: str) -> Iterator[VideoSpan]:
    for episode in dataset.episodes:
        span = episode.videos.get(camera)
        if span is None:
            raise CorruptDatasetError(
                f"{dataset.root}, episode {episode.index}: the table names no video of camera {camera!r}", hint=RESTORE
            )
        yield span


def _check_video(fps: float, spans: list[VideoSpan]) -> None:
    path = spans[0].path
    try:
        header = video_index(path)
    except FileNotFoundError:
        raise CorruptDatasetError(f"{path}: the video is missing", hint=RESTORE) from None
    times = np.sort(header.times) * float(header.time_base)
    if not len(times):
        raise CorruptDatasetError(f"{path}: the video has no pictures", hint=RESTORE)
    for span in spans:
        expected = span.from_timestamp + np.arange(span.frames) / fps
        after = np.searchsorted(times, expected).clip(max=len(times) - 1)
        before = (after - 1).clip(min=0)
        nearest = np.where(expected - times[before] < times[after] - expected, times[before], times[after])
        off = np.abs(nearest - expected)
        if off.max(initial=0) > _TOLERANCE_S:
            frame = int(off.argmax())
            raise CorruptDatasetError(
                f"{path}: expected a picture at {expected[frame]:.6f} s as the episode table says, "
                f"the nearest of its {counted(len(times), 'picture')} is at {nearest[frame]:.6f} s",
                hint=RESTORE,
            )
