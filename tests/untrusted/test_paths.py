"""Nothing outside of a dataset's folder is read, written or removed, whatever its files say."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from lerotool.checking import Code, check
from lerotool.dataset.dataset import Dataset
from lerotool.dataset.writing.staging import finish_interrupted, sweep
from lerotool.errors import CorruptDatasetError, MetadataError
from lerotool.mending.forgetting import forget
from lerotool.mending.repair import repair
from lerotool.workspace import Workspace
from tests.dataset.reading import VIDEO_SET, copy_set, edit_json, tree_hash

TEMPLATES = [
    "../{video_key}.mp4",
    "/etc/{video_key}",
    "videos/../../{video_key}/{file_index}.mp4",
    "C:\\{video_key}",
    "\\\\server\\share\\{video_key}",
    "videos/{video_key.__class__}/x.mp4",
    "videos/{video_key!r}/x.mp4",
    "videos/{chunk_index.real.__class__.__mro__}/x.mp4",
    "videos/{file_index:0999999999d}.mp4",
    "videos/{0}.mp4",
    "videos/{unknown}.mp4",
    "videos/{video_key",
    "videos/\x1b[2J{video_key}.mp4",
]


@pytest.mark.parametrize("key", ["video_path", "data_path"])
@pytest.mark.parametrize("template", TEMPLATES)
def test_a_harmful_template_is_refused_by_all_who_read_it(tmp_path: Path, key: str, template: str) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    edit_json(root / "meta/info.json", lambda document: document.update({key: template}))

    assert Code.PATH_TEMPLATE in check(root).codes
    with pytest.raises(MetadataError, match=key):
        Dataset.open(root)
    assert not repair(root).plan.steps


def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "precious.txt").write_text("precious")
    (folder / "sub").mkdir()
    (folder / "sub/precious.txt").write_text("precious")
    return folder


def journal_of(root: Path, **changes: Any) -> None:
    folder = root / ".lerotool/staging/aa"
    folder.mkdir(parents=True, exist_ok=True)
    document = {
        "schema": 1,
        "renames": [],
        "removals": [],
        "consumed": [],
        "staging": ".lerotool/staging/aa",
        **changes,
    }
    (root / ".lerotool/journal.json").write_text(json.dumps(document))


@pytest.mark.parametrize(
    "changes",
    [
        {"removals": ["../outside/precious.txt"]},
        {"removals": ["link/precious.txt"]},
        {"removals": ["/etc/passwd"]},
        {"renames": [{"source": "meta/stats.json", "target": "link/new.txt"}]},
        {"renames": [{"source": "link/precious.txt", "target": "data/stolen.txt"}]},
        {"consumed": [".lerotool/pending/../../link"]},
        {"staging": ".lerotool/staging/.."},
        {"staging": "link"},
    ],
    ids=str,
)
def test_an_unfinished_change_reaches_nothing_outside(tmp_path: Path, changes: dict[str, Any]) -> None:
    root, away = copy_set(VIDEO_SET, tmp_path), outside(tmp_path)
    (root / "link").symlink_to(away)
    journal_of(root, **changes)
    before = tree_hash(away)

    check(root)
    with pytest.raises(CorruptDatasetError):
        finish_interrupted(Workspace(root))
    repair(root)
    assert not Workspace(root).journal.exists()

    assert tree_hash(away) == before


@pytest.mark.parametrize("place", [".lerotool/staging", ".lerotool"])
def test_sweeping_removes_nothing_behind_a_link(tmp_path: Path, place: str) -> None:
    root, away = copy_set(VIDEO_SET, tmp_path), outside(tmp_path)
    if place == ".lerotool":
        (away / "staging/aa").mkdir(parents=True)
    else:
        (root / ".lerotool").mkdir()
    (root / place).symlink_to(away)
    before = tree_hash(away)

    with pytest.raises(CorruptDatasetError, match="symbolic link"):
        sweep(Workspace(root))

    assert tree_hash(away) == before


@pytest.mark.parametrize(
    "place", ["data/chunk-000/file-000.parquet", "meta/tasks.parquet", "meta/info.json", "meta/stats.json"]
)
def test_a_file_that_is_a_link_out_is_not_followed_by_check(tmp_path: Path, place: str) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    (root / place).rename(tmp_path / "elsewhere")
    (root / place).symlink_to(tmp_path / "elsewhere")

    report = check(root)

    assert any("symbolic link" in finding.text for finding in report.findings), report.findings


def test_a_folder_that_is_a_link_out_is_not_repaired(tmp_path: Path) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    (root / "data").rename(tmp_path / "elsewhere")
    (root / "data").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/chunk-000/._file-000.parquet").write_bytes(b"junk")
    before = tree_hash(tmp_path / "elsewhere")

    done = repair(root)

    assert Code.LINK_OUTSIDE in done.plan.before.codes
    assert tree_hash(tmp_path / "elsewhere") == before


def test_leftovers_behind_a_link_are_left_alone(tmp_path: Path) -> None:
    root, away = copy_set(VIDEO_SET, tmp_path), outside(tmp_path)
    (away / "file.partial-1-ab").write_text("precious")
    (root / "videos/linked").symlink_to(away)
    (root / "videos").rename(tmp_path / "videos")
    (root / "videos").symlink_to(tmp_path / "videos")
    (tmp_path / "videos/file.partial-1-ab").write_text("precious")
    before = tree_hash(away), tree_hash(tmp_path / "videos")

    repair(root, drops=True)

    assert (tree_hash(away), tree_hash(tmp_path / "videos")) == before


@pytest.mark.parametrize("place", [".lerotool", ".lerotool/repaired", ".lerotool/history"])
def test_what_repairs_have_kept_is_not_forgotten_behind_a_link(tmp_path: Path, place: str) -> None:
    root, away = copy_set(VIDEO_SET, tmp_path), outside(tmp_path)
    (away / "repaired/x").mkdir(parents=True)
    (away / "history/x").mkdir(parents=True)
    (root / place).parent.mkdir(exist_ok=True)
    (root / place).symlink_to(away)
    edit_json(root / "meta/info.json", lambda document: document.update(total_frames=1))
    before = tree_hash(away)

    with pytest.raises(CorruptDatasetError):
        forget(root)
    with pytest.raises(CorruptDatasetError):
        repair(root)

    assert tree_hash(away) == before
