"""Rows out of Parquet files that were never closed."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lerotool.dataset.info import load_info
from lerotool.dataset.reading.footerless import has_footer, read_footerless
from lerotool.dataset.reading.thrift import Reader, ThriftError, encode
from lerotool.dataset.writing.tables import data_schema
from lerotool.errors import CorruptDatasetError
from lerotool.features import Feature, with_defaults
from tests.shared import GOLDEN

FEATURES = with_defaults(
    {
        "done": Feature("bool", (1,)),
        "flags": Feature("bool", (3,)),
        "action": Feature("float32", (6,)),
        "grid": Feature("float64", (2, 3)),
        "note": Feature("string", (1,)),
        "picture": Feature("image", (4, 4, 3)),
    }
)


def table(rows: int, episode: int, seed: int = 0) -> pa.Table:
    rng = np.random.default_rng(seed)
    values = {
        "done": [bool(n % 2) for n in range(rows)],
        "flags": [[True, False, bool(n % 2)] for n in range(rows)],
        "action": rng.normal(size=(rows, 6)).astype(np.float32).tolist(),
        "grid": rng.normal(size=(rows, 2, 3)).tolist(),
        "note": [f"é{n % 3}" for n in range(rows)],
        "picture": [{"bytes": rng.bytes(20), "path": None} for _ in range(rows)],
        "timestamp": [n / 30 for n in range(rows)],
        "frame_index": list(range(rows)),
        "episode_index": [episode] * rows,
        "index": list(range(rows)),
        "task_index": [0] * rows,
    }
    return pa.Table.from_pydict(values, schema=data_schema(FEATURES))


def write_open(path: Path, lengths: list[int], **options: object) -> list[pa.Table]:
    """Write row groups as a recorder does, and leave the file without its footer."""
    tables = [table(rows, episode, episode) for episode, rows in enumerate(lengths)]
    with pq.ParquetWriter(path, tables[0].schema, **{"compression": "snappy", **options}) as writer:
        for group in tables:
            writer.write_table(group, row_group_size=group.num_rows)
    data = path.read_bytes()
    (footer,) = struct.unpack("<I", data[-8:-4])
    path.write_bytes(data[: -8 - footer])
    return tables


def plain(group: pa.Table) -> list[dict[str, object]]:
    return list(group.replace_schema_metadata(None).to_pylist())


@settings(max_examples=20)
@given(
    lengths=st.lists(st.integers(1, 60), min_size=1, max_size=4),
    codec=st.sampled_from(["snappy", "zstd", "none"]),
    pages=st.sampled_from(["1.0", "2.0"]),
    page_size=st.sampled_from([1024, 1 << 20]),
    dictionary=st.booleans(),
)
def test_all_rows_come_back_however_they_were_packed(
    tmp_path_factory: pytest.TempPathFactory,
    lengths: list[int],
    codec: str,
    pages: str,
    page_size: int,
    dictionary: bool,
) -> None:
    path = tmp_path_factory.mktemp("file") / "file-000.parquet"
    # Where there is no dictionary page, nothing but the number of its values tells where a column ends.
    tables = write_open(
        path,
        lengths,
        compression=codec,
        data_page_version=pages,
        data_page_size=page_size,
        write_batch_size=8,
        use_dictionary=dictionary,
    )
    found = read_footerless(path, FEATURES)
    assert [plain(group) for group in found.groups] == [plain(group) for group in tables]
    assert found.lost_bytes == 0
    assert found.groups[0].schema.equals(tables[0].schema)


@settings(max_examples=30)
@given(share=st.floats(0, 1))
def test_a_file_cut_anywhere_gives_its_first_episodes(tmp_path_factory: pytest.TempPathFactory, share: float) -> None:
    path = tmp_path_factory.mktemp("file") / "file-000.parquet"
    tables = write_open(path, [5, 9, 2])
    data = path.read_bytes()
    path.write_bytes(data[: 4 + int(share * (len(data) - 4))])
    found = read_footerless(path, FEATURES)
    assert len(found.groups) <= 3
    assert [plain(group) for group in found.groups] == [plain(group) for group in tables[: len(found.groups)]]
    assert found.lost_bytes <= path.stat().st_size - 4


@settings(max_examples=60)
@given(place=st.floats(0, 1, exclude_max=True), value=st.integers(0, 255))
def test_damage_never_leads_to_anything_but_rows_or_our_errors(
    tmp_path_factory: pytest.TempPathFactory, place: float, value: int
) -> None:
    path = tmp_path_factory.mktemp("file") / "file-000.parquet"
    write_open(path, [5, 9])
    data = bytearray(path.read_bytes())
    data[int(place * len(data))] = value
    path.write_bytes(data)
    try:
        found = read_footerless(path, FEATURES)
    except CorruptDatasetError:
        return
    assert len(found.groups) <= 2


def test_a_tail_of_zeros_after_a_power_cut_is_lost_alone(tmp_path: Path) -> None:
    path = tmp_path / "file-000.parquet"
    tables = write_open(path, [5, 9])
    end = path.stat().st_size
    path.write_bytes(path.read_bytes() + bytes(3000))
    found = read_footerless(path, FEATURES)
    assert [plain(group) for group in found.groups] == [plain(group) for group in tables]
    assert found.lost_bytes == path.stat().st_size - end


def test_a_file_of_another_kind_is_named(tmp_path: Path) -> None:
    path = tmp_path / "file-000.parquet"
    path.write_bytes(b"no parquet at all")
    with pytest.raises(CorruptDatasetError, match=r"file-000.parquet: expected a parquet file, found b'no p'"):
        read_footerless(path, FEATURES)


def test_whether_a_file_was_closed_is_seen_at_its_end(tmp_path: Path) -> None:
    path = tmp_path / "file-000.parquet"
    pq.write_table(table(3, 0), path)
    assert has_footer(path)
    path.write_bytes(path.read_bytes()[:-1])
    assert not has_footer(path)
    path.write_bytes(b"PAR1")
    assert not has_footer(path)


@pytest.mark.parametrize("name", ["v30_lerobot061_crashed", "v30_lerobot061_batch_crashed"])
def test_what_a_killed_lerobot_has_left_is_read_whole(name: str) -> None:
    expected = json.loads((GOLDEN / f"{name}.expected.json").read_text())
    info = load_info(GOLDEN / name)
    found = read_footerless(GOLDEN / name / "data/chunk-000/file-000.parquet", info.features)
    rows = pa.concat_tables(found.groups).to_pylist()
    assert [group.num_rows for group in found.groups] == [episode["length"] for episode in expected["episodes"]]
    numbers = [[row[name] for name in ("index", "episode_index", "frame_index", "task_index")] for row in rows]
    assert numbers == [frame[:4] for frame in expected["frames"]]
    for frame in expected["values"]:
        assert rows[frame["index"]]["action"] == frame["action"]
        assert rows[frame["index"]]["observation.state"] == frame["observation.state"]


_VALUES = st.recursive(
    st.one_of(
        st.sampled_from([(1, True), (2, False)]),
        st.tuples(st.just(3), st.integers(0, 255)),
        st.tuples(st.just(6), st.integers(-(2**62), 2**62)),
        st.tuples(st.just(8), st.binary(max_size=20)),
        st.tuples(st.just(9), st.tuples(st.just(5), st.lists(st.integers(-9, 9), max_size=20))),
    ),
    lambda inner: st.tuples(
        st.just(12),
        st.dictionaries(st.integers(1, 60), inner, max_size=4).map(
            lambda fields: [(number, *fields[number]) for number in sorted(fields)]
        ),
    ),
    max_leaves=10,
)


@given(fields=st.dictionaries(st.integers(1, 200), _VALUES, max_size=6))
def test_thrift_is_read_as_it_was_written(fields: dict[int, tuple[int, object]]) -> None:
    written = [(number, *fields[number]) for number in sorted(fields)]
    data = encode(written)
    reader = Reader(b"xx" + data, 2)
    assert reader.struct() == written
    assert reader.offset == len(data) + 2


@given(st.binary(max_size=60))
def test_bytes_that_are_no_thrift_are_refused(data: bytes) -> None:
    try:
        Reader(data).struct()
    except ThriftError:
        return
    assert b"\0" in data
