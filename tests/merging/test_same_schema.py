"""Datasets with the same features become one: rows, tasks, pictures, statistics, and what lies beside."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import lerotool
from lerotool.dataset.dataset import Dataset
from lerotool.media.counting import exact_rate, is_exact
from lerotool.media.mp4 import read_header
from lerotool.moments import numeric_stats
from lerotool.rewriting import data_job
from lerotool.rewriting.data_job import run_data_job
from tests.dataset.reading import edit_json, tree_hash
from tests.dataset.writing import FRONT, WRIST
from tests.merging.sets import PICK, PLACE, all_tasks, assert_is_concatenation, make, make_with_cameras
from tests.sampling import examples


def assert_statistics_are_numpys(dataset: Dataset) -> None:
    for name in ("action", "observation.state", "timestamp", "frame_index", "episode_index", "index", "task_index"):
        values = dataset.numpy(name)
        if name == "timestamp":
            values = dataset.numpy("frame_index") / dataset.fps
        check = [(dataset.stats[name], numeric_stats(values))]
        for episode in dataset.episodes:
            own = values[episode.dataset_from : episode.dataset_to]
            check.append((episode.stats[name], numeric_stats(own)))
        for found, expected in check:
            assert found.count == expected.count, name
            for part in ("min", "max", "mean", "std"):
                np.testing.assert_allclose(getattr(found, part), getattr(expected, part), rtol=1e-9, atol=1e-9)
            for quantile, value in expected.quantiles.items():
                np.testing.assert_allclose(found.quantiles[quantile], value, rtol=1e-12, atol=1e-12)


def test_rows_tasks_and_pictures_follow_one_another_and_sources_stay_as_they_are(tmp_path: Path) -> None:
    first = make_with_cameras(tmp_path / "a", (3, 5), tasks=(PLACE, PICK))
    second = make_with_cameras(tmp_path / "b", (4,), tasks=("new task", PLACE), seed=3)
    before = [tree_hash(first), tree_hash(second)]
    report = lerotool.merge([first, second], tmp_path / "new" / "merged")
    assert [tree_hash(first), tree_hash(second)] == before
    merged = assert_is_concatenation(tmp_path / "new" / "merged", [first, second])
    assert merged.tasks == (PLACE, PICK, "new task")
    assert (report.episodes, report.frames) == (3, 12)
    assert [tuple(e.tasks) for e in merged.episodes] == [(PLACE, PICK), (PLACE, PICK), ("new task", PLACE)]
    assert_statistics_are_numpys(merged)
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == ["merged"]


@pytest.mark.slow
def test_packets_of_all_sources_share_one_file_on_exact_times(tmp_path: Path) -> None:
    sources = [make_with_cameras(tmp_path / name, (3, 2), seed=n) for n, name in enumerate("abc")]
    lerotool.merge(sources, tmp_path / "merged")
    for camera in (FRONT, WRIST):
        files = list((tmp_path / "merged" / "videos" / camera).rglob("*.mp4"))
        assert len(files) == 1
        header = read_header(files[0])
        assert header is not None
        assert header.frames == 15
        assert is_exact(header, exact_rate(10))


@pytest.mark.slow
@pytest.mark.parametrize("files", ["keep", "link"])
def test_whole_files_are_byte_for_byte_those_of_the_sources(tmp_path: Path, files: str) -> None:
    sources = [make_with_cameras(tmp_path / name, (3, 2), seed=n) for n, name in enumerate("ab")]
    lerotool.merge(sources, tmp_path / "merged", files=files)
    assert_is_concatenation(tmp_path / "merged", sources)
    old = [p for s in sources for p in sorted((s / "videos" / FRONT).rglob("*.mp4"))]
    new = sorted((tmp_path / "merged" / "videos" / FRONT).rglob("*.mp4"))
    assert [p.read_bytes() for p in new] == [p.read_bytes() for p in old]
    if files == "link":
        shared = [a.stat().st_ino == b.stat().st_ino for a, b in zip(new, old, strict=True)]
        assert all(shared) or not any(shared)  # reflinks have inodes of their own


@pytest.mark.slow
def test_chosen_episodes_come_alone_with_their_own_tasks_and_pictures(tmp_path: Path) -> None:
    source = make_with_cameras(tmp_path / "a", (3, 4, 5, 2), tasks=(PICK,))
    other = make_with_cameras(tmp_path / "b", (2, 3), tasks=(PLACE,), seed=7)
    lerotool.merge([f"{source}:3,0-1", f"{other}:1"], tmp_path / "merged")
    merged, whole, second = Dataset.open(tmp_path / "merged"), Dataset.open(source), Dataset.open(other)
    assert merged.episodes.lengths.tolist() == [2, 3, 4, 3]
    assert merged.tasks == (PICK, PLACE)
    for place, (dataset, number) in enumerate([(whole, 3), (whole, 0), (whole, 1), (second, 1)]):
        for camera in (FRONT, WRIST):
            pairs = zip(merged.frames(place, camera), dataset.frames(number, camera), strict=True)
            assert all(np.array_equal(a, b) for a, b in pairs)
        assert merged.episode_rows(place)["action"].equals(dataset.episode_rows(number)["action"])
    assert_statistics_are_numpys(merged)


def test_tasks_that_no_chosen_episode_has_are_left_out(tmp_path: Path) -> None:
    source = make(tmp_path / "a", (1, 3), tasks=(PICK, PLACE, "third"))
    lerotool.merge([f"{source}:0"], tmp_path / "merged")
    assert Dataset.open(tmp_path / "merged").tasks == (PICK,)


def test_batches_of_rows_and_episodes_are_numbered_on(tmp_path: Path) -> None:
    """Six episodes of up to 4 rows do not fit the small limits of these tests."""
    source = make(tmp_path / "a", (4, 1, 1, 4, 2, 3))
    assert data_job.MOST_ROWS < 15
    assert data_job._MOST_EPISODES < 6
    lerotool.merge([source, f"{source}:2-5"], tmp_path / "merged")
    merged = Dataset.open(tmp_path / "merged")
    expected = np.repeat(np.arange(10), [4, 1, 1, 4, 2, 3, 1, 4, 2, 3])
    assert merged.numpy("episode_index").tolist() == expected.tolist()
    assert_statistics_are_numpys(merged)


def test_picture_statistics_are_combined_by_count(tmp_path: Path) -> None:
    sources = [make_with_cameras(tmp_path / n, (k,), seed=k) for n, k in (("a", 3), ("b", 6))]
    lerotool.merge(sources, tmp_path / "merged")
    parts = [Dataset.open(s).episodes[0].stats[FRONT] for s in sources]
    total = Dataset.open(tmp_path / "merged").stats[FRONT]
    mean = sum(p.mean * p.count for p in parts) / 9
    spread = sum(p.count * (p.std**2 + (p.mean - mean) ** 2) for p in parts) / 9
    np.testing.assert_allclose(total.mean, mean)
    np.testing.assert_allclose(total.std, np.sqrt(spread))
    assert (total.count, total.mean.shape) == (9, (3, 1, 1))


def test_measured_times_and_reports_go_along(tmp_path: Path) -> None:
    sources = [make_with_cameras(tmp_path / n, (3, 2), seed=k) for k, n in enumerate("ab")]
    lerotool.merge([sources[0], f"{sources[1]}:1"], tmp_path / "merged")
    merged, second = Dataset.open(tmp_path / "merged"), Dataset.open(sources[1])
    found, expected = merged.timing(2), second.timing(1)
    assert found is not None
    assert expected is not None
    assert found["tick_ns"].to_pylist() == expected["tick_ns"].to_pylist()
    assert found[f"picture/{FRONT}"].to_pylist() == expected[f"picture/{FRONT}"].to_pylist()
    assert found["episode_index"].to_pylist() == [2, 2]
    lines = (tmp_path / "merged/meta/lerotool/recordings/chunk-000/file-000.jsonl").read_text().splitlines()
    ids = [json.loads(line)["recording_id"] for line in lines]
    assert len(ids) == len(set(ids)) == 3


def test_unknown_columns_and_keys_are_kept(tmp_path: Path) -> None:
    sources = [make(tmp_path / n, (2, 3), seed=k) for k, n in enumerate("ab")]
    path = sources[0] / "meta/episodes/chunk-000/file-000.parquet"
    table = pq.ParquetFile(path).read()
    pq.write_table(table.append_column("success", [[True, False]]), path)
    edit_json(sources[0] / "meta/info.json", lambda d: d.update(origin="lab 3"))
    lerotool.merge(sources, tmp_path / "merged")
    merged = Dataset.open(tmp_path / "merged")
    assert [e.extra["success"] for e in merged.episodes] == [True, False, None, None]
    assert merged.info.model_extra == {"origin": "lab 3"}


def test_limits_divide_data_and_videos_into_files_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from lerotool.rewriting import preparing

    monkeypatch.setattr(preparing, "MOST_EPISODES", 2)
    sources = [make(tmp_path / n, (2, 3, 1), seed=k) for k, n in enumerate("ab")]
    lerotool.merge(sources, tmp_path / "merged")
    assert len(list((tmp_path / "merged" / "data").rglob("*.parquet"))) == 3
    assert_is_concatenation(tmp_path / "merged", sources)


def test_the_result_is_the_same_every_time(tmp_path: Path) -> None:
    sources = [make_with_cameras(tmp_path / n, (3, 2), seed=k) for k, n in enumerate("ab")]
    contents = []
    for name in ("one", "two"):
        lerotool.merge(sources, tmp_path / name)
        root = tmp_path / name
        contents.append({p.relative_to(root): p.read_bytes() for p in root.rglob("*") if p.is_file()})
    assert contents[0] == contents[1]


@pytest.mark.slow
@settings(max_examples=examples(15))
@given(
    st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=3), min_size=1, max_size=4),
    st.lists(st.sampled_from([PICK, PLACE, "", "tässä"]), min_size=1, max_size=3),
)
def test_merging_is_concatenating(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[list[int]], tasks: list[str]
) -> None:
    folder = tmp_path_factory.mktemp("property")
    sources = [
        make(folder / f"s{n}", own, tasks=tasks[n % len(tasks) :] or tasks, seed=10 * n)
        for n, own in enumerate(lengths)
    ]
    lerotool.merge(sources, folder / "merged")
    merged = assert_is_concatenation(folder / "merged", sources)
    assert_statistics_are_numpys(merged)
    assert list(merged.tasks) == list(dict.fromkeys(merged.tasks))
    assert set(all_tasks(merged)) <= set(merged.tasks)
    # Merging in two steps is merging at once.
    if len(sources) > 2:
        lerotool.merge(sources[:2], folder / "half")
        lerotool.merge([folder / "half", *sources[2:]], folder / "again")
        again = Dataset.open(folder / "again")
        assert again.rows().equals(merged.rows())
        assert again.tasks == merged.tasks


def test_jobs_can_be_sent_to_other_processes(tmp_path: Path) -> None:
    import pickle

    from lerotool.merging.options import SourceArgument
    from lerotool.merging.planning import make_plan
    from lerotool.rewriting.data_jobs import data_jobs

    source = make(tmp_path / "a", (2, 3))
    plan = make_plan((SourceArgument.parse(source),), tmp_path / "merged")
    for folder in ("built/data/chunk-000", "blocks"):
        (tmp_path / folder).mkdir(parents=True)
    for job, _ in data_jobs(plan.work, tmp_path / "built", tmp_path / "blocks"):
        assert run_data_job(pickle.loads(pickle.dumps(job))) == 5
