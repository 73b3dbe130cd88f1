"""Windows of rows and pictures around a row, in any order, as training reads them."""

from __future__ import annotations

import importlib
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from lerotool.dataset.documents import RESTORE
from lerotool.dataset.reading.columns import iter_images
from lerotool.errors import CorruptDatasetError, MediaError, UsageError
from lerotool.features import Feature, Kind

if TYPE_CHECKING:
    from lerotool.dataset.dataset import Dataset
    from lerotool.media.decode import OpenVideos

ArrayKind = Literal["numpy", "torch"]
PictureDtype = Literal["float32", "uint8"]
Window = dict[str, Any]

_TOLERANCE_S = 1e-4
"""How far a step may be from a whole number of frames: LeRobot's default."""
_PAD = "_is_pad"
_COLOURS = np.float32(255)


@dataclass(frozen=True, slots=True)
class _Place:
    """A row that was asked for and the rows of its episode."""

    row: int
    episode: int
    first: int
    after: int

    def rows(self, steps: Sequence[int]) -> list[int]:
        """Return the rows of a window; where the episode ends, its first or last row again."""
        return [min(max(self.row + step, self.first), self.after - 1) for step in steps]

    def padded(self, steps: Sequence[int]) -> np.ndarray:
        """Return which rows of a window are beyond the episode: bool, (steps,)."""
        wanted = self.row + np.array(steps, np.int64)
        return (wanted < self.first) | (wanted >= self.after)


class Windows:
    """Rows of a dataset and what is around them; see `Dataset.windows`.

    ``windows[i]`` is a dict. Several at once, ``windows.read([5, 900, 7])``, are faster: what lies in one video is
    decoded in one go. A torch ``DataLoader`` does so by itself, also in workers, forked or spawned; every process opens
    files of its own. Not for sharing between threads.
    """

    def __init__(
        self,
        dataset: Dataset,
        delta_timestamps: Mapping[str, Sequence[float]],
        features: Sequence[str] | None,
        episodes: Sequence[int] | None,
        arrays: ArrayKind,
        picture_dtype: PictureDtype,
        open_videos: int,
    ) -> None:
        if arrays not in ("numpy", "torch") or picture_dtype not in ("float32", "uint8") or open_videos < 1:
            raise UsageError(
                f"windows: arrays {arrays!r}, picture_dtype {picture_dtype!r}, open_videos {open_videos}",
                hint="arrays is numpy or torch, picture_dtype float32 or uint8, open_videos 1 or more",
            )
        readable = [name for name, feature in dataset.features.items() if feature.kind is not Kind.LANGUAGE]
        chosen = list(dict.fromkeys([*(readable if features is None else features), *delta_timestamps]))
        for name in chosen:
            if name not in readable:
                raise UsageError(f"windows: no feature {name!r} to read", hint=f"features: {', '.join(readable)}")
        # Which frames, counted from the row that was asked for.
        self._steps = {
            name: _in_frames(name, dataset.features[name], times, dataset.fps)
            for name, times in delta_timestamps.items()
        }
        self._dataset = dataset
        self._features = chosen
        numbers = range(len(dataset.episodes)) if episodes is None else episodes
        self._episodes = [dataset.episodes[number].index for number in numbers]
        self._arrays = arrays
        self._picture_dtype = picture_dtype
        self._most_open = open_videos
        times = {name: list(times) for name, times in delta_timestamps.items()}
        self._asked = (times, chosen, self._episodes, arrays, picture_dtype, open_videos)
        self._ends = np.cumsum(dataset.episodes.lengths[self._episodes], dtype=np.int64)
        self._videos: OpenVideos | None = None
        self._process = 0

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def __getitem__(self, index: int) -> Window:
        """Return the window of a row, counted through the chosen episodes; negative from the end.

        Raises:
            IndexError: the row does not exist.
            CorruptDatasetError: a file is missing, or contradicts the metadata.
            MediaError: a picture cannot be decoded.
        """
        return self.read([index])[0]

    def __getitems__(self, indices: Sequence[int]) -> list[Window]:
        """Return what `read` does; torch's DataLoader asks for a batch in this way."""
        return self.read(indices)

    def read(self, indices: Sequence[int]) -> list[Window]:
        """Return the windows of several rows, in this order; see ``windows[i]``."""
        places = [self._place(int(index)) for index in indices]
        windows: list[Window] = [{} for _ in places]
        for name in self._features:
            feature = self._dataset.features[name]
            steps = self._steps.get(name)
            values = self._pictures(name, places) if feature.is_camera else self._values(name, places)
            for window, place, value in zip(windows, places, values, strict=True):
                window[name] = value
                if steps is not None:
                    window[name + _PAD] = place.padded(steps)
        for window, place in zip(windows, places, strict=True):
            window["task"] = self._dataset.tasks[int(self._columns["task_index"][place.row])]
        return [_as_torch(window) for window in windows] if self._arrays == "torch" else windows

    def batches(self, size: int, seed: int | None = None) -> Iterator[Window]:
        """Yield all windows once, in random order, ``size`` at a time; the last batch may be smaller.

        Yields:
            By name, values of shape (size, ...); texts are lists.
        """
        order = np.random.default_rng(seed).permutation(len(self))
        for start in range(0, len(order), size):
            windows = self.read(order[start : start + size].tolist())
            yield {name: _stacked([window[name] for window in windows]) for name in windows[0]}

    def close(self) -> None:
        """Close the videos; they are opened again when needed."""
        if self._videos is not None and self._process == os.getpid():
            self._videos.close()
        self._videos = None

    def __getstate__(self) -> dict[str, Any]:
        return {"root": self._dataset.root, "asked": self._asked}

    def __setstate__(self, state: Mapping[str, Any]) -> None:
        from lerotool.dataset.dataset import Dataset

        self.__init__(Dataset.open(state["root"]), *state["asked"])  # type: ignore[misc]

    def __repr__(self) -> str:
        return f"Windows({str(self._dataset.root)!r}, {len(self)} rows)"

    def _place(self, index: int) -> _Place:
        number = index + len(self) if index < 0 else index
        if not 0 <= number < len(self):
            raise IndexError(f"no row {index}: there are {len(self)}")
        chosen = int(np.searchsorted(self._ends, number, side="right"))
        episode = self._episodes[chosen]
        first, after = self._dataset.episodes.starts[episode : episode + 2].tolist()
        return _Place(after - int(self._ends[chosen]) + number, episode, first, after)

    @cached_property
    def _columns(self) -> dict[str, np.ndarray]:
        """The columns of numbers and texts that are read, whole."""
        features = self._dataset.features
        names = [name for name in self._features if features[name].kind in (Kind.NUMERIC, Kind.STRING)]
        return {name: self._dataset.numpy(name) for name in dict.fromkeys([*names, "task_index"])}

    def _values(self, name: str, places: Sequence[_Place]) -> Iterator[Any]:
        column, steps = self._columns[name], self._steps.get(name)
        for place in places:
            value = column[place.row if steps is None else place.rows(steps)]
            yield value if column.dtype == object else np.array(value)

    def _pictures(self, name: str, places: Sequence[_Place]) -> Iterator[np.ndarray]:
        """Return the pictures of a camera: (C, H, W) each, several as (steps, C, H, W)."""
        feature, steps = self._dataset.features[name], self._steps.get(name)
        wanted = [place.rows((0,) if steps is None else steps) for place in places]
        is_video = feature.kind is Kind.VIDEO
        found = (self._from_videos if is_video else self._from_rows)(name, feature, places, wanted)
        dtype = np.dtype(np.float32 if feature.is_depth else self._picture_dtype)
        for rows in wanted:
            pictures = _arranged([found[row] for row in rows], dtype, is_scaled=not feature.is_depth)
            # LeRobot gives a window of one frame of a video as one picture, and of a camera in rows as a list of one.
            yield pictures[0] if steps is None or (is_video and len(rows) == 1) else pictures

    def _from_videos(
        self, name: str, feature: Feature, places: Sequence[_Place], wanted: Sequence[Sequence[int]]
    ) -> dict[int, np.ndarray]:
        """Decode the pictures of some rows, file after file."""
        by_file: dict[Path, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
        for place, rows in zip(places, wanted, strict=True):
            span = self._dataset.episodes[place.episode].videos.get(name)
            if span is None or not span.path.is_file():
                lack = "the episode table does not name a video" if span is None else f"{span.path} is missing"
                raise CorruptDatasetError(
                    f"{self._dataset.root}, episode {place.episode}, camera {name!r}: {lack}", hint=RESTORE
                )
            for row in rows:
                by_file[span.path][span.start_frame + row - place.first].append(row)
        found = {}
        for path, numbers in by_file.items():
            for number, picture in self._decoded(path, sorted(numbers), feature):
                found.update(dict.fromkeys(numbers[number], picture))
        return found

    def _decoded(self, path: Path, numbers: Sequence[int], feature: Feature) -> Iterator[tuple[int, np.ndarray]]:
        videos = self._open_videos()
        try:
            reader = videos[path]
            yield from reader.depths(numbers, feature.info) if feature.is_depth else reader.pictures(numbers)
        except (MediaError, OSError):
            videos.forget(path)
            raise

    def _open_videos(self) -> OpenVideos:
        # A forked process shares its parent's positions in files: it opens them for itself.
        if self._videos is None or self._process != os.getpid():
            from lerotool.media.decode import OpenVideos

            self._videos, self._process = OpenVideos(self._most_open, self._dataset.fps), os.getpid()
        return self._videos

    def _from_rows(
        self, name: str, feature: Feature, places: Sequence[_Place], wanted: Sequence[Sequence[int]]
    ) -> dict[int, np.ndarray]:
        """Decode the pictures that stand in some rows."""
        found: dict[int, np.ndarray] = {}
        for place, rows in sorted(zip(places, wanted, strict=True), key=lambda pair: pair[0].row):
            needed = sorted(set(rows) - found.keys())
            if not needed:
                continue
            table = self._dataset.rows(needed[0], needed[-1] + 1, [name])
            column = table[name].take([row - needed[0] for row in needed])
            where = f"{self._dataset.root}, episode {place.episode}, camera {name!r}"
            found.update(zip(needed, iter_images(column, where, feature), strict=True))
        return found


def _in_frames(name: str, feature: Feature, times: Sequence[float], fps: float) -> tuple[int, ...]:
    if feature.kind is Kind.STRING:
        raise UsageError(f"delta_timestamps: feature {name!r} is a text, which has no windows")
    if not len(times):
        raise UsageError(f"delta_timestamps: no times for {name!r}", hint="leave the feature out, or give [0.0]")
    off = [time for time in times if abs(time * fps - round(time * fps)) / fps > _TOLERANCE_S]
    if off:
        raise UsageError(
            f"delta_timestamps of {name!r}: {off[0]:g} s is not a whole number of frames at {fps:g} frames per second",
            hint=f"the nearest is {round(off[0] * fps) / fps:g} s",
        )
    return tuple(round(time * fps) for time in times)


def _arranged(pictures: Sequence[np.ndarray], dtype: np.dtype[Any], *, is_scaled: bool) -> np.ndarray:
    """Return pictures (H, W, C) as (n, C, H, W); colours as floats are from 0 to 1."""
    height, width, channels = pictures[0].shape
    arranged = np.empty((len(pictures), channels, height, width), dtype)
    for picture, target in zip(pictures, arranged, strict=True):
        if is_scaled and dtype.kind == "f":
            np.divide(picture.transpose(2, 0, 1), _COLOURS, out=target)
        else:
            target[:] = picture.transpose(2, 0, 1)
    return arranged


def _as_torch(window: Window) -> Window:
    try:
        torch = importlib.import_module("torch")
    except ImportError as error:
        raise UsageError("windows: torch is not installed", hint="ask for arrays='numpy', or install torch") from error
    return {name: torch.from_dlpack(value) if hasattr(value, "__dlpack__") else value for name, value in window.items()}


def _stacked(values: Sequence[Any]) -> Any:
    if isinstance(values[0], str):
        return list(values)
    if isinstance(values[0], np.ndarray):
        return np.stack(values)
    return importlib.import_module("torch").stack(list(values))
