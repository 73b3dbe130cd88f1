"""What stays beside a dataset for those who ask how it was recorded: measured times and recording reports.

``meta/lerotool/timing/…`` mirrors the data file of the same numbers row by row; rows of episodes that were recorded
without measured times have nulls. ``meta/lerotool/recordings/…`` mirrors the episodes file of the same numbers, one
JSON line per episode.

``meta/lerotool/merge.json`` has what a merge has made up: joints filled up with zeros, cameras with black pictures, by
ranges of episodes (the first, and the one after the last). Statistics leave them out.
"""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, ValidationError

from lerotool.dataset.documents import RESTORE, read_object
from lerotool.dataset.layout import Layout
from lerotool.dataset.reading.episodes import DataSpan
from lerotool.errors import CorruptDatasetError, MetadataError
from lerotool.features import Feature
from lerotool.storage import json_lines
from lerotool.wording import problems
from lerotool.workspace import Workspace

if TYPE_CHECKING:
    import pyarrow as pa

_KEYS = ("episode_index", "frame_index")


def timing_table(episode: int, length: int, measured: pa.Table | None) -> pa.Table:
    """Return the measured times of one episode, one row per frame."""
    import pyarrow as pa

    table = pa.table(
        {"episode_index": pa.array([episode] * length, pa.int64()), "frame_index": pa.array(range(length), pa.int64())}
    )
    if measured is None:
        return table
    for name in measured.column_names:
        if name not in _KEYS:
            table = table.append_column(measured.schema.field(name), measured.column(name))
    return table


def joined_timing(tables: Sequence[pa.Table]) -> pa.Table | None:
    """Return the measured times of one data file; None if none were measured."""
    if all(len(table.column_names) == len(_KEYS) for table in tables):
        return None
    import pyarrow as pa

    # Files must not carry the schema metadata of whoever made the first table.
    return pa.concat_tables(tables, promote_options="default").replace_schema_metadata(None)


def recording_lines(first: int, recordings: Sequence[Mapping[str, Any] | None]) -> bytes | None:
    """Return the reports that go with one episodes file; None if there are none."""
    if not any(recordings):
        return None
    lines = [{"episode_index": first + place, **(report or {})} for place, report in enumerate(recordings)]
    return json_lines(lines)


def read_timing(layout: Layout, span: DataSpan) -> pa.Table | None:
    """Return the measured times of the rows of a span, or None where that file does not exist."""
    if span.chunk_index is None or span.file_index is None:
        return None
    path = layout.timing_path(span.chunk_index, span.file_index)
    if not path.exists():
        return None
    from lerotool.dataset.parquet import column_names, open_parquet, read_groups
    from lerotool.dataset.reading.datafiles import cumulated

    with open_parquet(path) as file:
        starts = cumulated([file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)])
        if span.row_stop > starts[-1]:
            raise CorruptDatasetError(
                f"{path}: expected at least {span.row_stop} rows as in the data file, found {starts[-1]}", hint=RESTORE
            )
        first = int(np.searchsorted(starts, span.row_start, side="right")) - 1
        after = int(np.searchsorted(starts, span.row_stop, side="left"))
        table = read_groups(file, path, range(first, max(first, after)), column_names(file, path))
    return table.slice(span.row_start - int(starts[first]), span.row_stop - span.row_start)


def committed_recordings(root: Path) -> frozenset[str]:
    """Return the ids of the recordings that a dataset contains."""
    reports = _reports(root, "recording_id")
    return frozenset(report["recording_id"] for report in reports if isinstance(report.get("recording_id"), str))


def operators(root: Path) -> Mapping[str, int]:
    """Return who recorded how many of a dataset's episodes, where that was said; most first."""
    reports = _reports(root, "operator")
    names = Counter(report["operator"] for report in reports if isinstance(report.get("operator"), str))
    return dict(names.most_common())


def _reports(root: Path, key: str) -> Iterator[dict[str, Any]]:
    """Yield the reports that may have a key."""
    for path in sorted(Workspace(root).sidecar.glob("recordings/*/*.jsonl")):
        for line in path.read_bytes().splitlines():
            # A line that was damaged later tells nothing, and hides no other.
            with contextlib.suppress(ValueError, RecursionError):
                report = json.loads(line) if key.encode() in line else None
                if isinstance(report, dict):
                    yield report


Present = npt.NDArray[np.bool_]
Range = tuple[NonNegativeInt, NonNegativeInt]


class PaddedEpisodes(BaseModel):
    """Episodes whose vectors were filled up; ``mask`` says which dimensions were there before."""

    model_config = ConfigDict(frozen=True)
    episodes: Range
    mask: tuple[bool, ...]


class _PaddedFeature(BaseModel):
    model_config = ConfigDict(frozen=True)
    padded: tuple[PaddedEpisodes, ...]


class _Document(BaseModel):
    model_config = ConfigDict(frozen=True)
    schema_: Literal[1] = Field(alias="schema")
    padding: dict[str, _PaddedFeature] = {}
    black_cameras: dict[str, tuple[Range, ...]] = {}


class Padding:
    """Which dimensions and pictures of which episodes are real.

    Attributes:
        padded: by feature, the episodes that were filled up.
        filled: by camera, ranges of episodes whose pictures are black because there were none.
    """

    def __init__(
        self, padded: Mapping[str, Sequence[PaddedEpisodes]], filled: Mapping[str, Sequence[tuple[int, int]]]
    ) -> None:
        self.padded = dict(padded)
        self.filled = dict(filled)

    def dimensions(self, name: str, start: int, stop: int) -> Present | None:
        """Return which dimensions of a vector are real in the episodes ``start`` to ``stop``, (n, d); None is all."""
        if name not in self.padded:
            return None
        present = np.ones((stop - start, len(self.padded[name][0].mask)), np.bool_)
        for part in self.padded[name]:
            first, last = part.episodes
            present[max(first - start, 0) : max(last - start, 0)] = part.mask
        return present

    def pictures(self, camera: str, start: int, stop: int) -> Present:
        """Return in which of the episodes ``start`` to ``stop`` a camera has pictures of its own, (n,)."""
        present = np.ones(stop - start, np.bool_)
        for first, last in self.filled.get(camera, ()):
            present[max(first - start, 0) : max(last - start, 0)] = False
        return present

    def is_filled(self, camera: str, episode: int) -> bool:
        """Return whether the pictures of an episode are black because there were none."""
        return not self.pictures(camera, episode, episode + 1)[0]


def merge_notes(root: Path) -> Path:
    """Return where a merge writes down what it did."""
    return Workspace(root).sidecar / "merge.json"


def load_padding(root: Path, features: Mapping[str, Feature]) -> Padding:
    """Read what a merge has noted; a dataset without ``meta/lerotool/merge.json`` has no padding."""
    path = merge_notes(root)
    if not path.exists():
        return Padding({}, {})
    hint = "remove the file if another program has changed the dataset; padded joints then count as recorded ones"
    try:
        document = _Document.model_validate(read_object(path))
    except ValidationError as error:
        raise MetadataError(f"{path}: {problems(error)[0]}", hint=hint) from error
    for name, feature in document.padding.items():
        shape = features[name].shape if name in features else None
        if other := [len(part.mask) for part in feature.padded if shape != (len(part.mask),)]:
            found = f"has shape {list(shape)}" if shape else "is not a feature"
            raise MetadataError(f"{path}: a mask of {other[0]} dimensions for {name!r}, which {found}", hint=hint)
    padded = {name: feature.padded for name, feature in document.padding.items() if feature.padded}
    return Padding(padded, document.black_cameras)
