"""The real LeRobot loads what edits leave, and its own tools work on it, pictures that no episode needs or not."""

from __future__ import annotations

from pathlib import Path

import pytest

import lerotool
from lerotool.editing.changes import Change
from tests.dataset.reading import IMAGE_SET, SMALL_FILES_SET, VIDEO_SET, copy_set
from tests.lerobot_judge import judge, use_tools
from tests.test_lerobot_tools import ALL, LEROBOT_FAILS

pytestmark = [pytest.mark.lerobot, pytest.mark.timeout(900)]

FRONT, WRIST, TOP = (f"observation.images.{name}" for name in ("front", "wrist", "top"))
CHANGES: dict[str, tuple[str, Change]] = {
    "front": (VIDEO_SET, lerotool.DeleteEpisodes(0)),
    "between": (VIDEO_SET, lerotool.DeleteEpisodes("1-2")),
    "end": (VIDEO_SET, lerotool.DeleteEpisodes(-1)),
    "trimmed": (VIDEO_SET, lerotool.TrimEpisodes(first=2, last=1)),
    "trimmed, pictures in rows": (IMAGE_SET, lerotool.TrimEpisodes(first=1, last=1)),
    "tasks": (VIDEO_SET, lerotool.SetTask("fold the towel", "0,2")),
    "renamed": (VIDEO_SET, lerotool.RenameFeature(FRONT, TOP)),
    "dropped": (VIDEO_SET, lerotool.DropFeature(WRIST)),
    "repacked": (SMALL_FILES_SET, lerotool.RepackFiles()),
    "small files": (SMALL_FILES_SET, lerotool.DeleteEpisodes("0,3")),
}


def edited(name: str, folder: Path) -> Path:
    source, change = CHANGES[name]
    root = copy_set(source, folder / name)
    lerotool.edit(root, change)
    return root


def test_lerobot_loads_what_every_edit_leaves(tmp_path: Path) -> None:
    for name in CHANGES:
        judge(edited(name, tmp_path))


def test_lerobots_own_tools_give_every_row_and_picture_back(tmp_path: Path) -> None:
    """Its recorder, merge, delete, split and loaders do not mind pictures that no episode needs."""
    roots = [edited(name, tmp_path) for name in ("front", "between", "end", "trimmed")]
    (tmp_path / "scratch").mkdir()
    jobs = [{"root": str(root), "operations": list(ALL), "takes": 0} for root in roots]
    answers = use_tools(jobs, tmp_path / "scratch")
    fails = LEROBOT_FAILS["of videos"]
    for root in roots:
        wrong = {name: said for name, said in answers[str(root)].items() if bool(said) != (name in fails)}
        assert not wrong, root
