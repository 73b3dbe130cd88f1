"""The table of episodes as one value, and what is written of it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as of_numpy

from lerotool.dataset.episode_table import (
    Column,
    EpisodeRow,
    EpisodeTable,
    episodes_schema,
    fitted_schema,
    stats_columns,
    video_places,
)
from lerotool.dataset.numbering import FileNumber
from lerotool.dataset.writing.measures import image_stats, measured
from lerotool.errors import IncompatibleDatasetError
from lerotool.features import Feature, camera, with_defaults
from lerotool.media.encode import encode_png
from lerotool.moments import STATISTICS, numeric_stats
from tests.dataset.writing import FEATURES, FRONT


def test_an_episodes_table_has_the_first_ones_columns_and_no_more() -> None:
    features = with_defaults(FEATURES)
    own = episodes_schema(features, measured(features))
    first = pa.schema([f for f in own if "/q" not in f.name] + [pa.field("note", pa.string())])
    schema, without = fitted_schema(own, first, "x")
    assert schema.names == first.names[:-1]
    assert len(without) == 5 * len(measured(features))
    with pytest.raises(IncompatibleDatasetError, match=r"x: the columns \['length'\] are missing"):
        fitted_schema(own, pa.schema([f for f in own if f.name != "length"]), "x")


def test_times_in_videos_are_multiples_of_the_frame_time() -> None:
    features = {FRONT: camera(4, 4)}
    stats = {FRONT: image_stats(pa.chunked_array([[{"bytes": encode_png(np.zeros((4, 4, 3), np.uint8))}]]), (4, 4, 3))}
    row = EpisodeRow(3, 70, 7, ("b", "a"), FileNumber(1, 2), {FRONT: (FileNumber(0, 9), 14)}, stats)
    table = EpisodeTable.of([row], 30).arrow(episodes_schema(features, [FRONT]), FileNumber(0, 4))
    found = table.to_pylist()[0]
    assert (found[f"videos/{FRONT}/from_timestamp"], found[f"videos/{FRONT}/to_timestamp"]) == (14 / 30, 21 / 30)
    assert (found["dataset_from_index"], found["dataset_to_index"], found["tasks"]) == (70, 77, ["b", "a"])
    assert (found["data/chunk_index"], found["data/file_index"], found["meta/episodes/file_index"]) == (1, 2, 4)
    assert found[f"stats/{FRONT}/count"] == [1]


def row(index: int, first: int, values: npt.NDArray[np.float32]) -> EpisodeRow:
    stats = {"action": numeric_stats(values)}
    return EpisodeRow(index, first, len(values), ("pick",), FileNumber(0, 0), {}, stats)


def test_episodes_follow_each_other() -> None:
    rng = np.random.default_rng(0)
    parts = [rng.normal(size=(n, 2)).astype(np.float32) for n in (3, 5)]
    table = EpisodeTable.of([row(4, 100, parts[0]), row(5, 103, parts[1])], 30)
    schema = episodes_schema({"action": Feature("float32", (2,))}, ["action"])
    found = table.arrow(schema, FileNumber(1, 2)).to_pylist()
    assert [(r["episode_index"], r["dataset_from_index"], r["dataset_to_index"]) for r in found] == [
        (4, 100, 103),
        (5, 103, 108),
    ]
    assert [r["stats/action/mean"] for r in found] == [numeric_stats(part).mean.tolist() for part in parts]
    assert [r["stats/action/count"] for r in found] == [[3], [5]]


def test_lines_of_v21_leave_out_what_is_not_known() -> None:
    known = np.array([True, False])
    entry = {s: Column(np.arange(2.0).reshape(2, 1), known) for s in ("min", "max")}
    stats = {"action": {**entry, "count": Column(np.array([[3], [0]]), known)}}
    table = EpisodeTable(7, 0, np.array([3, 4]), [["a"], []], {}, stats, {"note": Column(pa.array([None, "x"]))})
    assert list(table.lines()) == [
        {"episode_index": 7, "tasks": ["a"], "length": 3},
        {"episode_index": 8, "tasks": [], "length": 4, "note": "x"},
    ]
    assert list(table.stats_lines()) == [
        {"episode_index": 7, "stats": {"action": {"min": [0.0], "max": [0.0], "count": [3]}}},
        {"episode_index": 8, "stats": {}},
    ]


@given(
    of_numpy.arrays(np.float64, of_numpy.array_shapes(min_dims=1, max_dims=4, min_side=1, max_side=4)),
    st.data(),
)
def test_a_column_of_numbers_is_the_column_of_its_lists(values: npt.NDArray[np.float64], data: st.DataObject) -> None:
    known = np.array(data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values))))
    column = Column(values, known)
    expected = [value if is_known else None for value, is_known in zip(values.tolist(), known, strict=True)]
    data_type: pa.DataType = pa.float64()
    for _ in range(values.ndim - 1):
        data_type = pa.list_(data_type)
    assert repr(column.array().to_pylist()) == repr(column.tolist()) == repr(expected)  # NaN equals NaN in text
    assert column.array().type == data_type
    assert column.array(data_type).equals(pa.array(expected, data_type)) or np.isnan(values).any()
    assert column.is_complete is bool(known.all())


def test_statistics_that_some_episodes_lack_are_null_there() -> None:
    columns = stats_columns([{"action": {"min": [1.0], "count": [2]}}, {}, {"action": {"min": [0.0], "q05": [0.5]}}])
    assert list(columns["action"]) == [s for s in (*STATISTICS, "q05") if s in {"min", "count", "q05"}]
    assert columns["action"]["min"].tolist() == [[1.0], None, [0.0]]
    assert columns["action"]["q05"].array().to_pylist() == [None, None, [0.5]]
    assert not columns["action"]["count"].is_complete


def test_columns_stand_in_lerobots_order() -> None:
    features = {"action": Feature("float32", (2,)), FRONT: camera(4, 4)}
    lengths = np.array([2])
    places = video_places(FRONT, [(FileNumber(0, 0), 0)], lengths, 30)
    table = EpisodeTable(0, 0, lengths, [["a"]], places, {})
    known = [name for name in episodes_schema(features, []).names if name in table.columns()]
    assert list(table.columns()) == known


def test_what_is_not_known_of_a_place_is_filled_from_elsewhere() -> None:
    places = video_places(FRONT, [(FileNumber(1, 2), 30), None], np.array([2, 3]), 30)
    name = f"videos/{FRONT}/file_index"
    assert places[name].tolist() == [2, None]
    assert places[name].filled([7, 8]).tolist() == [2, 8]
    assert places[f"videos/{FRONT}/to_timestamp"].array().to_pylist() == [32 / 30, None]
