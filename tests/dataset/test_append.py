"""What is appended is what is read back."""

from __future__ import annotations

import json
import shutil
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
from lerotool.dataset.writing.appender import DatasetAppender, NewEpisode
from lerotool.dataset.writing.tables import column_values
from lerotool.errors import (
    IncompatibleDatasetError,
)
from lerotool.features import NUMERIC_DTYPES, Feature, camera
from tests.dataset.faults import contents
from tests.dataset.writing import FEATURES, FPS, FRONT, STATE_ONLY, WRIST, episode, make
from tests.sampling import examples


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


@pytest.mark.slow
@settings(max_examples=examples(30), suppress_health_check=[HealthCheck.function_scoped_fixture])
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
    # The one that packs is often another than those that have added.
    with DatasetAppender.open(tmp_path / "ds") as appender:
        appender.finalize()
    dataset = Dataset.open(tmp_path / "ds")
    for name, key in (("action", "action"), ("timestamp", "timestamp"), ("index", "index")):
        values = dataset.numpy(key).astype(np.float64)
        if name == "timestamp":
            values = dataset.numpy("frame_index") / FPS
        for quantile, q in (("q01", 0.01), ("q50", 0.5), ("q99", 0.99)):
            expected = np.quantile(values, q, axis=0).reshape(-1)
            assert np.array_equal(dataset.stats[name].quantiles[quantile], expected)


def test_statistics_of_a_dataset_that_nobody_has_added_to_stay_as_they_are(tmp_path: Path) -> None:
    make(tmp_path / "ds", STATE_ONLY, [[["a"] * 9, ["b"] * 4]])
    with DatasetAppender.open(tmp_path / "ds") as appender:
        appender.finalize()
    written = json.loads((tmp_path / "ds" / STATS).read_text())
    written["action"]["q50"] = [0.0] * len(written["action"]["q50"])
    (tmp_path / "ds" / STATS).write_text(json.dumps(written))
    with DatasetAppender.open(tmp_path / "ds") as appender:
        appender.finalize()
    assert json.loads((tmp_path / "ds" / STATS).read_text()) == written


class Arrays(pa.ExtensionType):
    """As ``datasets`` registers one for arrays of several dimensions."""

    def __init__(self) -> None:
        super().__init__(pa.list_(pa.list_(pa.float32())), "arrays")

    def __arrow_ext_serialize__(self) -> bytes:
        return b""

    @classmethod
    def __arrow_ext_deserialize__(cls, storage_type: pa.DataType, serialized: bytes) -> Arrays:
        return cls()


def test_arrays_are_read_where_a_program_has_types_of_its_own_for_them() -> None:
    values = np.arange(12, dtype=np.float32).reshape(2, 2, 3)
    stored = pa.array(values.tolist(), pa.list_(pa.list_(pa.float32())))
    read = column_values(
        pa.chunked_array([pa.ExtensionArray.from_storage(Arrays(), stored)]), Feature("float32", (2, 3))
    )
    assert np.array_equal(read, values)


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
