"""Tasks and features get other names, and features leave: everything that names them follows."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

import lerotool
from lerotool.dataset.dataset import Dataset
from lerotool.errors import UsageError
from tests.dataset.reading import IMAGE_SET, OLD_SET, VIDEO_SET, copy_set
from tests.editing.model import Model, findings
from tests.mending.test_undoing import contents
from tests.shared import GOLDEN

FRONT, WRIST, TOP = (f"observation.images.{name}" for name in ("front", "wrist", "top"))


@pytest.mark.parametrize("name", [VIDEO_SET, OLD_SET])
def test_some_episodes_get_another_task(tmp_path: Path, name: str) -> None:
    root = copy_set(name, tmp_path)
    before = contents(root)
    lerotool.edit(root, lerotool.SetTask("fold the towel", "1,-1"))
    whole = Model.of(GOLDEN / name)
    pieces = list(whole.pieces)
    for number in (1, -1):
        pieces[number] = replace(pieces[number], task="fold the towel")
    after = replace(whole, pieces=tuple(pieces)).check(root)
    assert after.tasks[-1] == "fold the towel"
    assert findings(root) <= findings(GOLDEN / name)
    lerotool.undo(root)
    assert contents(root) == before


def test_a_task_gets_the_text_of_another_one_and_they_become_one(tmp_path: Path) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    old, other = Dataset.open(root).tasks[:2]
    lerotool.edit(root, lerotool.RenameTask(old, other))
    after = replace(Model.of(GOLDEN / VIDEO_SET), task_names={old: other}).check(root)
    assert old not in after.tasks
    assert len(set(after.tasks)) == len(after.tasks)
    assert findings(root) <= findings(GOLDEN / VIDEO_SET)


@pytest.mark.parametrize("name", [VIDEO_SET, OLD_SET, IMAGE_SET])
@pytest.mark.parametrize("feature", [FRONT, "observation.state"])
def test_a_feature_gets_another_name(tmp_path: Path, name: str, feature: str) -> None:
    root = copy_set(name, tmp_path)
    before = contents(root)
    inodes = {path.stat().st_ino for path in (root / "videos").rglob("*.mp4")}
    lerotool.edit(root, lerotool.RenameFeature(feature, TOP))
    after = replace(Model.of(GOLDEN / name), names={feature: TOP}).check(root)
    assert feature not in after.stats
    assert TOP in after.stats
    assert {path.stat().st_ino for path in (root / "videos").rglob("*.mp4")} == inodes
    assert not (root / "videos" / feature).exists()
    assert findings(root) <= findings(GOLDEN / name)
    lerotool.undo(root)
    assert contents(root) == before


@pytest.mark.parametrize("name", [VIDEO_SET, OLD_SET])
@pytest.mark.parametrize("feature", [WRIST, "action"])
def test_a_feature_leaves(tmp_path: Path, name: str, feature: str) -> None:
    root = copy_set(name, tmp_path)
    before = contents(root)
    lerotool.edit(root, lerotool.DropFeature(feature))
    after = replace(Model.of(GOLDEN / name), dropped=frozenset([feature])).check(root)
    assert feature not in after.stats
    assert not [path for path in root.rglob("*.mp4") if feature in path.parts and ".lerotool" not in path.parts]
    lerotool.undo(root)
    assert contents(root) == before


def test_gr00ts_map_names_features_as_they_are_called_now(tmp_path: Path) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    document = {"video": {"front": {"original_key": FRONT}, "wrist": {}}, "state": {"arm": {"start": 0, "end": 2}}}
    (root / "meta/modality.json").write_text(json.dumps(document))
    lerotool.edit(root, lerotool.RenameFeature(FRONT, TOP))
    lerotool.edit(root, lerotool.DropFeature(WRIST))
    found = json.loads((root / "meta/modality.json").read_text())
    assert found == {"video": {"front": {"original_key": TOP}}, "state": {"arm": {"start": 0, "end": 2}}}


def test_names_that_cannot_be_are_refused(tmp_path: Path) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    before = contents(root)
    for change, text in (
        (lerotool.RenameTask("nobody", "x"), "is not a task"),
        (lerotool.SetTask(" "), "must not be empty"),
        (lerotool.RenameFeature("timestamp", "time"), "LeRobot needs 'timestamp'"),
        (lerotool.RenameFeature("nothing", "time"), "has no feature 'nothing'"),
        (lerotool.RenameFeature(FRONT, WRIST), "has a feature"),
        (lerotool.RenameFeature(FRONT, "a/b"), "cannot be the name"),
        (lerotool.DropFeature("index"), "LeRobot needs 'index'"),
    ):
        with pytest.raises(UsageError, match=text):
            lerotool.edit(root, change)
    assert contents(root) == before
