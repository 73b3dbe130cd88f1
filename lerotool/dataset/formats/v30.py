"""v3.0 (LeRobot from 0.4): many episodes a file, everything about episodes in parquet tables."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lerotool.dataset.formats.version import EpisodeTableWriter, FormatVersion, Sizes, Totals
from lerotool.features import Feature, cameras

if TYPE_CHECKING:
    import pyarrow as pa

    from lerotool.dataset.info import DatasetInfo
    from lerotool.dataset.layout import Layout
    from lerotool.dataset.reading.episodes import EpisodeSource

_LATER = re.compile(r"v3\.[1-9]\d{0,3}")


class V30(FormatVersion):
    """v3.0."""

    has_files_of_episodes = False
    has_dataset_statistics = True
    has_episode_statistics = True
    has_quantiles = True
    has_language_columns = True
    can_be_built = True
    can_grow = True
    data_path = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
    video_path = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"
    path_numbers = ("chunk_index", "file_index")
    tasks_path = Path("meta", "tasks.parquet")
    list_type = "List"
    depth_marker = "is_depth_map"

    def following(self, name: str) -> FormatVersion | None:
        """Return how a later v3.x is read: LeRobot, too, reads one as the v3 that it knows. It is never changed."""
        return type(self)(name) if _LATER.fullmatch(name) else None

    def _numeric_shape(self, feature: Feature) -> tuple[int, ...]:
        return feature.shape[-1:]

    def info_document(
        self, fps: float, features: Mapping[str, Feature], robot_type: str | None, totals: Totals, sizes: Sizes
    ) -> dict[str, Any]:
        """Return the keys of ``info.json`` in LeRobot's order."""
        return {
            "codebase_version": self,
            "fps": fps,
            "features": dict(features),
            "total_episodes": totals.episodes,
            "total_frames": totals.frames,
            "total_tasks": totals.tasks,
            **sizes._asdict(),
            "data_path": self.data_path,
            "video_path": self.video_path if cameras(features) else None,
            "robot_type": robot_type,
            "splits": {"train": f"0:{totals.episodes}"},
        }

    def open_episodes(
        self, layout: Layout, info: DatasetInfo, find_tasks: Callable[[int], tuple[str, ...]]
    ) -> EpisodeSource:
        """Open the episode table of a dataset."""
        from lerotool.dataset.reading.episodes_v30 import TableEpisodes

        return TableEpisodes(layout, info, find_tasks)

    def episodes_schema(self, features: Mapping[str, Feature], measured: Sequence[str]) -> pa.Schema:
        """Return the columns of an episodes file."""
        from lerotool.dataset.episode_table import episodes_schema

        return episodes_schema(features, measured)

    def write_episodes(self, root: Path, sizes: Sizes) -> AbstractContextManager[EpisodeTableWriter]:
        """Return what writes the episode table of a new dataset."""
        from lerotool.dataset.writing.episode_writers import EpisodeFilesWriter

        return EpisodeFilesWriter(root, self, sizes)
