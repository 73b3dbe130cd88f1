"""Rows: what goes in comes out, and what does not fit is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as nps

from lerotool.arrow_types import arrow_field
from lerotool.errors import IncompatibleDatasetError, SpoolError
from lerotool.features import ACTION, NUMERIC_DTYPES, STATE, Feature
from lerotool.spool.log import frame
from lerotool.spool.rows import ROWS, RowEncoder, count_rows, read_rows
from tests.spool.episodes import FRONT, arm_features

PNG = b"\x89PNG\r\n\x1a\n made up"
TEXTS = st.text(max_size=20)
TIMES = (1, 2, 3, 2**64 - 1, 2**63)


@st.composite
def features_and_rows(draw: st.DrawFn) -> tuple[dict[str, Feature], list[dict[str, Any]]]:
    """Draw features of every dtype and shape, and rows of them."""
    numbers = st.builds(
        Feature, st.sampled_from(sorted(NUMERIC_DTYPES)), nps.array_shapes(min_dims=1, max_dims=5, max_side=3)
    )
    texts = st.sampled_from([Feature("string", (1,)), Feature("string", (2,)), Feature("string", (2, 2))])
    image = st.just(Feature("image", (4, 4, 3)))
    features = draw(st.dictionaries(st.sampled_from("abcdefg"), st.one_of(numbers, texts, image), min_size=1))
    rows = draw(st.lists(st.fixed_dictionaries({n: value_of(f) for n, f in features.items()}), min_size=1, max_size=5))
    return features, rows


def value_of(feature: Feature) -> st.SearchStrategy[Any]:
    """Return values of a feature."""
    if feature.dtype == "image":
        return st.binary(max_size=10).map(lambda data: PNG + data)
    if feature.dtype == "string":
        return TEXTS if feature.is_scalar else nps.arrays(object, feature.shape, elements=TEXTS)
    return nps.arrays(np.dtype(feature.dtype), feature.shape)


def store(folder: Path, features: dict[str, Feature], rows: list[dict[str, Any]]) -> None:
    encoder = RowEncoder(features, [])
    payloads = [encoder.encode(row, f"task {number}", TIMES, {})[0] for number, row in enumerate(rows)]
    (folder / ROWS).write_bytes(b"".join(map(frame, payloads)))


def plain(feature: Feature, value: Any) -> Any:
    """Return what Arrow should give for a value."""
    if feature.dtype == "image":
        return {"bytes": value, "path": None}
    return np.asarray(value).tolist()[0] if feature.is_scalar and not isinstance(value, str) else value


@settings(max_examples=60)
@given(features_and_rows())
def test_rows_come_back_as_they_were(
    tmp_path_factory: pytest.TempPathFactory, drawn: tuple[dict[str, Feature], list[dict[str, Any]]]
) -> None:
    """Property: over features of every dtype and shape, each column holds exactly the values."""
    features, rows = drawn
    folder = tmp_path_factory.mktemp("rows")
    store(folder, features, rows)
    assert count_rows(folder) == len(rows)
    table = read_rows(folder, features, [], len(rows))
    table.validate(full=True)
    assert table["task"].to_pylist() == [f"task {number}" for number in range(len(rows))]
    assert table["stale"].to_pylist() == [2**64 - 1] * len(rows)
    assert table["stale_action"].to_pylist() == [2**63] * len(rows)
    for name, feature in features.items():
        assert table.schema.field(name).equals(arrow_field(name, feature), check_metadata=True)
        assert table[name].num_chunks == 1
        assert table[name].null_count == 0
        for row, found in zip(rows, table[name].to_pylist(), strict=True):
            expected = plain(feature, row[name])
            if feature.dtype in ("image", "string"):
                # Not by numpy, whose texts lose zeros at their end.
                assert found == (expected.tolist() if isinstance(expected, np.ndarray) else expected)
            else:
                dtype = np.dtype(feature.dtype)
                np.testing.assert_array_equal(np.array(found, dtype), np.array(expected, dtype))


def test_a_long_episode_is_one_chunk(tmp_path: Path) -> None:
    features = {"x": Feature("int64", (1,))}
    store(tmp_path, features, [{"x": number} for number in range(2500)])
    table = read_rows(tmp_path, features, [], 2500)
    assert table["x"].to_pylist() == list(range(2500))
    assert {column.num_chunks for column in table.columns} == {1}


@pytest.mark.parametrize(
    ("dtype", "shape", "value"),
    [
        ("float32", (1,), 1.5),
        ("float32", (1,), 2),
        ("float64", (1,), np.float64(1)),
        ("int8", (1,), -128),
        ("bool", (1,), True),
        ("bool", (1,), np.bool_(True)),
        ("int64", (1,), np.array([3])),
        ("int64", (1,), np.array(3)),
        ("string", (1,), ["text"]),
        ("string", (1,), np.array(["text"])),
        ("image", (2, 2, 3), {"bytes": PNG, "path": "frame-000000.png"}),
        ("float32", (2, 2), np.asfortranarray(np.array([[1, 2], [3, 4]], np.float32))),
        ("float32", (3,), np.arange(6, dtype=np.float32)[::2]),
    ],
)
def test_values_that_fit_are_taken(tmp_path: Path, dtype: str, shape: tuple[int, ...], value: object) -> None:
    feature = Feature(dtype, shape)
    store(tmp_path, {"x": feature}, [{"x": value}])
    found = read_rows(tmp_path, {"x": feature}, [], 1)["x"].to_pylist()[0]
    if isinstance(value, dict):
        assert found == value
    else:
        assert np.array_equal(np.ravel(found), np.ravel(np.asarray(value)))


@pytest.mark.parametrize(
    ("dtype", "shape", "value", "found"),
    [
        ("float32", (2,), np.zeros(2), r"float32 \(2,\), found float64 \(2,\)"),
        ("float32", (2,), np.zeros(3, np.float32), r"found float32 \(3,\)"),
        ("float32", (2,), np.zeros((2, 1), np.float32), r"found float32 \(2, 1\)"),
        ("float32", (2,), np.zeros(2, ">f4"), "found >f4"),
        ("float32", (2,), [0.0, 0.0], "found list"),
        ("float32", (2,), None, "found NoneType"),
        ("float32", (1,), "1", "found str"),
        ("float32", (1,), True, "found bool"),
        ("float32", (1,), 1e39, "found 1e\\+39"),
        ("float32", (1,), np.float64(1), "found float64"),
        ("int64", (1,), 1.0, "found float"),
        ("int8", (1,), 128, "found 128"),
        ("uint8", (1,), -1, "found -1"),
        ("bool", (1,), 1, "found int"),
        ("string", (1,), b"x", "found bytes"),
        ("string", (1,), "\udc80", "not Unicode"),
        ("string", (2,), ["a"], r"string \(2,\), found str \(1,\)"),
        ("string", (2,), ["a", 1], r"found int, str \(2,\)"),
        ("string", (2,), ["a", "\udc80"], "not Unicode"),
        ("image", (2, 2, 3), np.zeros((2, 2, 3), np.uint8), "found ndarray"),
        ("image", (2, 2, 3), b"GIF89a", "found 6 bytes that begin with b'GIF8'"),
        ("image", (2, 2, 3), {"path": "x.png"}, "found NoneType"),
    ],
)
def test_values_that_do_not_fit_are_refused(dtype: str, shape: tuple[int, ...], value: object, found: str) -> None:
    encoder = RowEncoder({"x": Feature(dtype, shape)}, [])
    with pytest.raises(IncompatibleDatasetError, match=f"feature 'x': expected .*{found}"):
        encoder.encode({"x": value}, "", TIMES, {})


def test_all_problems_of_a_row_are_told_at_once() -> None:
    encoder = RowEncoder(arm_features(), [FRONT])
    with pytest.raises(IncompatibleDatasetError) as caught:
        encoder.encode({ACTION: np.zeros(9, np.float32), "speed": 1.0}, "", TIMES, {"other": 0})
    for part in (f"{STATE!r} is missing", "'speed' is not one", f"{FRONT!r} is missing", "'other' is not", "(9,)"):
        assert part in str(caught.value)


@pytest.mark.parametrize(("task", "found"), [(None, "NoneType"), ("\ud800", "not Unicode"), (b"x", "bytes")])
def test_a_task_is_a_text(task: object, found: str) -> None:
    with pytest.raises(IncompatibleDatasetError, match=f"task: .*{found}"):
        RowEncoder({}, []).encode({}, task, TIMES, {})  # type: ignore[arg-type]


@pytest.mark.parametrize("times", [(2**63, 0, 0, 0, 0), (0, 0, 0, -1, 0), (1.5, 0, 0, 0, 0)])
def test_times_are_whole_numbers_of_64_bits(times: tuple[int, ...]) -> None:
    with pytest.raises(IncompatibleDatasetError, match="times, stale"):
        RowEncoder({}, []).encode({}, "", times, {})


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_written_and_told(value: float) -> None:
    features = {"x": Feature("float32", (2,)), "y": Feature("float64", (1,)), "z": Feature("int8", (1,))}
    encoder = RowEncoder(features, [])
    _, not_finite = encoder.encode({"x": np.array([0, value], np.float32), "y": 1.0, "z": 1}, "", TIMES, {})
    assert not_finite == ["x"]


def test_fewer_rows_than_counted_are_told(tmp_path: Path) -> None:
    store(tmp_path, {"x": Feature("int8", (1,))}, [{"x": 1}])
    with pytest.raises(SpoolError, match="expected 2 complete rows, found 1"):
        read_rows(tmp_path, {"x": Feature("int8", (1,))}, [], 2)


@pytest.mark.parametrize(
    "other",
    [
        {"x": Feature("float32", (300,))},
        {"x": Feature("string", (1,))},
        {},
        {"x": Feature("int8", (1,)), "y": Feature("int64", (9,))},
    ],
)
def test_rows_of_another_header_are_told(tmp_path: Path, other: dict[str, Feature]) -> None:
    """The check sums are right, so only the contents can tell."""
    store(tmp_path, {"x": Feature("int8", (1,))}, [{"x": 1}])
    with pytest.raises(SpoolError, match="does not fit the header"):
        read_rows(tmp_path, other, [], 1)


@given(st.binary(min_size=1, max_size=300))
def test_records_that_are_no_rows_are_told(tmp_path_factory: pytest.TempPathFactory, payload: bytes) -> None:
    folder = tmp_path_factory.mktemp("rows")
    (folder / ROWS).write_bytes(frame(payload))
    with pytest.raises(SpoolError, match="does not fit the header"):
        read_rows(folder, {"x": Feature("int8", (1,))}, [], 1)
