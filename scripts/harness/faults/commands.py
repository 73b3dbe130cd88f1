"""The commands that are killed, and the datasets that they work on."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import lerotool
from harness.faults.recordings import Inline, record
from lerotool.dataset.info import INFO
from lerotool.encoding.plan import EncodeOptions
from lerotool.encoding.run import encode_pending

_ROOT = Path(__file__).resolve().parents[3]
_GOLDEN = _ROOT / "tests" / "golden"
_HOUR_S = 3600
_SIM = ("--robot", "sim")
_TAKES = ("--episodes", "3", "--episode-time", "0.4", "--reset-time", "0", "--min-episode-time", "0")
_CAMERA = ("--camera", "front=sim:numbered,128x64")
_FRONT, _TOP = "observation.images.front", "observation.images.top"
_SMALL = ("--quick", "--size", "64x64", "--cameras", "1", "--episode-time", "0.5")
_USAGE = 2


@dataclass(frozen=True, slots=True)
class Command:
    """A command to kill.

    Attributes:
        name: how it is called here.
        arguments: of the module.
        module: what runs, as ``python -m`` does it.
        again: a code with which it may also end where it has been run before.
        later_s: how long after the kill it is run once more.
    """

    name: str
    arguments: tuple[str, ...]
    module: str = "lerotool"
    again: int = 0
    later_s: int = 0


WRITING = (
    Command("encode", ("encode", "--pending", "set", "--jobs", "2")),
    Command("merge", ("merge", "set", "other", "-o", "merged", "--jobs", "2")),
    Command("stats --write", ("stats", "--write", "set", "--jobs", "2")),
    Command("stats --export", ("stats", "--export", "gr00t", "other", "-o", "exported.json")),
    Command("encode -o", ("encode", "set", "-o", "encoded", "--codec", "h264", "--jobs", "2")),
    Command("check --repair", ("check", "--repair", "damaged", "--jobs", "2")),
    Command("check --jobs", ("check", "other", "--jobs", "2")),
    Command("setup cameras", ("setup", "cameras", "bench", *_CAMERA, "--seconds", "0.2")),
    Command("setup ports", ("setup", "ports", "bench", "--leader", "leader", "--follower", "follower")),
)
"""What they leave, the same command removes on its next run."""
LONG = (
    Command("record", ("record", *_SIM, "--root", "recorded", *_CAMERA, *_TAKES, "--batch", "1", "--preset", "13")),
    Command("benchmark", ("benchmark", "--part", "codecs", *_SMALL)),
)
"""Of the same kind, but they take their time."""
CHANGING = (
    Command("encode what LeRobot left", ("encode", "--pending", "crashed", "--jobs", "2"), later_s=_HOUR_S),
    Command("check --undo", ("check", "--undo", "repaired")),
    Command("check --forget", ("check", "--forget", "repaired")),
    Command("edit delete", ("edit", "delete", "edited", "0")),
    Command("edit trim", ("edit", "trim", "edited", "--first", "1")),
    Command("edit task", ("edit", "task", "edited", "Another task.")),
    Command("edit rename", ("edit", "rename", "edited", f"{_FRONT}={_TOP}"), again=_USAGE),
    Command("edit add", ("edit", "add", "edited", "next.reward", "--from", "rewards.csv"), again=_USAGE),
    Command("edit drop", ("edit", "drop", "edited", _FRONT), again=_USAGE),
    Command("edit repack", ("edit", "repack", "edited")),
    Command("edit split", ("edit", "split", "edited", "first=0", "rest=1-3")),
    Command("edit undo", ("edit", "undo", "edited")),
    Command("edit forget", ("edit", "forget", "edited")),
    Command("push", ("push", "other", "--repo-id", "me/new")),
    Command("pull", ("pull", "me/other")),
    Command("DatasetWriter", ("written",), "harness.faults.with_writer"),
    Command("lerotool.lerobot", (str(Path(__file__).with_name("with_lerobot.py")), "made"), "lerotool.lerobot"),
)
"""Of the same kind: edits and the ways back, the Hub, scripts."""
READING = (
    Command("info", ("info", "other")),
    Command("stats", ("stats", "other")),
    Command("check", ("check", "other")),
)
"""They leave nothing at any moment."""
COMMANDS = (*WRITING, *LONG, *CHANGING, *READING)
NOT_KILLED = {
    "help": "prints",
    "version": "prints",
    "config": "prints",
    "list": "prints",
    "edit": "a group",
    "edit keep": "what `edit delete` does, told the other way round",
    "edit log": "prints",
    "replay": "moves an arm",
    "view": "serves; marks are one file, replaced: tests/web/test_marks.py kills it",
    "setup": "asks and calls the others",
    "setup robots": "prints",
    "setup emulate": "serves until it is stopped: tests/cli/test_setup_emulate.py",
    "setup bus": "prints",
    "setup motors": "writes into motors: tests/cli/test_setup_motors.py interrupts it",
    "setup calibrate": "writes into motors: tests/cli/test_setup_calibrate.py interrupts it",
}
"""Commands that are not killed, and why."""


def make_datasets(folder: Path) -> None:
    """Make what the commands work on: datasets in every state, and a file for ``edit add``."""
    for number, name in enumerate(("set", "other")):
        _encoded(folder / name, number)
    record(folder / "set", 3)
    record(folder / "set", 4)
    _encoded(folder / "edited", *range(4))
    lerotool.edit(folder / "edited", lerotool.SetTask("One task."))
    lerotool.edit(folder / "edited", lerotool.TrimEpisodes(last=1))
    rows = lerotool.Dataset(folder / "edited").rows().num_rows
    (folder / "rewards.csv").write_text("next.reward\n" + "0.5\n" * rows)
    shutil.copytree(folder / "other", folder / "repaired")
    for _ in range(2):
        _damage(folder / "repaired")
        lerotool.repair(folder / "repaired")
    shutil.copytree(folder / "other", folder / "damaged")
    _damage(folder / "damaged")
    shutil.copytree(_GOLDEN / "v30_lerobot061_crashed", folder / "crashed")
    # Nothing is touched that something may still be writing.
    age(folder / "crashed", _HOUR_S)


def age(folder: Path, seconds: float) -> None:
    """Make everything in a folder as if it had been written so much earlier."""
    for path in folder.rglob("*"):
        then = path.lstat().st_mtime - seconds
        os.utime(path, (then, then), follow_symlinks=False)


def _encoded(root: Path, *sequences: int) -> None:
    for sequence in sequences:
        record(root, sequence)
    encode_pending(root, EncodeOptions(jobs=1, pack=False), executor=Inline())


def _damage(root: Path) -> None:
    info = json.loads((root / INFO).read_text())
    (root / INFO).write_text(json.dumps({**info, "total_frames": 1}, indent=4))
