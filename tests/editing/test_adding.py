"""A column comes to a dataset, with its statistics, and everything else stays as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import lerotool
from lerotool.cli.app import run
from lerotool.dataset.dataset import Dataset
from lerotool.errors import UsageError
from tests.dataset.reading import IMAGE_SET, OLD_SET, VIDEO_SET, copy_set
from tests.editing.model import Model, findings
from tests.mending.test_undoing import contents
from tests.shared import GOLDEN

REWARD = "next.reward"


@pytest.mark.parametrize("name", [VIDEO_SET, OLD_SET, IMAGE_SET])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_every_row_gets_its_value_and_the_statistics_are_exact(
    tmp_path: Path, name: str, shape: tuple[int, ...]
) -> None:
    root = copy_set(name, tmp_path)
    before = contents(root)
    rows = Dataset.open(root).num_frames
    values = np.random.default_rng(0).random((rows, *shape)).astype(np.float32)
    lerotool.edit(root, lerotool.AddFeature(REWARD, values))
    after = Dataset.open(root)
    assert np.array_equal(after.numpy(REWARD).reshape(values.shape), values)
    assert after.features[REWARD].shape == (shape or (1,))
    assert list(after.features)[-6] == REWARD
    assert findings(root) <= findings(GOLDEN / name)
    lerotool.edit(root, lerotool.DropFeature(REWARD))
    Model.of(GOLDEN / name).check(root)
    lerotool.undo(root)
    lerotool.undo(root)
    assert contents(root) == before


def test_rows_of_an_episode_share_the_value_of_the_episode(tmp_path: Path) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    lengths = Dataset.open(root).episodes.lengths
    values = np.arange(len(lengths)) % 2 == 0
    lerotool.edit(root, lerotool.AddFeature("next.success", values.tolist()))
    after = Dataset.open(root)
    assert after.features["next.success"].dtype == "bool"
    assert np.array_equal(after.numpy("next.success").reshape(-1), np.repeat(values, lengths))
    assert findings(root) <= findings(GOLDEN / VIDEO_SET)


def test_a_copy_gets_it_and_the_dataset_is_left_alone(tmp_path: Path) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    before = contents(root)
    values = np.arange(Dataset.open(root).num_frames, dtype=np.int64)
    lerotool.edit(root, lerotool.AddFeature("count", values), tmp_path / "copy")
    assert np.array_equal(Dataset.open(tmp_path / "copy").numpy("count").reshape(-1), values)
    assert findings(tmp_path / "copy") <= findings(GOLDEN / VIDEO_SET)
    assert contents(root) == before


def test_files_are_read_as_they_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = Dataset.open(GOLDEN / VIDEO_SET).num_frames
    force = np.random.default_rng(1).random((rows, 2))
    np.save(tmp_path / "a.npy", force)
    lines = ["x,y", *(f"{x!r},{y!r}" for x, y in force.tolist())]
    (tmp_path / "b.csv").write_text("\n".join(lines) + "\n")
    table = pa.table({"other": [0] * rows, "force": pa.FixedSizeListArray.from_arrays(pa.array(force.reshape(-1)), 2)})
    pq.write_table(table, tmp_path / "c.parquet")
    for file in ("a.npy", "b.csv", "c.parquet"):
        root = copy_set(VIDEO_SET, tmp_path / file[0])
        assert run(["edit", "add", str(root), "force", "--from", str(tmp_path / file), "--quiet"]) == 0, (
            capsys.readouterr().err
        )
        after = Dataset.open(root)
        assert np.array_equal(after.numpy("force"), force)
        assert after.features["force"].names == (["x", "y"] if file == "b.csv" else None)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1.0, 2.0, 3.0], "3 values, expected one for each of 62 rows or of 4 episodes"),
        (["a", "b", "c", "d"], "expected numbers, or true and false"),
        ([1.0, float("nan"), 3.0, 4.0], "value 1 is NaN or infinite"),
        (1.0, "expected numbers"),
    ],
)
def test_values_that_do_not_fit_are_refused(tmp_path: Path, values: object, expected: str) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    before = contents(root)
    with pytest.raises(UsageError, match=expected):
        lerotool.edit(root, lerotool.AddFeature(REWARD, values))  # type: ignore[arg-type]
    assert contents(root) == before


@pytest.mark.parametrize("name", ["observation.state", "index", "a/b", ""])
def test_a_name_that_cannot_be_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=r"already|cannot be the name"):
        lerotool.plan_edit(GOLDEN / VIDEO_SET, lerotool.AddFeature(name, [0, 1, 2, 3]))


def test_a_file_without_the_column_says_what_it_has(tmp_path: Path) -> None:
    pq.write_table(pa.table({"a": [1], "b": [2]}), tmp_path / "t.parquet")
    with pytest.raises(UsageError, match=r"no column 'next.reward'; it has a, b"):
        lerotool.plan_edit(GOLDEN / VIDEO_SET, lerotool.AddFeature(REWARD, tmp_path / "t.parquet"))
