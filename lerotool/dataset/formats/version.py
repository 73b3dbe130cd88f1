"""What a version of LeRobot's dataset format is to the rest of lerotool: paths, documents, tables and capabilities."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple, Protocol, Self, cast

from lerotool.errors import UnsupportedVersionError
from lerotool.features import Feature, Kind, picture_size

if TYPE_CHECKING:
    import pyarrow as pa

    from lerotool.dataset.episode_table import EpisodeTable
    from lerotool.dataset.info import DatasetInfo
    from lerotool.dataset.layout import Layout
    from lerotool.dataset.numbering import FileNumber
    from lerotool.dataset.reading.episodes import EpisodeSource


class Totals(NamedTuple):
    """What a dataset has of each."""

    episodes: int = 0
    frames: int = 0
    tasks: int = 0


class Sizes(NamedTuple):
    """How a dataset is cut into files: files (v2.x: episodes) of a chunk; limits of data and video files in MB."""

    chunks_size: int = 1000
    data_files_size_in_mb: float = 100
    video_files_size_in_mb: float = 200


class EpisodeTableWriter(Protocol):
    """Writes the episode table of a new dataset as it goes."""

    def add(self, table: EpisodeTable) -> FileNumber | None:
        """Write the next episodes; return the number of their file where the format numbers such files."""


class FormatVersion(str):
    """A version of LeRobot's dataset format. It is its name, such as "v3.0".

    Attributes:
        has_files_of_episodes: every episode has files of its own, not many episodes a file.
        has_dataset_statistics: ``meta/stats.json`` belongs to it.
        has_episode_statistics: every episode has statistics of its own.
        has_quantiles: statistics come with quantiles.
        has_language_columns: features may be LeRobot's language columns.
        can_be_built: new datasets of it are written.
        can_grow: episodes are added to datasets of it.
        data_path: LeRobot's template of data files; ``video_path`` likewise.
        path_numbers: names of the chunk's and the file's number in templates.
        tasks_path: of the task texts.
        list_type: what Hugging Face's ``datasets`` calls a list in the LeRobot that reads it.
        depth_marker: the key of a camera's ``info`` block that tells depth.
    """

    __slots__ = ()

    V20: ClassVar[FormatVersion]
    V21: ClassVar[FormatVersion]
    V30: ClassVar[FormatVersion]

    has_files_of_episodes: ClassVar[bool]
    has_dataset_statistics: ClassVar[bool]
    has_episode_statistics: ClassVar[bool]
    has_quantiles: ClassVar[bool]
    has_language_columns: ClassVar[bool]
    can_be_built: ClassVar[bool]
    can_grow: ClassVar[bool]
    data_path: ClassVar[str]
    video_path: ClassVar[str]
    path_numbers: ClassVar[tuple[str, str]]
    tasks_path: ClassVar[Path]
    list_type: ClassVar[str]
    depth_marker: ClassVar[str]
    _objects: ClassVar[dict[tuple[type, str], FormatVersion]] = {}
    _registered: ClassVar[dict[str, FormatVersion]] = {}

    def __new__(cls, name: str) -> Self:
        """Return the one object of that name; of this class itself only registered ones.

        Raises:
            ValueError: the version is unknown.
        """
        if cls is FormatVersion:
            if name not in cls._registered:
                raise ValueError(f"{name!r} is not a format version")
            return cast("Self", cls._registered[name])
        if (cls, name) not in cls._objects:
            cls._objects[cls, name] = super().__new__(cls, name)
        return cast("Self", cls._objects[cls, name])

    @classmethod
    def register(cls, version: FormatVersion) -> FormatVersion:
        """Make a version known by its name."""
        cls._registered[str(version)] = version
        return version

    @classmethod
    def registered(cls) -> list[FormatVersion]:
        """Return all versions, the oldest first."""
        return [cls._registered[name] for name in sorted(cls._registered)]

    @property
    def value(self) -> str:
        """The name."""
        return str(self)

    @property
    def is_known(self) -> bool:
        """Whether this release of lerotool was made for it; another is read like the one before, and never changed."""
        return str(self) in self._registered

    def check_is_known(self, place: object) -> None:
        """Refuse to change a dataset of a later version, whose files may mean more than is known here.

        Raises:
            UnsupportedVersionError: naming the dataset.
        """
        if not self.is_known:
            known = ", ".join(self.registered())
            raise UnsupportedVersionError(
                f"{str(place)!r} has format {self}, of which only reading is known: {known} can be changed",
                hint="update lerotool, or merge the dataset into a new one",
            )

    def following(self, name: str) -> FormatVersion | None:
        """Return how a later, unknown version of that name is read; None where that would not be safe."""
        del name
        return None

    def data_file(self, number: FileNumber) -> str:
        """Return LeRobot's path of a data file, relative to the dataset; where episodes have files, of an episode."""
        return self.data_path.format(**dict(zip(self.path_numbers, (number.chunk, number.file), strict=True)))

    def video_file(self, camera: str, number: FileNumber) -> str:
        """Return LeRobot's path of a video file, relative to the dataset; like `data_file`."""
        numbers = dict(zip(self.path_numbers, (number.chunk, number.file), strict=True))
        return self.video_path.format(video_key=camera, **numbers)

    def statistics_shape(self, feature: Feature) -> tuple[int, ...]:
        """Return the shape of a feature's statistics: (C, 1, 1) for pictures, for numbers as the format pools them."""
        if feature.kind is not Kind.NUMERIC:
            return (picture_size(feature)[2], 1, 1)
        return self._numeric_shape(feature)

    def _numeric_shape(self, feature: Feature) -> tuple[int, ...]:
        raise NotImplementedError

    def info_document(
        self, fps: float, features: Mapping[str, Feature], robot_type: str | None, totals: Totals, sizes: Sizes
    ) -> dict[str, Any]:
        """Return the keys of ``info.json`` that LeRobot writes, in its order."""
        raise NotImplementedError

    def open_episodes(
        self, layout: Layout, info: DatasetInfo, find_tasks: Callable[[int], tuple[str, ...]]
    ) -> EpisodeSource:
        """Open the episode table of a dataset.

        Args:
            layout: where the dataset's files lie.
            info: its info.json.
            find_tasks: returns the tasks of an episode from its rows, for tables that do not tell them.

        Raises:
            CorruptDatasetError: it is missing or unreadable, or contradicts itself or ``info.json``.
            MetadataError: a line is not what it should be.
        """
        raise NotImplementedError

    def episodes_schema(self, features: Mapping[str, Feature], measured: Sequence[str]) -> pa.Schema:
        """Return the columns of an episodes file, where the format has such files.

        Args:
            features: of the dataset.
            measured: the features that have statistics.
        """
        raise NotImplementedError

    def completed(self, table: EpisodeTable) -> EpisodeTable:
        """Return a table of new episodes with the columns that only this version has."""
        return table

    def write_episodes(self, root: Path, sizes: Sizes) -> AbstractContextManager[EpisodeTableWriter]:
        """Return what writes the episode table of a new dataset.

        Raises:
            OSError: the disk is full or fails.
        """
        raise NotImplementedError

    def write_tasks(self, root: Path, tasks: Sequence[str]) -> None:
        """Write the task texts of a new dataset by number.

        Raises:
            OSError: the disk is full or fails.
        """
        from lerotool.dataset.tasks import write_tasks

        write_tasks(root / self.tasks_path, tasks)
