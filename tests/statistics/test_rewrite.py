"""Statistics are written anew in one commit: all places, nothing else, and never half."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lerotool.dataset.dataset import Dataset
from lerotool.dataset.writing.appender import DatasetAppender
from lerotool.dataset.writing.staging import finish_interrupted
from lerotool.dataset.writing.statistics import statistics_files
from lerotool.errors import DatasetLockedError, IncompatibleDatasetError, UsageError
from lerotool.findings import Code
from lerotool.statistics import rewrite as module
from lerotool.statistics.measure import Selection
from lerotool.statistics.rewrite import rewrite
from lerotool.statistics.verify import verify
from lerotool.storage import ProcessLock
from lerotool.workspace import Workspace
from tests.dataset.faults import Fault, Killed, contents, faulty
from tests.dataset.reading import EPISODES, copy_set, edit_json
from tests.lerobot_judge import judge, run_in_lerobot
from tests.shared import REALDATA, needs_realdata
from tests.statistics.sets import arm_set, edit_data, moving

STATS = "meta/stats.json"
COLUMNS_ONLY = Selection(sampling=None)
V30 = [
    *(f"v30_lerobot044_{name}" for name in ("merged", "two_cams")),
    *(f"v30_lerobot061_{name}" for name in ("merged", "depth_images", "language", "novideo", "resumed", "small_files")),
    "v30_from_v21",
]


def others(path: Path) -> tuple[pa.Table, list[int]]:
    """Return all columns of an episodes file but the statistics, and the sizes of its row groups."""
    file = pq.ParquetFile(path)
    names = [name for name in file.schema_arrow.names if not name.startswith("stats/")]
    sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
    return file.read().select(names), sizes


@pytest.mark.parametrize("name", V30)
def test_afterwards_nothing_is_wrong_and_only_statistics_have_changed(name: str, tmp_path: Path) -> None:
    root = copy_set(name, tmp_path)
    before = contents(root)
    tables = {path: others(root / path) for path in before if path.startswith("meta/episodes/")}
    report = rewrite(Dataset.open(root))

    changed = {path for path, digest in contents(root).items() if before.get(path) != digest}
    assert changed == {path.relative_to(root).as_posix() for path in report.files} == {*tables, STATS}
    for path, (table, sizes) in tables.items():
        now, sizes_now = others(root / path)
        assert now.equals(table)
        assert sizes_now == sizes
    wrong = [f for f in verify(Dataset.open(root)).findings if f.code not in (Code.STILL, Code.CONSTANT)]
    assert wrong == []


def test_all_episodes_files_have_the_columns_of_the_first_in_its_order(tmp_path: Path) -> None:
    root = copy_set("v30_lerobot061_small_files", tmp_path)
    paths = sorted((root / "meta/episodes").glob("*/*.parquet"))
    first = pq.ParquetFile(paths[0]).read()
    pq.write_table(first.drop_columns([name for name in first.column_names if "/q" in name]), paths[0])
    rewrite(Dataset.open(root), COLUMNS_ONLY)
    names = [pq.ParquetFile(path).schema_arrow.names for path in paths]
    assert "stats/action/q01" in names[0]
    assert all(set(own) >= {n for n in names[0] if n.startswith("stats/action")} for own in names)
    assert all([n for n in own if n in names[0]] == [n for n in names[0] if n in own] for own in names)


@pytest.mark.parametrize("name", ["v21_lerobot033_two_cams", "v21_lerobot033_images"])
def test_lines_of_v21_are_written_with_quantiles_and_in_full_shape(name: str, tmp_path: Path) -> None:
    root = copy_set(name, tmp_path)
    path = root / "meta/episodes_stats.jsonl"
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:1] + lines[2:]) + "\n")
    report = rewrite(Dataset.open(root))

    assert report.files == (path,)
    dataset = Dataset.open(root)
    assert verify(dataset).findings == ()
    assert set(dataset.episodes[1].stats) == set(report.features)
    assert set(dataset.episodes[1].stats["action"].quantiles) == {"q01", "q10", "q50", "q90", "q99"}


@needs_realdata
def test_statistics_of_v20_are_written_and_unknown_keys_stay(tmp_path: Path) -> None:
    root = Path(shutil.copytree(REALDATA / "gr1_sim_v20", tmp_path / "set"))
    edit_json(root / STATS, lambda document: document.update(mine={"note": "stays"}))
    report = rewrite(Dataset.open(root), Selection(("action", "observation.state"), None))
    document = json.loads((root / STATS).read_text())

    assert report.files == (root / STATS,)
    assert document["mine"] == {"note": "stays"}
    assert document["action"]["count"] == [2096]
    assert "count" not in document["timestamp"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A set whose action has changed since its statistics were taken."""
    arm_set(tmp_path / "set", [moving(seed) for seed in range(3)])
    edit_data(tmp_path / "set", "action", lambda values: values + 5)
    return tmp_path / "set"


def test_only_the_named_feature_is_written(root: Path) -> None:
    edit_json(root / STATS, lambda document: document["observation.state"].update(mean=[7.0, 7.0, 7.0]))
    rewrite(Dataset.open(root), Selection(("action",), None))
    document = json.loads((root / STATS).read_text())
    assert document["observation.state"]["mean"] == [7.0, 7.0, 7.0]
    np.testing.assert_allclose(document["action"]["mean"], Dataset.open(root).numpy("action").mean(axis=0), rtol=1e-5)


def test_a_dataset_that_changes_meanwhile_is_left_alone(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    dataset, before = Dataset.open(root), contents(root)
    real = module.write_statistics

    def late(*arguments: Any) -> Any:
        path = root / "data/chunk-000/file-000.parquet"
        path.write_bytes(path.read_bytes())
        return real(*arguments)

    monkeypatch.setattr(module, "write_statistics", late)
    with pytest.raises(IncompatibleDatasetError, match="has changed while"):
        rewrite(dataset)
    assert contents(root) == before


def test_a_dataset_that_is_being_written_is_refused(root: Path) -> None:
    dataset, before = Dataset.open(root), contents(root)
    with ProcessLock(Workspace(root).writing_lock, "writing"), pytest.raises(DatasetLockedError):
        rewrite(dataset)
    assert contents(root) == before


def test_wherever_it_is_killed_the_dataset_is_the_old_one_or_the_new_one(root: Path, tmp_path: Path) -> None:
    old = contents(root)
    reference = Path(shutil.copytree(root, tmp_path / "reference"))
    with faulty() as calls:
        rewrite(Dataset.open(reference))
    new = contents(reference)
    seen = set()
    for at in range(0, calls.count, max(1, calls.count // 25)):
        victim = Path(shutil.copytree(root, tmp_path / f"victim-{at}"))
        dataset = Dataset.open(victim)
        with pytest.raises(Killed), faulty(Fault.KILL, at):
            rewrite(dataset)
        finish_interrupted(Workspace(victim))
        state = contents(victim)
        assert state in (old, new)
        seen.add(state == new)
    assert seen == {False, True}


def test_a_set_that_was_rewritten_can_be_added_to(root: Path) -> None:
    rewrite(Dataset.open(root))
    with DatasetAppender.open(root) as appender:
        assert appender.warnings == ()


def test_a_set_without_frames_is_refused(tmp_path: Path) -> None:
    (tmp_path / "meta").mkdir()
    info = {"codebase_version": "v2.1", "fps": 1, "features": {}, "total_episodes": 0, "total_frames": 0}
    (tmp_path / "meta/info.json").write_text(json.dumps(info))
    with pytest.raises(UsageError, match="no frames"):
        rewrite(Dataset.open(tmp_path))


def test_a_camera_with_a_missing_video_keeps_what_it_has(tmp_path: Path) -> None:
    root = copy_set("v21_lerobot033_two_cams", tmp_path)
    camera = "observation.images.front"
    stored = [episode.stats[camera].to_json() for episode in Dataset.open(root).episodes]
    (root / f"videos/chunk-000/{camera}/episode_000001.mp4").unlink()
    report = rewrite(Dataset.open(root))
    assert set(report.problems) == {camera}
    assert camera not in report.features
    assert [episode.stats[camera].to_json() for episode in Dataset.open(root).episodes] == stored


def test_the_files_that_would_be_written_are_named(root: Path) -> None:
    dataset = Dataset.open(root)
    assert statistics_files(root, dataset.version) == [root / EPISODES, root / STATS]


@pytest.mark.lerobot
@pytest.mark.parametrize("name", ["v30_from_v21", "v30_lerobot044_merged", "v30_lerobot061_small_files"])
def test_lerobot_loads_what_was_rewritten(name: str, tmp_path: Path) -> None:
    root = copy_set(name, tmp_path)
    rewrite(Dataset.open(root))
    judge(root)


@pytest.mark.lerobot
def test_what_lerobot_itself_takes_anew_is_right_within_its_bounds(tmp_path: Path) -> None:
    root = copy_set("v30_lerobot061_two_cams", tmp_path)
    edit_json(root / STATS, lambda document: document["action"].update(mean=[0.0] * 6, q50=[90.0] * 6))
    peer = Path(__file__).parents[2] / "scripts" / "benchmarks" / "statistics_peer.py"
    run_in_lerobot(peer, "columns", root).check_returncode()
    assert verify(Dataset.open(root)).findings == ()
