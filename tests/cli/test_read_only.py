"""Commands that read write nothing, wherever the dataset lies; commands that write say why they cannot."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from lerotool.cli.app import run
from lerotool.dataset.dataset import Dataset
from lerotool.workspace import Workspace
from tests.dataset.reading import OLD_SET, VIDEO_SET, copy_set, tree_hash
from tests.dataset.test_read_while_writing import interrupted
from tests.patience import PATIENCE_S
from tests.shared import GOLDEN

COMMIT = "0123456789abcdef0123456789abcdef01234567"
READ = (["info"], ["check"], ["stats", "--skip-images"], ["stats", "--verify", "--skip-images"], ["info", "--json"])


@pytest.fixture
def cached(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A golden set as the Hub's cache keeps it; the working directory is empty."""
    monkeypatch.delenv("HF_LEROBOT_HOME", raising=False)
    monkeypatch.delenv("HF_HUB_CACHE", raising=False)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    repository = tmp_path / "hf" / "hub" / "datasets--user--name"
    root = repository / "snapshots" / COMMIT
    (repository / "blobs").mkdir(parents=True)
    for number, path in enumerate(sorted(p for p in (GOLDEN / VIDEO_SET).rglob("*") if p.is_file())):
        shutil.copyfile(path, repository / "blobs" / str(number))
        link = root / path.relative_to(GOLDEN / VIDEO_SET)
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(os.path.relpath(repository / "blobs" / str(number), link.parent))
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return root


def test_a_dataset_of_the_hubs_cache_is_read_by_its_name(cached: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = tree_hash(cached)
    for command in READ:
        assert run([command[0], "user/name", *command[1:]]) == 0, command
    size = sum(path.stat().st_size for path in cached.rglob("*") if path.is_file())
    assert json.loads(capsys.readouterr().out.rpartition("\n{\n")[2].join(["{\n", ""]))["bytes"] == size
    assert run(["merge", "user/name", "-o", "copy"]) == 0
    said = capsys.readouterr()
    assert COMMIT not in said.err + said.out
    assert not any(path.is_symlink() for path in Path("copy").rglob("*"))
    assert Dataset.open("copy").rows() == Dataset.open("user/name").rows()
    assert tree_hash(cached) == before


def test_nothing_is_written_into_the_hubs_cache_and_the_hint_works(
    cached: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["stats", "--write", "--skip-images"]
    before = tree_hash(cached)
    assert run([*command, "user/name"]) == 3
    hint = capsys.readouterr().err.rpartition("hint: make a copy of your own first: ")[2].split()
    assert tree_hash(cached) == before
    assert run(hint[1:]) == 0
    assert run([*command, "name"]) == 0


@pytest.mark.parametrize("command", READ, ids=" ".join)
def test_a_command_that_reads_says_that_a_change_was_interrupted_and_leaves_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: Sequence[str]
) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    interrupted(root)
    before = tree_hash(root)
    assert run([command[0], str(root), *command[1:]]) == (3 if command == ["check"] else 0)
    said = capsys.readouterr()
    assert "interrupted" in said.err + said.out
    assert tree_hash(root) == before


def test_a_source_whose_change_was_interrupted_is_merged_as_it_was_before(tmp_path: Path) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    expected = Dataset.open(root).rows()
    interrupted(root)
    before = tree_hash(root)
    assert run(["merge", str(root), "-o", str(tmp_path / "merged")]) == 0
    assert Dataset.open(tmp_path / "merged").rows() == expected
    assert tree_hash(root) == before


def test_a_hint_that_finishes_an_interrupted_change_works(tmp_path: Path) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    workspace = interrupted(root)
    unfinished = str(Dataset.open(root).unfinished)
    words = unfinished.partition("(")[2].partition(" finishes")[0].split()
    assert run(words[1:]) in (0, 3, 8)
    assert not workspace.journal.exists()


LIMITED = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search,-fowner"]
"""A root that may not do what another user may not: the files of others and read-only folders are closed to it."""


def as_anybody(command: Sequence[str | Path]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, check=False)


def why_not(command: Sequence[str]) -> str | None:
    try:
        done = as_anybody([*command, "true"])
    except OSError as error:
        return str(error)
    return done.stderr.strip() or None if done.returncode else None


MOUNTED = ["unshare", "-rm", "sh", "-c", 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"']
is_limited = pytest.mark.skipif(
    sys.platform != "linux" or os.geteuid() != 0 or why_not(LIMITED) is not None,
    reason="needs Linux, root and setpriv, to be a user whose rights are known",
)
can_mount = pytest.mark.skipif(
    sys.platform != "linux" or why_not([*MOUNTED[:-1], MOUNTED[-1], "/tmp"]) is not None,
    reason="mounting is not permitted",
)


def closed(root: Path, owner: int) -> None:
    for path in (root, *root.rglob("*")):
        os.chown(path, owner, owner)
        path.chmod(0o555 if path.is_dir() else 0o444)


@pytest.mark.slow
@is_limited
@pytest.mark.sampled
@pytest.mark.parametrize("owner", [0, 12345], ids=["read-only", "of another user"])
@pytest.mark.parametrize("has_journal", [False, True], ids=["whole", "interrupted"])
def test_a_dataset_that_may_not_be_written_to_is_read(tmp_path: Path, owner: int, has_journal: bool) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    if has_journal:
        interrupted(root)
    closed(root, owner)
    before = tree_hash(root)
    lerotool = [*LIMITED, sys.executable, "-m", "lerotool"]
    for command in READ if not has_journal else READ[::2]:
        done = as_anybody([*lerotool, command[0], root, *command[1:]])
        assert done.returncode == 0, done.stderr
    done = as_anybody([*lerotool, "merge", root, "-o", tmp_path / "merged"])
    assert done.returncode == 0, done.stderr
    done = as_anybody([*lerotool, "stats", "--write", "--skip-images", root])
    assert done.returncode == 1
    assert f"error: {root}/.lerotool" in done.stderr
    assert "permission denied\nhint: check who owns the file and folder" in done.stderr
    assert tree_hash(root) == before


@is_limited
def test_a_target_in_a_read_only_folder_is_told(tmp_path: Path) -> None:
    (tmp_path / "parent").mkdir(mode=0o555)
    command = [*LIMITED, sys.executable, "-m", "lerotool", "merge", GOLDEN / OLD_SET, "-o", tmp_path / "parent/new"]
    done = as_anybody(command)
    assert done.returncode == 1
    assert "permission denied\nhint: check who owns the file and folder" in done.stderr
    assert not list((tmp_path / "parent").iterdir())


@pytest.mark.slow
@can_mount
def test_a_read_only_mount_is_read_and_writing_to_it_is_told(tmp_path: Path) -> None:
    root = copy_set(VIDEO_SET, tmp_path)
    interrupted(root)
    lerotool = [*MOUNTED, root, sys.executable, "-m", "lerotool"]
    for command in (["info"], ["stats", "--skip-images"]):
        done = as_anybody([*lerotool, command[0], root, *command[1:]])
        assert done.returncode == 0, done.stderr
        assert "was interrupted" in done.stderr
    done = as_anybody([*lerotool, "stats", "--write", "--skip-images", root])
    assert done.returncode == 1
    assert "read-only file system\nhint: the file system is read-only" in done.stderr
    assert Workspace(root).journal.exists()
