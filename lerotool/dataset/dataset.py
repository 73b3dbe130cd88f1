"""A dataset, opened for reading: the same view of LeRobot's formats v3.0, v2.1 and v2.0."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from lerotool.dataset.formats import FormatVersion
from lerotool.dataset.info import DatasetInfo, load_info
from lerotool.dataset.layout import Files, Layout
from lerotool.dataset.reading.changes import commit_stamp, state_before
from lerotool.dataset.reading.episodes import Episode, Episodes
from lerotool.dataset.tasks import load_tasks
from lerotool.errors import CorruptDatasetError, MetadataError, UsageError
from lerotool.features import Feature, Kind
from lerotool.storage import tree_fingerprint
from lerotool.workspace import Workspace, dataset_root

if TYPE_CHECKING:
    import numpy as np
    import pyarrow as pa

    from lerotool.dataset.reading.datafiles import DataFiles
    from lerotool.dataset.reading.rows import RowReader
    from lerotool.dataset.reading.windows import ArrayKind, PictureDtype, Windows
    from lerotool.dataset.sidecar import Padding
    from lerotool.moments import FeatureStats

_ATTEMPTS = 5


class Dataset:
    """A dataset folder, read-only. Make it with `Dataset.open`.

    What ``info.json``, the tasks and the episode table say is read and compared on opening; statistics, rows and
    pictures when they are asked for. No file is kept open, so there is nothing to close.

    Attributes:
        root: the folder.
        unfinished: what a reader should know of a change that was interrupted, None if there is none.
        info: ``info.json``, unknown keys included.
        tasks: the task texts; a task's number is its place.
        episodes: all episodes, made on access.
    """

    def __init__(self, root: Path, files: Files | None = None, unfinished: str | None = None) -> None:
        self.root = root
        self.unfinished = unfinished
        self.info: DatasetInfo = load_info(root, files)
        self._layout = Layout.of(root, self.info, files)
        self.tasks: tuple[str, ...] = load_tasks(root, self.info, files)
        self._source = self.version.open_episodes(self._layout, self.info, self._tasks_of_rows)
        self.episodes = Episodes(self._source)

    @classmethod
    def open(cls, root: str | Path) -> Dataset:
        """Open a dataset; where a change was interrupted, as it was before. Nothing is written.

        Args:
            root: the folder, or ``user/name`` under the LeRobot home.

        Raises:
            DatasetNotFoundError: no dataset was found.
            DatasetLockedError: another process has been changing it for 10 s and is not done.
            MetadataError: a metadata file cannot be understood.
            CorruptDatasetError: a metadata file is missing or unreadable, or they contradict each other.
            UnsupportedVersionError: the format is unknown.
        """
        folder = dataset_root(str(root))
        workspace = Workspace(folder)
        for attempt in range(_ATTEMPTS):
            before = commit_stamp(folder)
            files, unfinished = state_before(workspace) if workspace.journal.exists() else (None, None)
            try:
                return cls(folder, files, unfinished)
            except (CorruptDatasetError, MetadataError):
                # Between two files read, another process may have added episodes: then the new state is read.
                if attempt == _ATTEMPTS - 1 or commit_stamp(folder) == before:
                    raise
        raise AssertionError

    @property
    def version(self) -> FormatVersion:
        """The format."""
        return self.info.codebase_version

    def fingerprint(self) -> str:
        """Return what is another one once any file has changed, lerotool's own folder left out."""
        return tree_fingerprint(self.root, Workspace(self.root).folder)

    @property
    def fps(self) -> int | float:
        """Frames per second."""
        return self.info.fps

    @property
    def robot_type(self) -> str | None:
        """What was recorded, if known."""
        return self.info.robot_type

    @property
    def features(self) -> Mapping[str, Feature]:
        """All features, in order."""
        return self.info.features

    @cached_property
    def padding(self) -> Padding:
        """What a merge has made up: padded joints and black pictures, which statistics leave out."""
        from lerotool.dataset.sidecar import load_padding

        return load_padding(self.root, self.features)

    @property
    def cameras(self) -> tuple[str, ...]:
        """The names of the features that are pictures, in videos or in rows, in order."""
        return tuple(name for name, feature in self.features.items() if feature.is_camera)

    @property
    def layout(self) -> Layout:
        """Where the files lie."""
        return self._layout

    @property
    def data_files(self) -> DataFiles:
        """The data files in the order of their rows.

        Raises:
            CorruptDatasetError: the episode table names them in an order that cannot be, or a file cannot be read.
        """
        return self._source.data_files

    @property
    def num_episodes(self) -> int:
        """How many episodes there are."""
        return len(self.episodes)

    @property
    def num_frames(self) -> int:
        """How many rows there are in all."""
        return int(self.episodes.starts[-1])

    @cached_property
    def stats(self) -> Mapping[str, FeatureStats]:
        """Statistics of the whole dataset by feature: ``meta/stats.json``, in v2.1 merged from those of the episodes.

        Empty where the dataset has none.
        """
        from lerotool.dataset.reading.statistics import load_stats, merge_episodes

        if not self.version.has_dataset_statistics:
            return merge_episodes(episode.stats for episode in self.episodes)
        return load_stats(self._layout.files, self.num_frames)

    @cached_property
    def _reader(self) -> RowReader:
        from lerotool.dataset.reading.rows import RowReader

        return RowReader(self._source.data_files, self.episodes.starts, self.features)

    def rows(self, start: int = 0, stop: int | None = None, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the rows ``start`` to ``stop`` of the dataset.

        Types are those of the features where the values fit, else as stored; language columns are as stored. Only the
        columns and row groups that are needed are read.

        Args:
            start: first row.
            stop: the row after the last; None is the end.
            columns: which, in this order; None is all, also those that are not features.

        Raises:
            CorruptDatasetError: a data file is missing, unreadable, or contradicts the metadata.
            UsageError: the column is unknown.
            IndexError: the range is not in the dataset.
        """
        stop = self.num_frames if stop is None else stop
        _check_range(start, stop, self.num_frames, "rows of the dataset")
        self._check_columns(columns or ())
        return self._reader.read(start, stop, columns)

    def episode_rows(self, index: int, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the rows of an episode, like `rows`."""
        episode = self.episodes[index]
        return self.rows(episode.dataset_from, episode.dataset_to, columns)

    def numpy(self, name: str, start: int = 0, stop: int | None = None) -> np.ndarray:
        """Return a numeric or text column of the rows ``start`` to ``stop``.

        Returns:
            The feature's dtype and shape (rows,) for scalars, (rows, *shape) for the others.

        Raises:
            CorruptDatasetError: like `rows`; also when a value is missing or does not fit.
            UsageError: the feature is unknown, or it is a camera or a language column.
            IndexError: the range is not in the dataset.
        """
        from lerotool.dataset.reading.columns import to_numpy

        feature = self._feature(name)
        if feature.kind is Kind.VIDEO:
            raise UsageError(f"feature {name!r} is a video", hint="use Dataset.frames")
        return to_numpy(self.rows(start, stop, [name])[name], name, feature)

    def frames(self, episode: int, camera: str, start: int = 0, stop: int | None = None) -> Iterator[np.ndarray]:
        """Return the decoded frames ``start`` to ``stop`` of an episode; they are decoded as they are taken.

        Returns:
            Pictures HWC uint8 RGB, or for depth cameras (H, W, 1) float32 in millimetres.

        Raises:
            CorruptDatasetError: the video is missing, or a row has no picture.
            MediaError: pictures cannot be decoded or are missing; raised while frames are taken.
            UsageError: the camera is unknown.
            IndexError: the episode does not exist, or the range is not in it.
        """
        from lerotool.dataset.reading.columns import iter_images, iter_video

        feature, found = self._feature(camera), self.episodes[episode]
        if not feature.is_camera:
            raise UsageError(
                f"feature {camera!r} is not a camera", hint=f"cameras: {', '.join(self.cameras) or 'none'}"
            )
        stop = found.length if stop is None else stop
        _check_range(start, stop, found.length, f"frames of episode {found.index}")
        if feature.kind is Kind.IMAGE:
            rows = self.rows(found.dataset_from + start, found.dataset_from + stop, [camera])
            return iter_images(rows[camera], f"{self._place(found)}, camera {camera!r}", feature)
        span = found.videos.get(camera)
        if span is None:
            raise CorruptDatasetError(
                f"{self._place(found)}, camera {camera!r}: the episode table does not name a video",
                hint="the videos of this camera are not part of the dataset: copy it again, or do without them",
            )
        return iter_video(span, start, stop, self.fps, feature)

    def windows(
        self,
        delta_timestamps: Mapping[str, Sequence[float]] | None = None,
        *,
        features: Sequence[str] | None = None,
        episodes: Sequence[int] | None = None,
        arrays: ArrayKind = "numpy",
        picture_dtype: PictureDtype = "float32",
        open_videos: int = 16,
    ) -> Windows:
        """Return rows with what is around them, for training: the values that LeRobot's own loader gives.

        Each is a dict: features by name, ``task`` as text, and for each feature in ``delta_timestamps`` ``…_is_pad``,
        bool of shape (times,). Numbers have the feature's own dtype and shape, with times in front where there are any;
        pictures are (C, H, W) or (times, C, H, W). Beyond its episode a window repeats the first or last row and says
        so in ``…_is_pad``. A window of one time is, for a video, the picture without times in front, as LeRobot has it.

        The columns of numbers are held in memory, videos stay open; every process has its own.

        Args:
            delta_timestamps: by feature, seconds from the row, as LeRobot takes them: ``{"action": [0, 0.1]}``.
            features: which are read besides; None is all but language. Cameras that nobody needs cost time.
            episodes: whose rows are counted, in this order; None is all.
            arrays: ``numpy``, or ``torch`` for tensors that share the memory (dlpack).
            picture_dtype: ``float32`` for colours from 0 to 1, ``uint8`` for 0 to 255; depth is float32 millimetres.
            open_videos: how many files stay open in a process.

        Raises:
            UsageError: a feature is unknown, or a time is not a whole number of frames.
            IndexError: an episode does not exist.
        """
        from lerotool.dataset.reading.windows import Windows

        return Windows(self, delta_timestamps or {}, features, episodes, arrays, picture_dtype, open_videos)

    def timing(self, index: int) -> pa.Table | None:
        """Return the measured times of an episode's rows, or None where they were not kept.

        Columns: ``episode_index``, ``frame_index``, ``tick_ns``, ``observed_ns``, ``acted_ns``, ``stale``,
        ``stale_action`` and per camera ``picture/<camera>``, ``picture_age_ns/<camera>``.

        Raises:
            CorruptDatasetError: the file is unreadable or shorter than the data file.
        """
        from lerotool.dataset.sidecar import read_timing

        return read_timing(self._layout, self.episodes[index].data)

    def _tasks_of_rows(self, index: int) -> tuple[str, ...]:
        episode = self.episodes[index]
        numbers = dict.fromkeys(self.numpy("task_index", episode.dataset_from, episode.dataset_to).tolist())
        unknown = [number for number in numbers if not 0 <= number < len(self.tasks)]
        if unknown:
            raise CorruptDatasetError(
                f"{self._place(episode)}: a row has task {unknown[0]}, but there are only {len(self.tasks)} tasks"
            )
        return tuple(self.tasks[number] for number in numbers)

    def _feature(self, name: str) -> Feature:
        if name not in self.features:
            raise UsageError(f"no feature {name!r}", hint=f"features: {', '.join(self.features)}")
        return self.features[name]

    def _check_columns(self, names: Sequence[str]) -> None:
        for name in names:
            if name in self.features and self.features[name].kind is Kind.VIDEO:
                raise UsageError(f"feature {name!r} is a video, not a column", hint="use Dataset.frames")

    def _place(self, episode: Episode) -> str:
        return f"{self.root}, episode {episode.index}"

    def __repr__(self) -> str:
        return f"Dataset({str(self.root)!r}, {self.version}, {self.num_episodes} episodes, {self.num_frames} frames)"


def _check_range(start: int, stop: int, length: int, what: str) -> None:
    if not 0 <= start <= stop <= length:
        raise IndexError(f"{start} to {stop} is not within the {length} {what}")
