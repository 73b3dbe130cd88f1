"""Repairs are one step: interrupted anywhere it is the old dataset or the new one, and what was there is kept."""

from __future__ import annotations

import contextlib
import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lerotool.checking import Code, check
from lerotool.dataset.dataset import Dataset
from lerotool.dataset.writing.staging import finish_interrupted
from lerotool.errors import DatasetLockedError
from lerotool.mending.forgetting import forget
from lerotool.mending.repair import plan_repair, repair
from lerotool.storage import ProcessLock
from lerotool.workspace import Workspace
from tests.checking.defects import DEFECTS
from tests.checking.defects.defect import VIDEO, defect
from tests.checking.defects.edits import add, cut
from tests.checking.judging import what_lerobot_does
from tests.dataset.edits import column, data, info
from tests.dataset.faults import Fault, Killed, contents, faulty
from tests.dataset.reading import DATA, EPISODES, VIDEO_SET, copy_set, edit_table, tree_hash
from tests.shared import GOLDEN

pytestmark = pytest.mark.slow

TIMING = "meta/lerotool/timing/chunk-000/file-000.parquet"


def broken(folder: Path) -> Path:
    """Return a set with wall-clock timestamps, an index gap and wrong totals."""
    root = copy_set(VIDEO_SET, folder)
    data(add("timestamp", 1000.25))(root)
    data(add("index", 100, slice(32, None)))(root)
    info(total_frames=70)(root)
    return root


@pytest.mark.parametrize("fault", Fault)
def test_an_interrupted_repair_leaves_the_old_dataset_or_the_new_one(tmp_path: Path, fault: Fault) -> None:
    root = broken(tmp_path / "old")
    old = contents(root)
    shutil.copytree(root, tmp_path / "count")
    with faulty() as calls:
        repair(tmp_path / "count")
    new = contents(tmp_path / "count")
    new.pop(TIMING)

    seen = set()
    for at in range(0, calls.count, 9):
        copy = Path(shutil.copytree(root, tmp_path / f"{fault}-{at}"))
        with faulty(fault, at), contextlib.suppress(Killed, OSError):
            repair(copy)
        finish_interrupted(Workspace(copy))
        found = contents(copy)
        found.pop(TIMING, None)
        assert found in (old, new), at
        seen.add(found == new)
        assert repair(copy).after.is_sound, at
        shutil.rmtree(copy)
    assert seen == {True, False}


def test_what_an_interrupted_change_has_left_is_removed_also_where_nothing_else_is_wrong(tmp_path: Path) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    before = contents(root)
    left = root / ".lerotool/staging/0123abcd/before/meta/info.json"
    left.parent.mkdir(parents=True)
    left.touch()
    (step,) = plan_repair(root).steps
    assert step.text == "removed: .lerotool/staging/0123abcd"

    done = repair(root)

    assert (done.plan.steps, done.after.findings, done.kept) == ((step,), (), None)
    assert not any((root / ".lerotool/staging").iterdir())
    assert contents(root) == before


def test_the_files_as_they_were_are_kept_until_they_are_forgotten(tmp_path: Path) -> None:
    root = broken(tmp_path)
    old = {name: (root / name).read_bytes() for name in (DATA, EPISODES, "meta/info.json", "meta/stats.json")}

    done = repair(root)

    assert done.kept is not None
    assert [done.kept] == list((root / ".lerotool/history").iterdir())
    assert {name: (done.kept / f"{name}.kept").read_bytes() for name in old} == old
    assert json.loads((done.kept / "change.json").read_text())["details"]["steps"]
    found = forget(root)
    assert (found.size > 0, found.only_here) == (True, ())
    assert not (root / ".lerotool/history").exists()
    assert check(root).is_sound


def test_measured_times_are_kept_beside_the_data(tmp_path: Path) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    measured = 1000.0 + np.cumsum(np.full(62, 0.1003))
    edit_table(root / DATA, lambda t: t.set_column(t.column_names.index("timestamp"), "timestamp", pa.array(measured)))

    repair(root)

    dataset = Dataset.open(root)
    kept = [dataset.timing(number)["tick_ns"].to_numpy() for number in range(4)]  # type: ignore[index]
    np.testing.assert_allclose(np.concatenate(kept) / 1e9, measured, atol=1e-9)
    np.testing.assert_array_equal(dataset.numpy("timestamp", 0, 7), (np.arange(7) / 10).astype(np.float32))


def test_measured_times_that_are_there_stay_with_their_rows(tmp_path: Path) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    (root / TIMING).parent.mkdir(parents=True)
    pq.write_table(pa.table({"tick_ns": pa.array(range(62))}), root / TIMING)
    order = [*range(5, 62), *range(5)]
    for path in (DATA, TIMING):
        edit_table(root / path, lambda table: table.take(pa.array(order)))

    repair(root)

    times = pq.read_table(root / TIMING)
    assert times["tick_ns"].to_pylist() == list(range(62))
    assert times["frame_index"].to_pylist() == pq.ParquetFile(root / DATA).read()["frame_index"].to_pylist()


LOST = {
    "video cut": (DEFECTS["video cut"], Code.VIDEO_TRUNCATED),
    "video one short": (DEFECTS["video one short"], Code.VIDEO_SHORT),
    "rows missing": (DEFECTS["rows of the last episode missing"], Code.ROW_COUNT),
}


@pytest.mark.parametrize(("case", "code"), LOST.values(), ids=LOST.keys())
def test_episodes_that_lost_something_are_left_out_only_when_asked(tmp_path: Path, case: object, code: Code) -> None:
    root = case.make(tmp_path)  # type: ignore[attr-defined]
    plan = plan_repair(root)
    assert not plan.steps
    assert [finding.code for finding, why in plan.left if "--drop-episodes" in why] == [code]

    done = repair(root, drops=True)

    assert done.after.is_sound, done.after.findings
    dataset, whole = Dataset.open(root), Dataset.open(GOLDEN / VIDEO_SET)
    kept = dataset.num_episodes
    assert 0 < kept < 4
    for name in ("action", "observation.state", "index", "frame_index", "episode_index", "timestamp"):
        np.testing.assert_array_equal(dataset.numpy(name), whole.numpy(name, 0, dataset.num_frames))
    for number in range(kept):
        mine = list(dataset.frames(number, "observation.images.front"))
        for picture, truth in zip(mine, whole.frames(number, "observation.images.front"), strict=True):
            np.testing.assert_array_equal(picture, truth)


def lost_at_the_end(root: Path) -> None:
    edit_table(root / DATA, lambda table: table.take(pa.array(range(60))))


def longer_in_the_table(root: Path) -> None:
    edit_table(root / EPISODES, lambda table: column(table, "length", [7, 25, 12, 20]))


@pytest.mark.parametrize("total", [62.0, 60, 1000], ids=["total unknown", "total of the rows", "another total"])
def test_rows_are_not_believed_against_table_and_videos(tmp_path: Path, total: float) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    lost_at_the_end(root)
    info(total_frames=total)(root)
    before = tree_hash(root)

    done = repair(root)

    assert not done.plan.steps
    assert any("2 rows are lost; leave them out: lerotool check" in why for _, why in done.plan.left)
    assert tree_hash(root) == before


@pytest.mark.parametrize("total", [62.0, 62, 1000], ids=["total unknown", "total of the rows", "another total"])
def test_a_table_that_claims_too_many_rows_is_not_believed_against_rows_and_videos(
    tmp_path: Path, total: float
) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    longer_in_the_table(root)
    info(total_frames=total)(root)

    done = repair(root)

    assert done.after.is_sound, done.after.findings
    assert Dataset.open(root).episodes[3].length == 18


@pytest.mark.lerobot
@pytest.mark.timeout(300)
def test_lerobot_reads_what_is_left(tmp_path: Path) -> None:
    truths: dict[Path, Path | None] = {}
    for name, (case, _) in LOST.items():
        root = case.make(tmp_path / name.replace(" ", "-"))
        repair(root, drops=True)
        truths[root] = None

    assert {verdict for verdict, _ in what_lerobot_does(truths).values()} == {"right"}


def test_pictures_whose_place_nothing_tells_are_not_guessed(tmp_path: Path) -> None:
    root = defect(VIDEO_SET, cut(0.7), Code.VIDEO_TRUNCATED).make(tmp_path)
    (root / EPISODES).unlink()
    before = tree_hash(root)

    done = repair(root, drops=True)

    assert any("does not tell what was in it" in why for _, why in done.plan.left)
    assert not done.plan.steps
    assert tree_hash(root) == before
    assert (root / VIDEO).exists()


def test_rows_missing_inside_an_episode_are_not_numbered_over(tmp_path: Path) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    edit_table(root / DATA, lambda t: t.take(pa.array([*range(10), *range(13, 62)])))
    (root / EPISODES).unlink()
    info(total_frames=59)(root)

    done = repair(root)

    assert not done.plan.steps
    assert any("more pictures than the episodes have rows" in why for _, why in done.plan.left)


def test_a_dataset_that_somebody_records_into_is_not_repaired(tmp_path: Path) -> None:
    root = broken(tmp_path)
    with ProcessLock(Workspace(root).recording_lock, "recording"), pytest.raises(DatasetLockedError, match="recording"):
        repair(root)
