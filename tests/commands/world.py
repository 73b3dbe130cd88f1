"""A home and a working folder in which everything lies that the printed command lines name."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import lerotool
from lerotool.dataset.marks import save_mark
from lerotool.spool.documents import write_mark
from lerotool.spool.pending import pending_folders
from tests.encoding.recordings import record
from tests.shared import GOLDEN
from tests.statistics.sets import arm_set, moving

HOME = Path(".cache/huggingface/lerobot")
TWO_CAMS, FRONT, TOP = GOLDEN / "v30_lerobot061_two_cams", "observation.images.front", "observation.images.top"


def make_world(home: Path) -> None:
    """Make the home and ``home/work``, where lines are typed."""
    work = home / "work"
    work.mkdir(parents=True)
    named = [HOME / "me/pick-cube", HOME / "user/pick-cube", HOME / "local/so101_sim", "recordings/pick-cube"]
    named.append(HOME / "lerobot/svla_so101_pickplace")
    for name in (*named, HOME / "local/bench-pick-up-the-cube", HOME / "me/part1", HOME / "me/part2", "work/merged"):
        copy_world(TWO_CAMS, home / name)
    save_mark(home / HOME / "me/pick-cube", 0, {"outcome": "success"})
    save_mark(home / HOME / "me/pick-cube", 2, {"flagged": True})
    for sequence in range(8):
        record(work / "data/pick", sequence, range(3))
    write_mark(pending_folders(work / "data/pick")[0], {"outcome": "success"})
    for name, episodes in (("ds1", 3), ("ds2", 16)):
        arm_set(work / name, [moving(seed, 12) for seed in range(episodes)])
    copy_world(TWO_CAMS, work / "a")
    lerotool.merge([TWO_CAMS], work / "b", rename={FRONT: TOP})
    (work / "rewards.csv").write_text("reward\n0.5\n0\n1\n0.25\n")
    copy_world(TWO_CAMS, work / "so100")
    copy_world(GOLDEN / "v30_lerobot061_wide", work / "wide")
    copy_world(GOLDEN / "v21_lerobot033_two_cams", work / "old")


def copy_world(source: Path, target: Path) -> None:
    """Copy by links: no command changes a file in place."""
    shutil.copytree(source, target, copy_function=os.link, dirs_exist_ok=True)
