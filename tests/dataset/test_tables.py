"""Tables, numbers and statistics on their way into files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from lerotool.dataset.numbering import FileNumber, numbers_after
from lerotool.dataset.sidecar import joined_timing, recording_lines, timing_table
from lerotool.dataset.tasks import rewrite_task_table
from lerotool.dataset.writing.measures import image_stats, merged
from lerotool.dataset.writing.tables import column_problems, column_values, data_schema, data_table, default_columns
from lerotool.errors import IncompatibleDatasetError, MediaError
from lerotool.features import Feature, picture_size, with_defaults
from lerotool.media.encode import encode_png
from lerotool.moments import numeric_stats
from tests.dataset.writing import FEATURES, FRONT, STATE_ONLY, rows


def test_numbers_go_on_after_the_last_and_never_past_999() -> None:
    assert numbers_after(None, 3, 2) == [FileNumber(0, 0), FileNumber(0, 1), FileNumber(1, 0)]
    assert numbers_after(FileNumber(3, 998), 2, 5000) == [FileNumber(3, 999), FileNumber(4, 0)]
    with pytest.raises(IncompatibleDatasetError, match="no file number after chunk 999, file 999"):
        numbers_after(FileNumber(999, 999), 1, 1000)


def test_default_columns_are_positions_times_and_tasks() -> None:
    columns = default_columns(3, 30, 7, 100, [2, 2, 0])
    assert columns["timestamp"].tolist() == [0.0, 1 / 30, 2 / 30]
    assert columns["index"].tolist() == [100, 101, 102]
    assert columns["task_index"].tolist() == [2, 2, 0]
    schema = data_schema(with_defaults(STATE_ONLY))
    table = data_table(rows(STATE_ONLY, ["a"] * 3, 1), schema, columns)
    assert table.schema.field("timestamp").type == pa.float32()
    assert table["timestamp"].to_numpy().tolist() == (np.arange(3) / 30).astype(np.float32).tolist()
    assert table.column_names == [*STATE_ONLY, *columns]


def test_the_schema_names_every_feature_for_datasets() -> None:
    features = with_defaults({**FEATURES, "grid": Feature("float32", (2, 3))})
    entries = json.loads(data_schema(features).metadata[b"huggingface"])["info"]["features"]
    assert entries["grid"] == {"shape": [2, 3], "dtype": "float32", "_type": "Array2D"}
    assert entries["action"]["_type"] == "List"
    assert FRONT not in entries


def test_language_columns_of_new_episodes_are_empty_lists_of_the_type_in_use() -> None:
    kind = pa.list_(pa.struct([("role", pa.string())]))
    features = with_defaults({"action": Feature("float32", (2,)), "said": Feature("language", (1,))})
    schema = data_schema(features, {"said": kind})
    table = data_table(rows(features, ["a"] * 2, 1), schema, default_columns(2, 10, 0, 0, [0, 0]))
    assert table["said"].to_pylist() == [[], []]
    assert table["said"].type == kind
    assert b"huggingface" not in (schema.metadata or {})


@pytest.mark.parametrize("kind", [pa.list_(pa.float32()), pa.list_(pa.float32(), 2), pa.large_list(pa.float32())])
def test_any_kind_of_list_is_a_vector(kind: pa.DataType) -> None:
    table = pa.table({"v": pa.array([[1.0, 2.0], [3.0, 4.0]], kind)})
    feature = Feature("float32", (2,))
    assert column_problems(table, "v", feature) == []
    assert column_values(table["v"].slice(1), feature).tolist() == [[3.0, 4.0]]


def test_ragged_lists_are_no_matrix() -> None:
    kind = pa.list_(pa.list_(pa.float32()))
    ragged = pa.table({"v": pa.array([[[1.0, 2.0], [3.0]], [[1.0], [2.0, 3.0]]], kind)})
    assert "lists of other lengths than 2" in column_problems(ragged, "v", Feature("float32", (2, 2)))[0]
    hollow = pa.table({"v": pa.array([[[1.0, 2.0], None]], kind)})
    assert "nulls" in column_problems(hollow, "v", Feature("float32", (2, 2)))[0]


def test_tasks_are_written_with_the_text_as_index(tmp_path: Path) -> None:
    path = tmp_path / "tasks.parquet"
    rewrite_task_table(path, tmp_path / "none", ["b", "", "é"])
    frame = pd.read_parquet(path)
    assert frame.index.tolist() == ["b", "", "é"]
    assert frame["task_index"].tolist() == [0, 1, 2]
    assert frame["task_index"].dtype == np.int64


def test_statistics_of_pictures_are_of_their_pixels() -> None:
    rng = np.random.default_rng(1)
    pixels = rng.integers(0, 255, (5, 6, 8, 3), dtype=np.uint8)
    column = pa.chunked_array([[{"bytes": encode_png(picture), "path": None} for picture in pixels]])
    stats = image_stats(column, (6, 8, 3))
    assert np.allclose(stats.mean.ravel(), pixels.reshape(-1, 3).mean(0) / 255)
    assert stats.mean.shape == (3, 1, 1)
    assert stats.count == 5
    with pytest.raises(IncompatibleDatasetError, match="expected"):
        image_stats(column, (8, 6, 3))
    with pytest.raises(MediaError):
        image_stats(pa.chunked_array([[{"bytes": b"no picture", "path": None}]]), (8, 6, 3))


def test_picture_sizes_are_told_by_the_names() -> None:
    assert picture_size(Feature("video", (48, 64, 3), ["height", "width", "channels"])) == (48, 64, 3)
    assert picture_size(Feature("video", (3, 48, 64), ["channels", "height", "width"])) == (48, 64, 3)
    assert picture_size(Feature("video", (48, 64, 3))) == (48, 64, 3)


def test_merged_statistics_are_those_of_all_values() -> None:
    parts = [np.arange(5.0), np.arange(7.0) + 3, np.arange(2.0)]
    old = {"x": numeric_stats(parts[0])}
    total = merged(old, [{"x": numeric_stats(p), "y": numeric_stats(p)} for p in parts[1:]])
    assert np.isclose(total["x"].mean[0], np.concatenate(parts).mean())
    assert total["x"].count == 14
    assert total["y"].count == 9


def test_measured_times_follow_the_rows() -> None:
    times = pa.table({"frame_index": pa.array([9, 9]), "tick_ns": pa.array([5, 6])})
    table = joined_timing([timing_table(0, 1, None), timing_table(1, 2, times)])
    assert table is not None
    assert table.to_pylist() == [
        {"episode_index": 0, "frame_index": 0, "tick_ns": None},
        {"episode_index": 1, "frame_index": 0, "tick_ns": 5},
        {"episode_index": 1, "frame_index": 1, "tick_ns": 6},
    ]
    assert joined_timing([timing_table(0, 1, None)]) is None
    assert recording_lines(4, [None, None]) is None
    assert recording_lines(4, [None, {"recording_id": "é"}]) == (
        '{"episode_index": 4}\n{"episode_index": 5, "recording_id": "é"}\n'.encode()
    )
