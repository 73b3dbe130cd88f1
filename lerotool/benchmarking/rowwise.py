"""Merging as scripts do it: the yardstick. Right, and as naive as what circulates among users of v2.1.

A padded list per row, loops over the dimensions of statistics, nested loops over picture statistics of shape 3x1x1, and
a walk through the whole dataset to find each file. All of that is slow on purpose and must stay so. `speed_up` tells
how much faster a merge was, measured on a slice of the very sources that were merged.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lerotool.dataset.formats import FormatVersion
from lerotool.dataset.selection import Selection
from lerotool.features import DEFAULT_FEATURES, Feature, Kind
from lerotool.merging.options import MergeOptions, SourceArgument
from lerotool.merging.plan import MergeReport, Plan
from lerotool.merging.planning import merge_datasets
from lerotool.rewriting.source import Source
from lerotool.storage import scratch_folder

if TYPE_CHECKING:
    import pandas as pd

Stats = dict[str, Any]
Progress = Callable[[int], None]
_SLICE_ROWS = 1000
_LONGEST_SLICE_ROWS = 2000
"""An episode that is longer alone is not worth the wait."""
WORTH_COMPARING_S = 30.0
"""A slice takes a second or two, on a slow machine three: a tenth of a merge that takes as long as this."""
_LEAST = 1.5
"""A smaller difference is not worth showing."""


def pad_column(column: pd.Series[Any], width: int) -> pd.Series[Any]:
    """Widen vectors with zeros, row by row."""

    def pad(value: Any) -> list[float]:
        return [*value, *[0.0] * (width - len(value))]

    return column.apply(pad)


def column_stats(rows: Sequence[Sequence[float]]) -> Stats:
    """Return min, max, mean and std of a column of vectors, dimension by dimension."""
    found: Stats = {"min": [], "max": [], "mean": [], "std": [], "count": [len(rows)]}
    for dimension in range(len(rows[0])):
        values = []
        for row in rows:
            values.append(float(row[dimension]))  # noqa: PERF401 - slow on purpose
        mean = sum(values) / len(values)
        found["min"].append(min(values))
        found["max"].append(max(values))
        found["mean"].append(mean)
        found["std"].append(math.sqrt(sum((value - mean) ** 2 for value in values) / len(values)))
    return found


def merge_column_stats(parts: Sequence[Mapping[str, Any]]) -> Stats:
    """Merge the statistics of episodes, dimension by dimension, weighted by their counts."""
    total = sum(part["count"][0] for part in parts)
    found: Stats = {"min": [], "max": [], "mean": [], "std": [], "count": [total]}
    for dimension in range(len(parts[0]["mean"])):
        mean = sum(part["mean"][dimension] * part["count"][0] for part in parts) / total
        variance = 0.0
        for part in parts:
            spread = part["std"][dimension] ** 2 + (part["mean"][dimension] - mean) ** 2
            variance += spread * part["count"][0] / total
        found["min"].append(min(part["min"][dimension] for part in parts))
        found["max"].append(max(part["max"][dimension] for part in parts))
        found["mean"].append(mean)
        found["std"].append(math.sqrt(variance))
    return found


def merge_picture_stats(parts: Sequence[Mapping[str, Any]]) -> Stats:
    """Merge picture statistics, (channels, 1, 1) nested lists, in nested loops."""
    total = sum(part["count"][0] for part in parts)
    shape = np.shape(parts[0]["mean"])
    found: Stats = {name: np.zeros(shape).tolist() for name in ("min", "max", "mean", "std")}
    for i in range(shape[0]):
        for j in range(shape[1]):
            for k in range(shape[2]):
                mean = sum(part["mean"][i][j][k] * part["count"][0] for part in parts) / total
                variance = 0.0
                for part in parts:
                    spread = part["std"][i][j][k] ** 2 + (part["mean"][i][j][k] - mean) ** 2
                    variance += spread * part["count"][0] / total
                found["min"][i][j][k] = min(part["min"][i][j][k] for part in parts)
                found["max"][i][j][k] = max(part["max"][i][j][k] for part in parts)
                found["mean"][i][j][k] = mean
                found["std"][i][j][k] = math.sqrt(variance)
    return found | {"count": [total]}


def find_file(root: Path, name: str, folder: str = "") -> Path:
    """Look for a file in the whole dataset."""
    for place, _, names in os.walk(root):
        if name in names and folder in place:
            return Path(place) / name
    raise FileNotFoundError(f"{root}: {name} not found")


def merge_row_by_row(sources: Sequence[Path], target: Path, progress: Progress) -> None:
    """Merge v2.1 datasets with the same features and tasks into a new one; vectors are padded to the widest."""
    infos = [json.loads((source / "meta/info.json").read_text()) for source in sources]
    widest = max(infos, key=lambda info: sum(math.prod(feature["shape"]) for feature in info["features"].values()))
    widths = {n: f["shape"][0] for n, f in widest["features"].items() if f["dtype"] == "float32" and f["names"]}
    cameras = [name for name, feature in widest["features"].items() if feature["dtype"] == "video"]
    (target / "meta").mkdir(parents=True)
    episodes: list[dict[str, Any]] = []
    stats: list[dict[str, Any]] = []
    index = 0
    for source in sources:
        for line in (source / "meta/episodes.jsonl").read_text().splitlines():
            episode = json.loads(line)
            new = len(episodes)
            entry = _merge_episode(source, episode["episode_index"], target, new, index, widths)
            entry |= _own_picture_stats(source, episode["episode_index"], cameras)
            _copy_videos(source, episode["episode_index"], target, new, cameras)
            episodes.append({**episode, "episode_index": new})
            stats.append({"episode_index": new, "stats": entry})
            index += episode["length"]
            progress(len(episodes))
    shutil.copyfile(sources[0] / "meta/tasks.jsonl", target / "meta/tasks.jsonl")
    _write_lines(target / "meta/episodes.jsonl", episodes)
    _write_lines(target / "meta/episodes_stats.jsonl", stats)
    info = {**widest, "total_episodes": len(episodes), "total_frames": index, "total_videos": len(episodes)}
    info |= {"total_chunks": -(-len(episodes) // 1000), "splits": {"train": f"0:{len(episodes)}"}}
    (target / "meta/info.json").write_text(json.dumps(info, indent=4))


def _merge_episode(
    source: Path, number: int, target: Path, new: int, first_index: int, widths: Mapping[str, int]
) -> Stats:
    # Not above: `speed_up` is asked after every merge, and this import takes a small one a third of its time.
    import pandas as pd

    frame = pd.read_parquet(find_file(source, f"episode_{number:06d}.parquet"))
    for name, width in widths.items():
        frame[name] = pad_column(frame[name], width)
    frame["episode_index"] = frame["episode_index"].apply(lambda _: new)
    frame["index"] = frame["frame_index"].apply(lambda frame_index: first_index + frame_index)
    path = target / f"data/chunk-{new // 1000:03d}/episode_{new:06d}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    types = {name: pa.list_(pa.float32(), width) for name, width in widths.items()}
    names = [str(name) for name in frame.columns]
    columns = {name: pa.array(frame[name].tolist(), types.get(name)) for name in names}
    columns["timestamp"] = columns["timestamp"].cast(pa.float32())
    pq.write_table(pa.table(columns), path)
    return {
        name: column_stats(frame[name].tolist() if name in widths else [[value] for value in frame[name]])
        for name in names
    }


def _own_picture_stats(source: Path, number: int, cameras: Sequence[str]) -> Stats:
    # The file is read again for every episode, as such scripts do.
    for line in (source / "meta/episodes_stats.jsonl").read_text().splitlines():
        entry = json.loads(line)
        if entry["episode_index"] == number:
            return {name: entry["stats"][name] for name in cameras}
    raise FileNotFoundError(f"{source}: statistics of episode {number} not found")


def _copy_videos(source: Path, number: int, target: Path, new: int, cameras: Sequence[str]) -> None:
    for camera in cameras:
        video = find_file(source, f"episode_{number:06d}.mp4", camera)
        copied = target / f"videos/chunk-{new // 1000:03d}" / camera / f"episode_{new:06d}.mp4"
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(video, copied)


def _write_lines(path: Path, entries: Sequence[Mapping[str, Any]]) -> None:
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))


def speed_up(plan: Plan, report: MergeReport) -> float | None:
    """Return how many times as long the rows alone would take row by row; None where that says nothing.

    The slice is the vectors of the first source's first episodes, as a v2.1 dataset, which is what scripts merge.
    Videos, which cost lerotool its share, are left out of it.
    """
    source = plan.work.contributions[0].source
    if report.wall_s < WORTH_COMPARING_S or not any(map(_is_plain, source.dataset.features.values())):
        return None
    taken = max(1, int(np.searchsorted(np.cumsum(source.lengths), _SLICE_ROWS, side="right")))
    if int(source.lengths[:taken].sum()) > _LONGEST_SLICE_ROWS:
        return None
    with scratch_folder("lerotool-merge-slice-") as folder:
        cut = folder / "slice"
        rows = _cut_slice(source, taken, cut)
        import pandas as pd  # noqa: F401 - its import is not measured

        began = time.perf_counter()
        merge_row_by_row([cut], folder / "merged", lambda _: None)
        seconds = time.perf_counter() - began
    times = (report.frames / report.wall_s) / (rows / seconds)
    return times if times >= _LEAST else None


def _is_plain(feature: Feature) -> bool:
    return feature.kind is Kind.NUMERIC and len(feature.shape) == 1


def _cut_slice(source: Source, taken: int, target: Path) -> int:
    """Make the slice of the first ``taken`` episodes; return its rows."""
    episodes = tuple((number, number) for number in source.episodes[:taken].tolist())
    left_out = {n for n, f in source.dataset.features.items() if n not in DEFAULT_FEATURES and not _is_plain(f)}
    extra = source.dataset.episodes[0].extra
    options = MergeOptions(version=FormatVersion.V21, drop=frozenset(left_out | set(extra)), retime=True)
    argument = SourceArgument(source.label, source.dataset.root, Selection(episodes))
    return merge_datasets((argument,), target, options).frames
