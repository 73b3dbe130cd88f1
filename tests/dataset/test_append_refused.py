"""What does not fit a dataset is refused before anything is written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pytest

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
from lerotool.features import Feature
from lerotool.workspace import Workspace
from tests.dataset.faults import contents
from tests.dataset.writing import FEATURES, FPS, FRONT, STATE_ONLY, WRIST, episode, make, timing, video


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


def test_a_file_that_would_sort_before_the_last_one_is_refused(tmp_path: Path) -> None:
    root = tmp_path / "ds"
    make(root, STATE_ONLY, [[["a"] * 3]])
    (root / "data/chunk-000").rename(root / "data/part-a")
    with DatasetAppender.open(root) as appender:
        with pytest.raises(IncompatibleDatasetError, match="would not come after"):
            appender.append([episode(tmp_path / "e", STATE_ONLY, ["b"] * 3, 5)])
        assert appender.num_episodes == 1
