"""What is appended is what is read back, and what does not fit is refused before anything is written."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lerotool.dataset.dataset import Dataset
from lerotool.dataset.layout import STATS
from lerotool.dataset.writing.appender import DatasetAppender, NewEpisode, StagedVideo
from lerotool.errors import (
    CorruptDatasetError,
    DatasetLockedError,
    DatasetNotFoundError,
    IncompatibleDatasetError,
    MetadataError,
    TargetExistsError,
    UnsupportedVersionError,
    UsageError,
)
from lerotool.features import NUMERIC_DTYPES, Feature, Kind, camera, vector
from lerotool.workspace import Workspace
from tests.dataset.faults import contents
from tests.dataset.writing import FEATURES, FPS, FRONT, STATE_ONLY, WRIST, episode, timing, video
from tests.lerobot_judge import judge
from tests.shared import GOLDEN, REALDATA, needs_shared

RESUMABLE = [
    "v30_from_v21",
    "v30_lerobot044_merged",
    "v30_lerobot044_two_cams",
    "v30_lerobot061_h264",
    "v30_lerobot061_images",
    "v30_lerobot061_language",
    "v30_lerobot061_merged",
    "v30_lerobot061_novideo",
    "v30_lerobot061_resumed",
    "v30_lerobot061_small_files",
    "v30_lerobot061_streaming",
    "v30_lerobot061_two_cams",
    "v30_lerobot061_wide",
]


def make(root: Path, features: dict[str, Feature], batches: list[list[list[str]]], fps: int = FPS) -> list[NewEpisode]:
    """Write a dataset: batches of episodes, each a list of the tasks of its rows."""
    written: list[NewEpisode] = []
    with DatasetAppender.create(root, fps, features, "sim") as appender:
        for batch in batches:
            new = [
                episode(root.parent / f"{root.name}-e{len(written) + i}", features, tasks, len(written) + i, fps=fps)
                for i, tasks in enumerate(batch)
            ]
            assert appender.append(new) == range(len(written), len(written) + len(new))
            written += new
    return written


def assert_equal(root: Path, written: list[NewEpisode]) -> None:
    """The dataset holds exactly the episodes written."""
    dataset = Dataset.open(root)
    assert [e.length for e in dataset.episodes] == [new.rows.num_rows for new in written]
    assert dataset.num_frames == sum(new.rows.num_rows for new in written)
    texts = [text for new in written for text in new.rows["task"].to_pylist()]
    assert list(dataset.tasks) == list(dict.fromkeys(texts))
    assert [dataset.tasks[i] for i in dataset.numpy("task_index")] == texts
    assert dataset.numpy("index").tolist() == list(range(dataset.num_frames))
    first = 0
    for number, (new, read) in enumerate(zip(written, dataset.episodes, strict=True)):
        length = new.rows.num_rows
        rows = dataset.episode_rows(number)
        for name in new.rows.column_names:
            if name != "task":
                assert rows[name].to_pylist() == new.rows[name].to_pylist()
        assert (read.dataset_from, read.dataset_to) == (first, first + length)
        assert read.tasks == tuple(dict.fromkeys(new.rows["task"].to_pylist()))
        assert rows["episode_index"].to_pylist() == [number] * length
        assert rows["frame_index"].to_pylist() == list(range(length))
        expected = (np.arange(length) / dataset.fps).astype(np.float32)
        assert np.array_equal(rows["timestamp"].to_numpy(), expected)
        assert {key: span.frames for key, span in read.videos.items()} == {k: v.frames for k, v in new.videos.items()}
        assert dataset.timing(number).drop_columns(["episode_index", "frame_index"]).equals(new.timing)
        first += length


def shapes(dtype: str) -> st.SearchStrategy[tuple[int, ...]]:
    if dtype == "string":
        return st.sampled_from([(1,), (2,), (3,)])
    return st.sampled_from([(1,), (2,), (6,), (2, 3), (1, 1), (2, 1, 2)])


FEATURE = st.one_of(
    st.sampled_from([*sorted(NUMERIC_DTYPES), "string"]).flatmap(
        lambda dtype: shapes(dtype).map(lambda shape: Feature(dtype, shape))
    ),
    st.just(Feature("image", (4, 6, 3), ["height", "width", "channels"])),
)
TASKS = st.lists(st.sampled_from(["pick", "place", "", "Öffne die Tür"]), min_size=1, max_size=7)


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    features=st.dictionaries(st.text("abc._ é", min_size=1, max_size=5), FEATURE, min_size=1, max_size=4),
    batches=st.lists(st.lists(TASKS, min_size=1, max_size=3), min_size=1, max_size=3),
    packs=st.booleans(),
)
def test_what_is_written_is_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    features: dict[str, Feature],
    batches: list[list[list[str]]],
    packs: bool,
) -> None:
    root = tmp_path_factory.mktemp("w") / "ds"
    written = make(root, features, batches)
    if packs:
        with DatasetAppender.open(root) as appender:
            appender.finalize()
    assert_equal(root, written)
    shutil.rmtree(root.parent)


def test_videos_and_measured_times_are_read_back(tmp_path: Path) -> None:
    written = make(tmp_path / "ds", FEATURES, [[["a"] * 5, ["b"]], [["a", "c"]]])
    assert_equal(tmp_path / "ds", written)
    dataset = Dataset.open(tmp_path / "ds")
    for number, new in enumerate(written):
        for key in (FRONT, WRIST):
            shown = [int(picture.mean()) for picture in dataset.frames(number, key)]
            assert np.allclose(shown, [(number * 40 + 5 * i) % 250 for i in range(new.rows.num_rows)], atol=3)


def test_statistics_are_those_of_numpy_on_the_data(tmp_path: Path) -> None:
    written = make(tmp_path / "ds", STATE_ONLY, [[["a"] * 9, ["b"] * 4], [["a"] * 30]])
    states = np.concatenate([np.array(new.rows["action"].to_pylist()) for new in written])
    stats = Dataset.open(tmp_path / "ds").stats["action"]
    assert np.allclose(stats.mean, states.mean(0), rtol=1e-12)
    assert np.allclose(stats.std, states.std(0), rtol=1e-12)
    assert np.array_equal(stats.min, states.min(0))
    with DatasetAppender.open(tmp_path / "ds") as appender:
        appender.append([episode(tmp_path / "e", STATE_ONLY, ["a"] * 3, 9)])
        appender.finalize()
    dataset = Dataset.open(tmp_path / "ds")
    for name, key in (("action", "action"), ("timestamp", "timestamp"), ("index", "index")):
        values = dataset.numpy(key).astype(np.float64)
        if name == "timestamp":
            values = dataset.numpy("frame_index") / FPS
        for quantile, q in (("q01", 0.01), ("q50", 0.5), ("q99", 0.99)):
            expected = np.quantile(values, q, axis=0).reshape(-1)
            assert np.array_equal(dataset.stats[name].quantiles[quantile], expected)


def test_the_files_are_as_lerobot_writes_them(tmp_path: Path) -> None:
    root = tmp_path / "ds"
    make(root, FEATURES, [[["a"] * 5, ["b"] * 3]])
    data = pq.ParquetFile(root / "data/chunk-000/file-000.parquet")
    assert [data.metadata.row_group(g).num_rows for g in range(data.num_row_groups)] == [5, 3]
    assert b"huggingface" in data.schema_arrow.metadata
    assert data.schema_arrow.field("action").type == pa.list_(pa.float32(), 2)
    tasks = pd.read_parquet(root / "meta/tasks.parquet")
    assert tasks.index.name == "task"
    assert tasks["task_index"].to_dict() == {"a": 0, "b": 1}
    rows = pq.read_table(root / "meta/episodes/chunk-000/file-000.parquet")
    statistics = ("min", "max", "mean", "std", "count", "q01", "q10", "q50", "q90", "q99")
    measured = [*FEATURES, "timestamp", "frame_index", "episode_index", "index", "task_index"]
    assert {n for n in rows.column_names if n.startswith("stats/")} == {
        f"stats/{m}/{s}" for m in measured for s in statistics
    }
    assert np.shape(rows[f"stats/{FRONT}/mean"][0].as_py()) == (3, 1, 1)
    assert rows[f"videos/{FRONT}/to_timestamp"].to_pylist() == [0.5, 0.3]
    assert rows[f"videos/{FRONT}/file_index"].to_pylist() == [0, 1]
    info = json.loads((root / "meta/info.json").read_text())
    assert list(info)[:3] == ["codebase_version", "fps", "features"]
    assert info["splits"] == {"train": "0:2"}
    assert (info["total_episodes"], info["total_frames"], info["total_tasks"]) == (2, 8, 2)
    assert info["features"][FRONT]["info"]["video.codec"] == "av1"
    lines = (root / "meta/lerotool/recordings/chunk-000/file-000.jsonl").read_text().splitlines()
    assert [json.loads(line)["episode_index"] for line in lines] == [0, 1]


def test_a_batch_above_the_size_limit_goes_into_several_files(tmp_path: Path) -> None:
    root = tmp_path / "ds"
    make(root, STATE_ONLY, [[["a"] * 50]])
    info = json.loads((root / "meta/info.json").read_text())
    (root / "meta/info.json").write_text(json.dumps(info | {"data_files_size_in_mb": 0.004, "chunks_size": 2}))
    with DatasetAppender.open(root) as appender:
        appender.append([episode(tmp_path / f"e{i}", STATE_ONLY, ["a"] * 50, 5 + i) for i in range(4)])
        assert appender.info.chunks_size == 2
    names = [path.relative_to(root / "data").as_posix() for path in sorted(root.glob("data/*/*"))]
    assert len(names) > 2
    assert names[:3] == ["chunk-000/file-000.parquet", "chunk-000/file-001.parquet", "chunk-001/file-000.parquet"]
    assert Dataset.open(root).num_episodes == 5


def test_equal_input_gives_equal_files(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        make(tmp_path / name / "ds", STATE_ONLY, [[["a"] * 5], [["b"] * 3]])
    assert contents(tmp_path / "one/ds") == contents(tmp_path / "two/ds")


def test_videos_outside_the_dataset_are_copied(tmp_path: Path) -> None:
    (new,) = make(tmp_path / "ds", {FRONT: camera(16, 16)}, [[["a"] * 2]])
    assert new.videos[FRONT].path.exists()


def test_a_recording_is_recognised_and_not_taken_twice(tmp_path: Path) -> None:
    (new,) = make(tmp_path / "ds", STATE_ONLY, [[["a"] * 2]])
    with DatasetAppender.open(tmp_path / "ds") as appender:
        assert appender.recorded_ids == {new.recording["recording_id"]}
        with pytest.raises(IncompatibleDatasetError, match="is in the dataset already"):
            appender.append([new])
        fresh = replace(new, recording={"recording_id": "x"})
        with pytest.raises(IncompatibleDatasetError, match="is in the dataset already"):
            appender.append([fresh, fresh])
        appender.append([replace(new, recording=None)])
        assert appender.num_episodes == 2


def spoiled(new: NewEpisode, folder: Path) -> dict[str, tuple[NewEpisode, str]]:
    """Episodes with one defect each, and what the error says about it."""
    short = video(folder / "short.mp4", FEATURES[FRONT], 3, 1)[0]
    wide = video(folder / "wide.mp4", FEATURES[WRIST], 4, 1)[0]
    fast = video(folder / "fast.mp4", FEATURES[FRONT], 4, 1, fps=30)[0]
    cut = folder / "cut.mp4"
    cut.write_bytes(new.videos[FRONT].path.read_bytes()[:300])
    rows, stats = new.rows, dict(new.stats)
    place = rows.column_names.index("action")
    nan = pa.array([[0.0, 0.0]] * 2 + [[float("nan"), 0.0]] * 2, pa.list_(pa.float32(), 2))
    null = pa.array([[0.0, 0.0]] * 3 + [None], pa.list_(pa.float32(), 2))
    double = pa.array([[0.0, 0.0]] * 4, pa.list_(pa.float64(), 2))
    long = pa.array([[0.0, 0.0, 1.0]] * 4, pa.list_(pa.float32()))

    def with_front(staged: StagedVideo) -> NewEpisode:
        return replace(new, videos={**new.videos, FRONT: staged})

    def with_action(array: pa.Array) -> NewEpisode:
        return replace(new, rows=rows.set_column(place, "action", array))

    return {
        "short": (with_front(short), "3 frames, table has 4 rows"),
        "lying": (with_front(replace(short, frames=4)), "the video has 3 frames, table has 4 rows"),
        "size": (with_front(wide), "pictures of 64x32, expected 64x48"),
        "rate": (with_front(fast), "30 frames/s, expected 10"),
        "cut": (with_front(StagedVideo(cut, 4)), "cut.mp4"),
        "gone": (with_front(StagedVideo(folder / "none.mp4", 4)), "none.mp4"),
        "no video": (replace(new, videos={WRIST: new.videos[WRIST]}), "has no video"),
        "other camera": (replace(new, videos={**new.videos, "x": short}), "'x' is not among the dataset's features"),
        "no statistics": (replace(new, stats={WRIST: stats[WRIST]}), "has no statistics"),
        "nan": (with_action(nan), "NaN or infinite number, first in row 2"),
        "null": (with_action(null), "1 rows without a value"),
        "double": (with_action(double), "expected fixed_size_list"),
        "long": (with_action(long), "lists of other lengths than 2"),
        "column": (replace(new, rows=rows.append_column("x", pa.array([1] * 4))), "'x' is not among"),
        "missing": (replace(new, rows=rows.drop_columns(["action"])), "column 'action' is missing"),
        "no task": (replace(new, rows=rows.drop_columns(["task"])), "column 'task' of texts is missing"),
        "empty": (replace(new, rows=rows.slice(0, 0)), "has no rows"),
        "times": (replace(new, timing=timing(3, [])), "measured times of 3 rows, table of 4"),
    }


def test_everything_that_does_not_fit_is_named_and_nothing_is_changed(tmp_path: Path) -> None:
    root = tmp_path / "ds"
    make(root, FEATURES, [[["a"] * 2]])
    before = contents(root)
    cases = spoiled(episode(tmp_path / "new", FEATURES, ["a"] * 4, 7), tmp_path)
    with DatasetAppender.open(root) as appender:
        for case, text in cases.values():
            with pytest.raises(IncompatibleDatasetError) as caught:
                appender.append([replace(case, recording=None)])
            assert text in str(caught.value)
        with pytest.raises(IncompatibleDatasetError, match=r"(?s)new episode 0.*new episode 1.*new episode 2"):
            appender.append([replace(cases[name][0], recording=None) for name in ("short", "nan", "rate")])
    assert contents(root) == before
    assert not list(Workspace(root).staging.glob("*"))


def test_a_picture_of_another_size_is_refused(tmp_path: Path) -> None:
    features = {"observation.images.still": Feature("image", (4, 6, 3), ["height", "width", "channels"])}
    other = {"observation.images.still": Feature("image", (8, 6, 3), ["height", "width", "channels"])}
    with (
        DatasetAppender.create(tmp_path / "ds", FPS, features, None) as appender,
        pytest.raises(IncompatibleDatasetError, match=r"\(8, 6, 3\)\], expected \(4, 6, 3\)"),
    ):
        appender.append([episode(tmp_path / "e", other, ["a"], 1)])
    assert contents(tmp_path / "ds") == {}


def test_a_new_dataset_needs_an_empty_place(tmp_path: Path) -> None:
    for name in ("empty", "lerotool"):
        (tmp_path / name).mkdir()
    (tmp_path / "lerotool/.lerotool/pending").mkdir(parents=True)
    for name in ("empty", "lerotool", "missing/below"):
        with DatasetAppender.create(tmp_path / name, FPS, STATE_ONLY, None) as appender:
            assert appender.num_episodes == 0
            assert appender.append([]) == range(0)
            assert appender.finalize().packed == 0
        assert contents(tmp_path / name) == {}
    (tmp_path / "empty/notes.txt").touch()
    with pytest.raises(TargetExistsError, match=r"notes\.txt"):
        DatasetAppender.create(tmp_path / "empty", FPS, STATE_ONLY, None)
    with pytest.raises(TargetExistsError, match="is a file"):
        DatasetAppender.create(tmp_path / "empty/notes.txt", FPS, STATE_ONLY, None)
    make(tmp_path / "ds", STATE_ONLY, [[["a"]]])
    with pytest.raises(TargetExistsError, match="a dataset"):
        DatasetAppender.create(tmp_path / "ds", FPS, STATE_ONLY, None)
    with pytest.raises(MetadataError, match="unknown dtype"):
        DatasetAppender.create(tmp_path / "odd", FPS, {"x": Feature("complex64", (1,))}, None)


def test_one_writer_at_a_time_and_the_other_is_told_who_it_is(tmp_path: Path) -> None:
    make(tmp_path / "ds", STATE_ONLY, [[["a"]]])
    with DatasetAppender.open(tmp_path / "ds") as appender:
        code = (
            "import sys; from lerotool.dataset.writing.appender import DatasetAppender; "
            "DatasetAppender.open(sys.argv[1])"
        )
        other = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "ds")], capture_output=True, text=True, check=False
        )
        assert "DatasetLockedError" in other.stderr
        assert f"writing the dataset (process {os.getpid()}" in other.stderr
        with pytest.raises(DatasetLockedError, match="writing the dataset"):
            DatasetAppender.open(tmp_path / "ds")
    with pytest.raises(UsageError, match="closed"):
        appender.append([])
    DatasetAppender.open(tmp_path / "ds").close()


def test_what_is_no_dataset_to_add_to_is_said(tmp_path: Path) -> None:
    with pytest.raises(DatasetNotFoundError):
        DatasetAppender.open(tmp_path)
    make(tmp_path / "ds", STATE_ONLY, [[["a"] * 3]])
    info = json.loads((tmp_path / "ds/meta/info.json").read_text())
    (tmp_path / "ds/meta/info.json").write_text(json.dumps(info | {"total_frames": 4}))
    with pytest.raises(CorruptDatasetError, match=r"3 rows, info\.json says 4 frames"):
        DatasetAppender.open(tmp_path / "ds")
    (tmp_path / "ds/meta/info.json").write_text(json.dumps(info | {"total_episodes": 2}))
    with pytest.raises(CorruptDatasetError, match=r"1 rows, info\.json says 2 episodes"):
        DatasetAppender.open(tmp_path / "ds")
    (tmp_path / "ds/meta/info.json").write_text(json.dumps(info | {"codebase_version": "v2.1"}))
    with pytest.raises(UnsupportedVersionError, match=r"only v3\.0 can be written"):
        DatasetAppender.open(tmp_path / "ds")


def test_missing_statistics_come_from_the_episodes(tmp_path: Path) -> None:
    make(tmp_path / "ds", FEATURES, [[["a"] * 3, ["b"] * 4]])
    before = json.loads((tmp_path / "ds" / STATS).read_text())
    (tmp_path / "ds" / STATS).unlink()
    with DatasetAppender.open(tmp_path / "ds") as appender:
        assert not appender.warnings
        appender.append([episode(tmp_path / "e", FEATURES, ["a"] * 3, 5)])
    after = json.loads((tmp_path / "ds" / STATS).read_text())
    assert list(after) == list(before)
    assert after[FRONT]["count"] == [10]
    assert after["index"]["max"] == [9.0]


def test_what_lerotool_does_not_know_is_kept(tmp_path: Path) -> None:
    root = tmp_path / "ds"
    make(root, STATE_ONLY, [[["a"] * 3]])
    info = json.loads((root / "meta/info.json").read_text())
    info["features"]["action"] |= {"fps": 10, "unit": "deg"}
    (root / "meta/info.json").write_text(
        json.dumps({"license": "x", **info, "splits": {"train": "0:1", "test": "0:0"}})
    )
    stats = json.loads((root / STATS).read_text())
    (root / STATS).write_text(json.dumps(stats | {"gone": {"min": [1]}}))
    tasks = pd.read_parquet(root / "meta/tasks.parquet")
    tasks["note"] = ["n"]
    tasks.to_parquet(root / "meta/tasks.parquet")
    with DatasetAppender.open(root) as appender:
        appender.append([episode(tmp_path / "e", STATE_ONLY, ["b"] * 3, 5)])
        appender.finalize()
    read = json.loads((root / "meta/info.json").read_text())
    assert next(iter(read)) == "license"
    assert read["features"]["action"] == info["features"]["action"]
    assert read["splits"] == {"train": "0:1", "test": "0:0"}
    assert json.loads((root / STATS).read_text())["gone"] == {"min": [1]}
    assert pd.read_parquet(root / "meta/tasks.parquet")["note"].tolist()[0] == "n"


def test_a_file_that_would_sort_before_the_last_one_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "ds"
    make(root, STATE_ONLY, [[["a"] * 3]])
    (root / "data/chunk-000").rename(root / "data/part-a")
    with DatasetAppender.open(root) as appender:
        with pytest.raises(IncompatibleDatasetError, match="would not come after"):
            appender.append([episode(tmp_path / "e", STATE_ONLY, ["b"] * 3, 5)])
        assert appender.num_episodes == 1


LOOP = """
import sys
from pathlib import Path
from lerotool.dataset.writing.appender import DatasetAppender
from tests.dataset.writing import FPS, STATE_ONLY, episode
root = Path(sys.argv[1])
with DatasetAppender.create(root, FPS, STATE_ONLY, None) as appender:
    for number in range(10_000):
        pending = root / ".lerotool/pending" / f"episode-{number:06d}"
        new = episode(pending, STATE_ONLY, ["a"] * 3, number, pending=True)
        print(number, flush=True)
        appender.append([new])
        if number % 7 == 6:
            appender.finalize()
"""


@pytest.mark.skipif(os.name == "nt", reason="kill -9")
@pytest.mark.parametrize("line", [3, 8, 14])
def test_a_killed_writer_leaves_every_committed_episode(tmp_path: Path, line: int) -> None:
    root = tmp_path / "ds"
    child = subprocess.Popen(
        [sys.executable, "-c", LOOP, str(root)], stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    )
    assert child.stdout is not None
    for _ in range(line):
        last = int(child.stdout.readline())
    child.send_signal(signal.SIGKILL)
    child.wait()
    child.stdout.close()
    found = Dataset.open(root).num_episodes
    assert found >= last
    with DatasetAppender.open(root) as appender:
        appender.append([episode(tmp_path / "e", STATE_ONLY, ["b"] * 3, 50_000)])
        appender.finalize()
    dataset = Dataset.open(root)
    assert dataset.num_episodes == found + 1
    assert dataset.numpy("index").tolist() == list(range(dataset.num_frames))
    # What is not in the dataset is still pending, complete.
    assert len(list((root / ".lerotool/pending").glob("*/saved.json"))) in (0, 1)


FULL = """
import resource, signal, sys
from pathlib import Path
from lerotool.dataset.writing.appender import DatasetAppender
from tests.dataset.writing import STATE_ONLY, episode
root = Path(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with DatasetAppender.open(root) as appender:
    new = episode(root / ".lerotool/pending/episode-000001", STATE_ONLY, ["a"] * 900, 1, pending=True)
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
    try:
        appender.append([new])
    except OSError as error:
        print("OSError", error.errno)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="RLIMIT_FSIZE")
@pytest.mark.parametrize("limit", [0, 1_000, 9_000, 30_000])
def test_a_full_disk_leaves_the_dataset_as_it_was(tmp_path: Path, limit: int) -> None:
    root = tmp_path / "ds"
    make(root, STATE_ONLY, [[["a"] * 3]])
    before = contents(root)
    child = subprocess.run(
        [sys.executable, "-c", FULL, str(root), str(limit)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
        check=False,
    )
    assert child.stdout.startswith("OSError"), child.stderr
    assert contents(root) == before
    assert (root / ".lerotool/pending/episode-000001/saved.json").exists()
    assert not list(Workspace(root).staging.glob("*"))
    with DatasetAppender.open(root) as appender:
        assert appender.num_episodes == 1


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="nothing is read-only to root")
def test_a_read_only_dataset_is_an_error_of_the_system(tmp_path: Path) -> None:
    root = tmp_path / "ds"
    make(root, STATE_ONLY, [[["a"] * 3]])
    shutil.rmtree(root / ".lerotool")
    root.chmod(0o500)
    try:
        with pytest.raises(PermissionError):
            DatasetAppender.open(root)
    finally:
        root.chmod(0o700)


def resumed(name: str, target: Path) -> DatasetAppender:
    """Add two episodes to a copy of a golden dataset."""
    shutil.copytree((GOLDEN if (GOLDEN / name).is_dir() else REALDATA) / name, target)
    with DatasetAppender.open(target) as appender:
        features, fps = appender.info.features, int(appender.info.fps)
        folders = [Workspace(target).pending / f"episode-{i:06d}" for i in range(2)]
        new = [episode(f, features, ["new é"] * 4, i + 1, fps=fps, pending=True) for i, f in enumerate(folders)]
        appender.append(new)
    return appender


@needs_shared
@pytest.mark.parametrize("name", RESUMABLE)
def test_datasets_of_lerobot_are_continued(tmp_path: Path, name: str) -> None:
    source = Dataset.open(GOLDEN / name)
    resumed(name, tmp_path / "ds")
    with DatasetAppender.open(tmp_path / "ds") as appender:
        appender.finalize()
    dataset = Dataset.open(tmp_path / "ds")
    assert dataset.num_episodes == source.num_episodes + 2
    assert dataset.tasks[: len(source.tasks)] == source.tasks
    columns = [n for n, f in source.features.items() if f.kind in (Kind.NUMERIC, Kind.STRING, Kind.IMAGE)]
    assert dataset.rows(0, source.num_frames, columns).to_pylist() == source.rows(columns=columns).to_pylist()
    for old, new in zip(source.episodes, dataset.episodes, strict=False):
        assert (old.tasks, old.length, dict(old.extra)) == (new.tasks, new.length, dict(new.extra))
        assert old.stats.keys() == new.stats.keys()
    for key in source.cameras:
        last = source.num_episodes - 1
        pairs = zip(source.frames(last, key), dataset.frames(last, key), strict=True)
        assert all(np.array_equal(before, after) for before, after in pairs)
    assert {n: f for n, f in dataset.features.items() if not f.is_camera} == {
        n: f for n, f in source.features.items() if not f.is_camera
    }


@needs_shared
@pytest.mark.parametrize("name", ["v30_lerobot061_crashed", "v30_lerobot061_batch_crashed"])
def test_a_broken_recording_is_not_continued(tmp_path: Path, name: str) -> None:
    shutil.copytree(GOLDEN / name, tmp_path / "ds")
    before = contents(tmp_path / "ds")
    with pytest.raises(CorruptDatasetError):
        DatasetAppender.open(tmp_path / "ds")
    assert contents(tmp_path / "ds") == before


@needs_shared
def test_tables_without_quantiles_stay_without_and_that_is_said(tmp_path: Path) -> None:
    resumed("v30_from_v21", tmp_path / "ds")
    with DatasetAppender.open(tmp_path / "ds") as appender:
        assert "lacks 45 columns" in appender.warnings[0]
    first, second = sorted((tmp_path / "ds/meta/episodes").glob("*/*"))
    assert pq.read_schema(second).names == pq.read_schema(first).names


@needs_shared
@pytest.mark.lerobot
@pytest.mark.slow
@pytest.mark.parametrize("packs", [False, True])
@pytest.mark.parametrize("name", [*RESUMABLE, "g1_v30conv_b", "pusht_v30_state"])
def test_lerobot_loads_what_was_continued(tmp_path: Path, name: str, packs: bool) -> None:
    resumed(name, tmp_path / "ds")
    if packs:
        with DatasetAppender.open(tmp_path / "ds") as appender:
            appender.finalize()
    judge(tmp_path / "ds")


@pytest.mark.lerobot
@pytest.mark.slow
@pytest.mark.parametrize("packs", [False, True])
def test_lerobot_loads_what_was_written(tmp_path: Path, packs: bool) -> None:
    features = {
        **FEATURES,
        "observation.grid": Feature("float32", (2, 3)),
        "next.done": Feature("bool", (1,)),
        "note": Feature("string", (1,)),
        "counts": Feature("int64", (2,)),
        "precise": Feature("float64", (3,)),
        "observation.images.still": Feature("image", (8, 12, 3), ["height", "width", "channels"]),
        "single": vector(["x"]),
    }
    make(tmp_path / "ds", features, [[["a"] * 7, ["b"] * 3 + ["c"] * 4], [["a"]], [["d"] * 130]])
    if packs:
        with DatasetAppender.open(tmp_path / "ds") as appender:
            appender.finalize()
    judge(tmp_path / "ds")
