"""Whatever is wrong with a dataset: who does what the product advises, and forgets, loses no row and no picture."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lerotool.dataset.dataset import Dataset
from lerotool.errors import LerotoolError
from tests.checking.advised import advised, follow, readable
from tests.checking.defects import DEFECTS, NOTES
from tests.dataset.reading import OLD_SET, SMALL_FILES_SET, VIDEO_SET, copy_set
from tests.untrusted.mutations import Mutation, damage, mutations

ROUNDS = 3
quick = settings(max_examples=4, deadline=None)
CASES = {**DEFECTS, **NOTES}
BASES = (VIDEO_SET, OLD_SET, SMALL_FILES_SET)


def of_base(base: str) -> list[str]:
    return [name for name, case in CASES.items() if case.base == base]


def frames(root: Path) -> int:
    """Return how many frames the dataset has, 0 where it cannot be opened."""
    try:
        return Dataset.open(root).num_frames
    except (LerotoolError, OSError):
        return 0


def follow_everything(root: Path) -> None:
    """Follow the advice, and forget after each command; at no time is there less than before."""
    before, count = readable(root), frames(root)
    for _ in range(ROUNDS):
        commands = advised(root)
        for command in commands:
            start = before
            for step in (command, ["check", str(root), "--forget"]):
                follow(root, step)
                now = readable(root)
                for name, first, old, new in zip(("rows", "pictures"), start, before, now, strict=True):
                    # Pictures that were files become those of a video; the files are kept until they are forgotten.
                    gone = first.total() - new.total() if command[0] == "encode" else (old - new).total()
                    assert gone <= 0, f"{gone} {name} are gone after {step}"
                before = now
                if "--drop-episodes" not in command:
                    assert frames(root) >= count, step
                count = frames(root)
        if not commands:
            return


@pytest.mark.slow
@pytest.mark.parametrize("base", BASES)
@quick
@given(data=st.data())
def test_no_advice_about_defects_loses_rows_or_pictures(base: str, data: st.DataObject) -> None:
    names = data.draw(st.lists(st.sampled_from(of_base(base)), min_size=1, max_size=3, unique=True))
    with tempfile.TemporaryDirectory() as folder:
        root = copy_set(base, Path(folder))
        for name in names:
            try:
                CASES[name].change(root)
            except (OSError, KeyError, ValueError, LerotoolError, IndexError):
                continue  # what it changes is gone or damaged already
        follow_everything(root)


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [
        "v2.1: data_path is another",
        "v2.1: stray data",
        "data doubled",
        "data missing",
        "video cut",
        "video_path is another",
        "more pictures than rows",
        "pictures of LeRobot",
        "rows of the last episode missing",
        "last episode missing in the table",
    ],
)
def test_no_advice_about_a_defect_loses_rows_or_pictures(tmp_path: Path, name: str) -> None:
    follow_everything(CASES[name].make(tmp_path))


def test_no_advice_loses_an_episode_of_which_rows_are_missing_when_the_total_is_wrong_too(tmp_path: Path) -> None:
    root = CASES["rows of the last episode missing"].make(tmp_path)
    for name in ("total_frames is a float", "a byte order mark"):
        CASES[name].change(root)
    follow_everything(root)


@pytest.mark.slow
@pytest.mark.parametrize("base", BASES)
@quick
@given(data=st.data(), changes=mutations)
def test_no_advice_about_damaged_files_loses_rows_or_pictures(
    base: str, data: st.DataObject, changes: list[Mutation]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = copy_set(base, Path(folder))
        files = sorted(path for path in root.rglob("*") if path.is_file())
        damage(data.draw(st.sampled_from(files)), changes)
        follow_everything(root)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["v30_lerobot061_crashed", "v30_lerobot061_batch_crashed"])
def test_no_advice_about_a_killed_recording_loses_rows_or_pictures(tmp_path: Path, name: str) -> None:
    follow_everything(copy_set(name, tmp_path))
