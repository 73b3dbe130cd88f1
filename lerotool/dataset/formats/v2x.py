"""v2.0 (LeRobot up to 0.1) and v2.1 (0.1 to 0.3): every episode has files of its own.

v2.0 has statistics of the whole dataset only, v2.1 has those of every episode instead.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lerotool.dataset.formats.version import EpisodeTableWriter, FormatVersion, Sizes, Totals
from lerotool.features import Feature, cameras

if TYPE_CHECKING:
    from lerotool.dataset.info import DatasetInfo
    from lerotool.dataset.layout import Layout
    from lerotool.dataset.reading.episodes import EpisodeSource


class V20(FormatVersion):
    """v2.0."""

    has_files_of_episodes = True
    has_dataset_statistics = True
    has_episode_statistics = False
    has_quantiles = False
    has_language_columns = False
    can_be_built = False
    can_grow = False
    data_path = "data/chunk-{episode_chunk:03d}/episode_{episode_index:06d}.parquet"
    video_path = "videos/chunk-{episode_chunk:03d}/{video_key}/episode_{episode_index:06d}.mp4"
    path_numbers = ("episode_chunk", "episode_index")
    tasks_path = Path("meta", "tasks.jsonl")
    list_type = "Sequence"
    depth_marker = "video.is_depth_map"

    def _numeric_shape(self, feature: Feature) -> tuple[int, ...]:
        return feature.shape

    def info_document(
        self, fps: float, features: Mapping[str, Feature], robot_type: str | None, totals: Totals, sizes: Sizes
    ) -> dict[str, Any]:
        """Return the keys of ``info.json`` in LeRobot's order."""
        videos = len(cameras(features))
        return {
            "codebase_version": self,
            "robot_type": robot_type,
            "total_episodes": totals.episodes,
            "total_frames": totals.frames,
            "total_tasks": totals.tasks,
            "total_videos": totals.episodes * videos,
            "total_chunks": -(-totals.episodes // sizes.chunks_size),
            "chunks_size": sizes.chunks_size,
            "fps": fps,
            "splits": {"train": f"0:{totals.episodes}"},
            "data_path": self.data_path,
            "video_path": self.video_path if videos else None,
            "features": dict(features),
        }

    def open_episodes(
        self, layout: Layout, info: DatasetInfo, find_tasks: Callable[[int], tuple[str, ...]]
    ) -> EpisodeSource:
        """Open the episode table of a dataset."""
        from lerotool.dataset.reading.episodes_v2x import LineEpisodes

        del find_tasks  # every line has its tasks
        return LineEpisodes(layout, info)

    def write_episodes(self, root: Path, sizes: Sizes) -> AbstractContextManager[EpisodeTableWriter]:
        """Return what writes the episode table of a new dataset."""
        from lerotool.dataset.writing.episode_writers import EpisodeLinesWriter

        del sizes
        return EpisodeLinesWriter(root, self)


class V21(V20):
    """v2.1."""

    has_dataset_statistics = False
    has_episode_statistics = True
    can_be_built = True
