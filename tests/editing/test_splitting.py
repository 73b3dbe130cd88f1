"""A dataset is split into new ones: every episode goes where it is sent, and into one of them only."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import lerotool
from lerotool.cli import app
from lerotool.dataset.dataset import Dataset
from lerotool.editing.splitting import Share, split_by_task, split_episodes
from lerotool.errors import TargetExistsError, UsageError
from tests.dataset.reading import VIDEO_SET, copy_set
from tests.editing.model import Model, findings
from tests.mending.test_undoing import contents
from tests.merging.sets import make
from tests.shared import GOLDEN


@pytest.fixture(scope="module")
def ten(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return Dataset.open(make(tmp_path_factory.mktemp("ten") / "ten", (2,) * 10, tasks=("Pick the cube!",)))


def test_parts_are_datasets_beside_it_and_it_is_only_read(tmp_path: Path) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    before = contents(root)
    for plan in lerotool.plan_split(root, {"train": "0,2-3", "val": [1]}).values():
        plan.carry_out()
    assert contents(root) == before
    Model.of(root).without(1).check(tmp_path / f"{VIDEO_SET}-train")
    Model.of(root).without(0, 2, 3).check(tmp_path / f"{VIDEO_SET}-val")
    assert findings(tmp_path / f"{VIDEO_SET}-train") <= findings(GOLDEN / VIDEO_SET)
    with pytest.raises(TargetExistsError):
        lerotool.plan_split(root, {"train": "0"})


@pytest.mark.parametrize("seed", [None, 1])
def test_fractions_are_of_all_and_a_seed_shuffles_them_the_same_way_every_time(ten: Dataset, seed: int | None) -> None:
    shares: dict[str, Share] = {"train": 0.8, "val": "0.1", "test": 0.1}
    parts = split_episodes(ten, shares, seed)
    assert [len(part) for part in parts.values()] == [8, 1, 1]
    assert sorted(np.concatenate(list(parts.values())).tolist()) == list(range(10))
    assert (parts["train"].tolist() == list(range(8))) == (seed is None)
    again = split_episodes(ten, shares, seed)
    assert all(np.array_equal(again[name], parts[name]) for name in parts)


def test_each_task_gets_a_part_with_a_name_made_of_it(ten: Dataset, tmp_path: Path) -> None:
    assert {name: part.tolist() for name, part in split_by_task(ten).items()} == {"pick-the-cube": list(range(10))}
    with pytest.raises(UsageError, match="episode 0 has several tasks"):
        split_by_task(Dataset.open(make(tmp_path / "two", (3,))))


@pytest.mark.parametrize(
    ("shares", "text"),
    [
        ({}, "no parts"),
        ({"a": "0-5", "b": "5"}, "episode 5 would be in 'a' and in 'b'"),
        ({"a": 0.7, "b": 0.4}, "more than all"),
        ({"a": 0.7, "b": "3"}, "some parts are fractions"),
        ({"a": 0.99, "b": 0.01}, "no episode would be in b"),
        ({"a/b": 0.5}, "cannot be the name"),
        ({"a": 1.5}, "not a fraction"),
        ({"a": "11"}, "asked for 11"),
    ],
)
def test_parts_that_cannot_be_are_refused(ten: Dataset, shares: dict[str, Share], text: str) -> None:
    with pytest.raises(UsageError, match=text):
        split_episodes(ten, shares)


def test_the_command_tells_of_every_part(capsys: pytest.CaptureFixture[str], ten: Dataset) -> None:
    arguments = ["edit", "split", str(ten.root), "a=0.5", "b=0.5", "--json"]
    assert app.run([*arguments, "--dry-run"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [(part["name"], part["episodes"]) for part in told["parts"]] == [("a", 5), ("b", 5)]
    assert not Path(f"{ten.root}-a").exists()
    assert app.run(arguments) == 0
    assert Dataset.open(f"{ten.root}-b").num_episodes == 5
    assert app.run(["edit", "split", str(ten.root)]) == 2
