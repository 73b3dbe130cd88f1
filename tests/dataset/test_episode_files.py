"""Episode tables of v3.0: few episodes share a row group, and files keep to their size."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lerotool.dataset.episode_table import EpisodeRow, EpisodeTable
from lerotool.dataset.formats import FormatVersion, Sizes
from lerotool.dataset.numbering import FileNumber


def table(first: int, count: int) -> EpisodeTable:
    numbers = range(first, first + count)
    rows = [EpisodeRow(number, number * 5, 5, ("pick",), FileNumber(0, 0), {}, {}) for number in numbers]
    return EpisodeTable.of(rows, 30)


def written(root: Path, counts: list[int], sizes: Sizes) -> list[pq.ParquetFile]:
    first = 0
    with FormatVersion.V30.write_episodes(root, sizes) as writer:
        for count in counts:
            writer.add(table(first, count))
            first += count
    return [pq.ParquetFile(path) for path in sorted((root / "meta/episodes").rglob("*.parquet"))]


def test_few_episodes_share_a_row_group(tmp_path: Path) -> None:
    (file,) = written(tmp_path, [100] * 25, Sizes())

    groups = [file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)]
    assert groups == [1000, 1000, 500]
    assert file.read()["episode_index"].to_pylist() == list(range(2500))


def test_a_file_that_is_full_is_followed_by_another(tmp_path: Path) -> None:
    files = written(tmp_path, [10] * 5, Sizes(data_files_size_in_mb=0))

    assert [file.metadata.num_rows for file in files] == [10] * 5
    tables = [file.read() for file in files]
    assert pa.concat_tables(tables)["episode_index"].to_pylist() == list(range(50))
    assert [found["meta/episodes/file_index"][0].as_py() for found in tables] == list(range(5))


def fail_while_writing(root: Path) -> None:
    with FormatVersion.V30.write_episodes(root, Sizes()) as own:
        own.add(table(0, 3))
        raise RuntimeError("of the caller")


def test_what_waits_is_dropped_after_an_error(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="of the caller"):
        fail_while_writing(tmp_path)

    (path,) = (tmp_path / "meta/episodes").rglob("*.parquet")
    assert pq.ParquetFile(path).metadata.num_rows == 0
