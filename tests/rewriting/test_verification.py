"""A dataset that is built as a whole appears only if its files are what its tables say."""

from __future__ import annotations

import gc
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import lerotool
from lerotool.dataset.dataset import Dataset
from lerotool.errors import CorruptDatasetError
from lerotool.rewriting.build import DatasetBuild
from lerotool.rewriting.verification import verify_rows
from tests.dataset import edits
from tests.dataset.reading import DATA, EPISODES, SMALL_FILES_SET, edit_table
from tests.dataset.writing import FRONT, WRIST
from tests.merging.sets import make, make_with_cameras
from tests.shared import GOLDEN

VIDEO = Path("videos", FRONT, "chunk-000", "file-000.mp4")
SECOND_V21 = "data/chunk-000/episode_000001.parquet"
Change = Callable[[Path], object]


def build(source: Path, target: Path, change: Change) -> None:
    """Build a dataset like another one, with a change that its tables do not know of."""
    with DatasetBuild(target) as built:
        shutil.copytree(source, built.root, dirs_exist_ok=True)
        change(built.root)
        built.finish()


def shifted(name: str, by: int, **options: object) -> Change:
    def change(table: pa.Table) -> pa.Table:
        return edits.column(table, name, pa.array(np.array(table[name]) + by))

    return edits.data(change, **options)


def short_video(root: Path) -> None:
    """Put the video of a shorter dataset there."""
    other = make_with_cameras(root.parent / "short", (2, 2), seed=5)
    shutil.copyfile(other / VIDEO, root / VIDEO)


def cut_video(root: Path) -> None:
    data = (root / VIDEO).read_bytes()
    (root / VIDEO).write_bytes(data[:-30])


def late_span(root: Path) -> None:
    """Say that the pictures of the second episode begin 1 ms later than they do."""
    name = f"videos/{FRONT}/from_timestamp"

    def change(table: pa.Table) -> pa.Table:
        return edits.column(table, name, pa.array(np.add(table[name], [0, 0.001])))

    edit_table(root / EPISODES, change)


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (shifted("index", 1), r"file-000\.parquet, row group 0: expected index 0 to \d .* found 1 to"),
        (shifted("episode_index", 1), r"file-000\.parquet, row group 0: expected episode_index 0 to \d .* found 1"),
        (shifted("index", 1, write_statistics=False), "row group 0: expected index 0"),
        (edits.data(lambda table: table.slice(0, 6)), r"file-000\.parquet: expected 7 rows .* found 6"),
        (edits.data(edits.without("episode_index")), "column 'episode_index' is missing"),
        (lambda root: (root / DATA).unlink(), r"file-000\.parquet: the file is missing"),
        (lambda root: (root / VIDEO).unlink(), r"file-000\.mp4: the video is missing"),
        (short_video, r"file-000\.mp4: expected a picture at 0\.\d+ s .* of its 4 pictures is at 0\.\d+ s"),
        (cut_video, "has been cut"),
        (late_span, r"expected a picture at 0\.\d01000 s .* is at 0\.\d00000 s"),
    ],
)
def test_files_that_contradict_the_tables_never_appear(tmp_path: Path, change: Change, complaint: str) -> None:
    source = make_with_cameras(tmp_path / "source", (3, 4))
    with pytest.raises(CorruptDatasetError, match=complaint) as caught:
        build(source, tmp_path / "target", change)
    assert ".building-" not in str(caught.value)
    assert not (tmp_path / "target").exists()
    assert not list(tmp_path.glob(".target*"))


def test_rows_of_another_episode_are_found_in_files_of_one_episode_each(tmp_path: Path) -> None:
    lerotool.merge([make(tmp_path / "origin", (3, 3))], tmp_path / "source", to="v2.1")

    def exchange(root: Path) -> None:
        shutil.copyfile(root / SECOND_V21.replace("01.", "00."), root / SECOND_V21)

    with pytest.raises(CorruptDatasetError, match=r"episode_000001\.parquet, row group 0: expected index 3 to 5"):
        build(tmp_path / "source", tmp_path / "target", exchange)


def test_a_sound_dataset_appears_whatever_its_row_groups(tmp_path: Path) -> None:
    source = make_with_cameras(tmp_path / "source", (3, 4, 5))
    for size in (1, 5, 100):
        target = tmp_path / f"target{size}"
        build(source, target, edits.data(lambda table: table, row_group_size=size))
        assert len(list(Dataset.open(target).frames(2, WRIST))) == 5


def test_footers_are_let_go_as_soon_as_they_are_compared() -> None:
    dataset = Dataset.open(GOLDEN / SMALL_FILES_SET)
    gc.collect()
    gc.disable()
    try:
        of_others = _footers()
        verify_rows(dataset)
        assert [kept for kept in _footers() if not any(kept is other for other in of_others)] == []
    finally:
        gc.enable()


def _footers() -> list[pq.FileMetaData]:
    return [found for found in gc.get_objects() if isinstance(found, pq.FileMetaData)]
