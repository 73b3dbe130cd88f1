"""Footers of data files, which are large where there are many row groups, are let go as soon as they can be."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pyarrow.parquet as pq
import pytest

import lerotool
from lerotool.dataset.dataset import Dataset
from lerotool.dataset.reading import rows
from tests.dataset.reading import IMAGE_SET, SMALL_FILES_SET
from tests.shared import GOLDEN


@pytest.fixture
def of_others() -> Iterator[list[pq.FileMetaData]]:
    """Footers that there are already; nothing collects garbage meanwhile."""
    gc.collect()
    gc.disable()
    yield footers()
    gc.enable()


def footers() -> list[pq.FileMetaData]:
    return [found for found in gc.get_objects() if isinstance(found, pq.FileMetaData)]


def added(of_others: list[pq.FileMetaData]) -> list[pq.FileMetaData]:
    return [found for found in footers() if not any(found is other for other in of_others)]


@pytest.mark.parametrize(("most", "kept"), [(1, 1), (9000, 2), (1 << 20, 3)])
def test_a_dataset_keeps_the_last_footers_up_to_so_many_bytes(
    monkeypatch: pytest.MonkeyPatch, of_others: list[pq.FileMetaData], most: int, kept: int
) -> None:
    monkeypatch.setattr(rows, "_FOOTERS_BYTES", most)
    dataset = Dataset.open(GOLDEN / SMALL_FILES_SET)
    sizes = [pq.read_metadata(dataset.data_files.path(number)).serialized_size for number in range(3)]
    dataset.rows()
    assert sorted(found.serialized_size for found in added(of_others)) == sorted(sizes[-kept:])


def test_no_footer_outlives_a_check(of_others: list[pq.FileMetaData]) -> None:
    assert lerotool.check(GOLDEN / IMAGE_SET).is_sound
    assert added(of_others) == []
