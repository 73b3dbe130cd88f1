"""A rescue that is cut off is completed by the next."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lerotool.encoding.events import Ending
from lerotool.spool.pending import list_pending
from tests.mending.rescue.leftovers import (
    BATCH,
    FRONT,
    WRIST,
    Encode,
    age,
    assert_is,
    copy_golden,
    expected_of,
    picture,
)
from tests.patience import PATIENCE_S

CHILD = """
import os, sys
from pathlib import Path
import lerotool.storage as storage
limit, count = int(sys.argv[2]), 0
def counted(name):
    global count
    real = getattr(os, name)
    def call(*args, **kwargs):
        global count
        count += 1
        if count > limit:
            os._exit(9)
        return real(*args, **kwargs)
    setattr(os, name, call)
for name in ("replace", "rename", "link", "unlink", "rmdir", "mkdir", "fsync"):
    counted(name)
from lerotool.encoding.plan import EncodeOptions
from lerotool.encoding.run import encode_pending
from lerotool.execution import ThisMachine
encode_pending(Path(sys.argv[1]), EncodeOptions(rescue=True, jobs=1))
"""


SHARES = [0.12, 0.5, *(pytest.param(share, marks=pytest.mark.slow) for share in (0.02, 0.22, 0.3, 0.7, 0.85))]


@pytest.mark.slow
@pytest.mark.parametrize("share", SHARES)
def test_a_rescue_that_is_cut_off_anywhere_is_completed_by_the_next(
    encode: Encode, tmp_path: Path, share: float
) -> None:
    root = copy_golden(BATCH, tmp_path / "set")
    calls = 600
    command = [sys.executable, "-c", CHILD, str(root), str(int(share * calls))]
    killed = subprocess.run(command, capture_output=True, timeout=PATIENCE_S)
    assert killed.returncode == 9, killed.stderr.decode()
    age(root / "data")
    encode(root)
    assert_is(root, expected_of(BATCH))
    assert not (root / "images").exists()
    assert list_pending(root) == []


def test_the_folder_of_workers_that_a_killed_run_has_left_goes_with_the_next(encode: Encode, tmp_path: Path) -> None:
    root = copy_golden(BATCH, tmp_path / "set")
    encode(root)
    (root / ".lerotool" / "rescuing" / "job").mkdir(parents=True)
    encode(root)
    assert not (root / ".lerotool" / "rescuing").exists()


def test_pictures_that_a_cut_off_run_has_not_removed_go_with_the_next(
    encode: Encode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = copy_golden(BATCH, tmp_path / "set")

    def interrupted(root: Path) -> int:
        picture(root, FRONT, 0, 0).unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("lerotool.encoding.run.remove_rescued", interrupted)
        with pytest.raises(KeyboardInterrupt):
            encode(root)
    assert picture(root, WRIST, 2, 6).exists()
    report = encode(root)
    assert (report.ending, report.episodes) == (Ending.COMPLETE, 0)
    assert_is(root, expected_of(BATCH))
    assert not (root / "images").exists()


def test_a_picture_that_came_later_is_not_removed(encode: Encode, tmp_path: Path) -> None:
    root = copy_golden(BATCH, tmp_path / "set")
    other = picture(root, FRONT, 0, 0).with_name("notes.txt")
    other.write_text("mine")
    age(root)
    encode(root)
    assert [path for path in (root / "images").rglob("*") if path.is_file()] == [other]
