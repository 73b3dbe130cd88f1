"""A repair moves nothing away that may be the only copy, and nothing is forgotten that is nowhere else."""

from __future__ import annotations

import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from lerotool.checking import Code, check
from lerotool.dataset.dataset import Dataset
from lerotool.errors import CorruptDatasetError
from lerotool.mending.forgetting import forget
from lerotool.mending.repair import plan_repair, repair
from tests.checking.defects import DEFECTS
from tests.checking.defects.defect import OLD_DATA
from tests.checking.defects.edits import remove
from tests.dataset.edits import column, episodes, info
from tests.dataset.reading import DATA, OLD_SET, VIDEO_SET, copy_set, edit_table, tree_hash


def old_data(number: int) -> str:
    return f"data/chunk-000/episode_{number:06d}.parquet"


@pytest.mark.parametrize("template", ["data/{episode_index:06d}.parquet", "data\\chunk-{episode_chunk:03d}\\x.parquet"])
def test_rows_are_not_strays_where_data_path_fits_no_file(tmp_path: Path, template: str) -> None:
    root = copy_set(OLD_SET, tmp_path)
    info(data_path=template)(root)
    rows = {path: path.read_bytes() for path in sorted((root / "data").rglob("*.parquet"))}

    done = repair(root)

    assert [finding.code for finding in done.plan.before.findings] == [Code.TEMPLATE_WRONG]
    assert {path: path.read_bytes() for path in sorted((root / "data").rglob("*.parquet"))} == rows
    assert done.after.is_sound
    assert Dataset.open(root).num_frames == 62


def test_a_stray_file_with_the_missing_rows_is_never_moved_away(tmp_path: Path) -> None:
    root = copy_set(OLD_SET, tmp_path)
    (root / "data/elsewhere").mkdir()
    (root / OLD_DATA).rename(root / "data/elsewhere/rows.parquet")

    found = {finding.code: finding for finding in check(root).findings}
    assert found.keys() == {Code.DATA_MISSING, Code.TEMPLATE_WRONG}
    assert "the rows of episode 1, which data_path expects in data/chunk-000/episode_000001.parquet" in (
        found[Code.TEMPLATE_WRONG].text
    )
    done = repair(root)

    assert done.after.is_sound, done.after.findings
    assert (root / OLD_DATA).is_file()
    assert not (root / "data/elsewhere/rows.parquet").exists()


def test_nothing_is_moved_away_while_rows_are_missing(tmp_path: Path) -> None:
    root = copy_set(OLD_SET, tmp_path)
    shutil.copyfile(root / old_data(2), root / "data/chunk-000/copy.parquet")
    (root / OLD_DATA).unlink()
    before = tree_hash(root)

    done = repair(root)

    assert not done.plan.steps
    assert [why for finding, why in done.plan.left if finding.code is Code.DATA_STRAY] == [
        "it is not moved away before these are mended: data-missing"
    ]
    assert tree_hash(root) == before


def test_rows_that_the_table_lacks_are_rows_of_the_dataset(tmp_path: Path) -> None:
    """In a file that no episode names they are no stray."""
    root = copy_set(VIDEO_SET, tmp_path)
    table = pq.ParquetFile(root / DATA).read()
    pq.write_table(table.slice(0, 44), root / DATA)
    pq.write_table(table.slice(44), root / DATA.replace("file-000", "file-001"))
    episodes(lambda t: t.slice(0, 3))(root)
    info(total_episodes=3, total_frames=44, splits={"train": "0:3"})(root)

    assert Code.DATA_STRAY not in check(root).codes
    done = repair(root)

    assert done.after.is_sound, done.after.findings
    assert Dataset.open(root).num_frames == 62


def test_nothing_is_forgotten_while_errors_are_left(tmp_path: Path) -> None:
    root = DEFECTS["index gap"].make(tmp_path)
    done = repair(root)
    assert done.kept is not None
    remove("meta/tasks.parquet")(root)

    with pytest.raises(CorruptDatasetError, match="nothing was removed"):
        forget(root)
    assert done.kept.is_dir()


def test_rows_and_pictures_that_are_nowhere_else_are_not_forgotten(tmp_path: Path) -> None:
    root = DEFECTS["video cut"].make(tmp_path)
    done = repair(root, drops=True)
    assert done.kept is not None
    assert done.after.is_sound
    assert done.lost

    found = forget(root)

    assert [path.name for path in found.only_here] == ["file-000.parquet.kept", "file-000.mp4.kept"]
    assert all(path.is_file() for path in found.only_here)
    assert found.size > 0


def test_a_file_beside_the_data_with_other_rows_is_kept_for_good(tmp_path: Path) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    stray = root / "data/chunk-000/file-000 copy.parquet"
    shutil.copyfile(root / DATA, stray)
    edit_table(stray, lambda t: column(t, "action", [[1.0] * 6] * 62))

    done = repair(root)
    assert done.after.is_sound
    assert not stray.exists()

    assert [path.name for path in forget(root).only_here] == [f"{stray.name}.kept"]


@pytest.mark.parametrize("count", [5])
def test_what_is_shown_as_one_is_repaired_in_one_run(tmp_path: Path, count: int) -> None:
    root = copy_set(OLD_SET, tmp_path)
    for number in range(count):
        shutil.copyfile(root / OLD_DATA, root / f"data/chunk-000/copy_{number}.parquet")
    assert len(check(root).findings) == 1

    done = repair(root)

    assert not done.after.findings
    assert len(done.plan.steps) == count
    assert not plan_repair(root).steps


def test_a_stray_is_moved_away_in_the_run_that_mends_what_it_might_have_been(tmp_path: Path) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    (root / "data/chunk-000/._file-000.parquet").write_bytes(b"junk")
    episodes(lambda t: t.slice(0, 3))(root)
    assert {f.code for f, _ in plan_repair(root).left} == {Code.DATA_STRAY}

    done = repair(root)

    assert done.after.is_sound, done.after.findings
    assert not done.plan.left


def test_the_repair_of_something_else_does_not_hide_that_rows_are_lost(tmp_path: Path) -> None:
    root = DEFECTS["rows of the last episode missing"].make(tmp_path)
    DEFECTS["a byte order mark"].change(root)

    repair(root)

    assert Code.ROW_COUNT in check(root).codes
    assert Dataset.open(root).episodes[3].length == 18
