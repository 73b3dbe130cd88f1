"""What goes along with a merged dataset: measured times, recording reports, where all came from, GR00T's map."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lerotool.dataset.documents import read_lines
from lerotool.dataset.layout import RECORDINGS_PATH, TIMING_PATH
from lerotool.dataset.parquet import arrow_schema, open_parquet
from lerotool.dataset.writing.numbering import FileNumber
from lerotool.dataset.writing.whole import LineWriter
from lerotool.features import ACTION, CAMERA_PREFIX, STATE, Feature, cameras
from lerotool.merging.data_jobs import Stretch, stretches
from lerotool.merging.plan import Plan
from lerotool.merging.rows import FileSlice, RowStream
from lerotool.merging.sources import Source
from lerotool.workspace import Workspace

_KEYS = ("episode_index", "frame_index")
_PICTURE_COLUMNS = ("picture/", "picture_age_ns/")


def write_timing(plan: Plan, root: Path) -> None:
    """Write the measured times beside the data files; rows that were not measured have nulls.

    Raises:
        CorruptDatasetError: a source's measured times cannot be read.
        OSError: the disk is full or fails.
    """
    schema = _timing_schema(plan)
    if schema is None or plan.options.version.has_files_of_episodes:
        return
    for file in plan.data:
        parts = list(stretches(plan, file.first, file.stop))
        if not any(_has_timing(part.contribution.source) for part in parts):
            continue
        path = root / TIMING_PATH.format(chunk_index=file.number.chunk, file_index=file.number.file)
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as sink, pq.ParquetWriter(sink, schema, compression="snappy") as writer:
            for part in parts:
                for table in _timing_of(part, schema):
                    writer.write_table(table, row_group_size=max(1, table.num_rows))


def _has_timing(source: Source) -> bool:
    return (Workspace(source.dataset.root).sidecar / "timing").is_dir()


def _timing_schema(plan: Plan) -> pa.Schema | None:
    schemas = []
    for contribution in plan.contributions:
        source = contribution.source
        for path in sorted((Workspace(source.dataset.root).sidecar / "timing").glob("*/*.parquet")):
            with open_parquet(path) as file:
                found = arrow_schema(file, path)
            schemas.append(pa.schema([pa.field(_renamed(f.name, source), f.type) for f in found]))
    return pa.unify_schemas(schemas, promote_options="permissive") if schemas else None


def _renamed(column: str, source: Source) -> str:
    names = {original: name for name, original in source.originals.items()}
    for prefix in _PICTURE_COLUMNS:
        if column.startswith(prefix):
            camera = column.removeprefix(prefix)
            return prefix + names.get(camera, camera)
    return column


def _timing_of(part: Stretch, schema: pa.Schema) -> Iterator[pa.Table]:
    contribution = part.contribution
    streams = _timing_streams(part)
    for place, length in enumerate(part.source_lengths.tolist()):
        rows = np.arange(length)
        if contribution.resampling is not None:
            rows = contribution.resampling.rows(length)
        columns: dict[str, Any] = {
            "episode_index": pa.array(np.full(len(rows), part.first + place, np.int64)),
            "frame_index": pa.array(np.arange(len(rows))),
        }
        measured = next(streams)
        if measured is not None:
            taken = measured.take(pa.array(rows))
            columns |= {
                _renamed(name, contribution.source): taken[name] for name in taken.column_names if name not in _KEYS
            }
        arrays = [columns[f.name].cast(f.type) if f.name in columns else pa.nulls(len(rows), f.type) for f in schema]
        yield pa.Table.from_arrays(arrays, schema=schema)


def _timing_streams(part: Stretch) -> Iterator[pa.Table | None]:
    """Yield the measured times of each episode, or None."""
    dataset = part.contribution.source.dataset
    stream: RowStream | None = None
    open_path: Path | None = None
    files = dataset.data_files
    for place, length in enumerate(part.source_lengths.tolist()):
        span = dataset.episodes[part.source_first + place].data
        if dataset.version.has_files_of_episodes or span.chunk_index is None or span.file_index is None:
            yield None
            continue
        path = dataset.layout.timing_path(span.chunk_index, span.file_index)
        if path != open_path:
            open_path, stream = path, None
            if path.is_file():
                number = files.find(dataset.episodes[part.source_first + place].dataset_from)
                rows = int(files.starts[number + 1] - files.starts[number])
                with open_parquet(path) as file:
                    names = arrow_schema(file, path).names
                stream = RowStream([FileSlice(path, span.row_start, rows, rows)], names, {})
        yield None if stream is None else stream.take(length)


class Reports:
    """Recording reports of the sources, one file beside each file of the episode table."""

    def __init__(self, plan: Plan, root: Path) -> None:
        self._root = root
        self._entries: dict[int, Mapping[str, Any]] = {}
        for contribution in plan.contributions:
            own = dict(_reports_of(contribution.source))
            for place, number in enumerate(contribution.source.episodes.tolist()):
                if own and number in own:
                    self._entries[contribution.first_episode + place] = own[number]
        self._pending: dict[FileNumber, list[int]] = {}

    def note(self, number: FileNumber, first: int, count: int) -> None:
        """Say which file of the episode table episodes are in."""
        if self._entries:
            self._pending.setdefault(number, []).extend(range(first, first + count))

    def write(self) -> None:
        """Write all reports.

        Raises:
            OSError: the disk is full or fails.
        """
        for number, episodes in self._pending.items():
            if not any(episode in self._entries for episode in episodes):
                continue
            path = self._root / RECORDINGS_PATH.format(chunk_index=number.chunk, file_index=number.file)
            with LineWriter(path) as lines:
                lines.add({**self._entries.get(episode, {}), "episode_index": episode} for episode in episodes)


def _reports_of(source: Source) -> Iterator[tuple[int, Mapping[str, Any]]]:
    for path in sorted((Workspace(source.dataset.root).sidecar / "recordings").glob("*/*.jsonl")):
        for _, entry in read_lines(path):
            if isinstance(entry.get("episode_index"), int):
                yield entry["episode_index"], entry


def provenance(plan: Plan) -> dict[str, Any]:
    """Return what ``meta/lerotool/merge.json`` says: sources and their episodes, padding, settled differences."""
    return {
        "schema": 1,
        "sources": [
            {
                "name": c.source.label,
                "codebase_version": c.source.dataset.version.value,
                "robot_type": c.source.dataset.robot_type,
                "fps": c.source.dataset.fps,
                "source_episodes": [[first, stop] for first, stop in c.source.runs()],
                "episodes": [c.first_episode, c.first_episode + len(c.lengths)],
            }
            for c in plan.contributions
        ],
        "padding": dict(_padding(plan)),
        "black_cameras": {name: [_range_of(plan, place) for place in places] for name, places in plan.filled.items()},
        "differences": [str(difference) for difference in plan.differences],
    }


def _padding(plan: Plan) -> Iterator[tuple[str, Any]]:
    for name, feature in plan.features.items():
        padded = [
            {
                "episodes": _range_of(plan, c.source.place),
                "original_width": len(places),
                "mask": [place in places for place in range(feature.shape[0])],
                "places": list(places),
            }
            for c in plan.contributions
            if name in c.rules and (places := c.rules[name].places) is not None and len(places) < feature.shape[0]
        ]
        if padded:
            names = feature.dimension_names
            yield name, {"width": feature.shape[0], "names": list(names) if names else None, "padded": padded}


def _range_of(plan: Plan, place: int) -> list[int]:
    contribution = next(c for c in plan.contributions if c.source.place == place)
    return [contribution.first_episode, contribution.first_episode + len(contribution.lengths)]


def modality(features: Mapping[str, Feature]) -> dict[str, Any]:
    """Return a draft of GR00T's ``meta/modality.json``, made from the names of dimensions and cameras."""
    return {
        "state": _parts(features.get(STATE)),
        "action": _parts(features.get(ACTION)),
        "video": {name.removeprefix(CAMERA_PREFIX): {"original_key": name} for name in cameras(features)},
        "annotation": {"human.task_description": {"original_key": "task_index"}},
    }


def _parts(feature: Feature | None) -> dict[str, Any]:
    """Return the dimensions in groups: grippers and arms, left and right."""
    if feature is None:
        return {}
    names = feature.dimension_names
    if names is None:
        return {"all": {"start": 0, "end": feature.shape[0]}}
    parts: dict[str, dict[str, int]] = {}
    last = ""
    for place, name in enumerate(names):
        side = next((f"{side}_" for side in ("left", "right") if side in name.lower()), "")
        kind = "gripper" if "gripper" in name.lower() else "arm" if side else "single_arm"
        group = f"{side}{kind}"
        if group != last:
            # A group that comes again, behind another one, gets a number.
            same = sum(1 for key in parts if key == group or key.startswith(f"{group}_"))
            last = group
            key = f"{group}_{same + 1}" if same else group
            parts[key] = {"start": place, "end": place}
        parts[key]["end"] = place + 1
    return parts


def write_document(path: Path, document: Mapping[str, Any]) -> None:
    """Write a JSON document.

    Raises:
        OSError: the disk is full or fails.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=4, ensure_ascii=False) + "\n", encoding="utf-8")
