"""From a fresh clone to a LeRobot dataset, without hardware.

    python3 scripts/demo.py [FOLDER]

Makes .venv, installs lerotool, records three short episodes of a simulated SO-101 with two cameras, their videos
encoded in batches, shows the dataset, and says how to look at it in a browser. The dataset is written to FOLDER
(default: .demo/dataset in the clone). Standard library only.
"""

from __future__ import annotations

import argparse
import shlex
import shutil
import sys
from pathlib import Path

from environment import ROOT, executable, prepare, run, say


def shown(folder: Path) -> str:
    """Return a folder as an argument of a command, seen from the clone where it is inside."""
    return shlex.quote(str(folder.relative_to(ROOT) if folder.is_relative_to(ROOT) else folder))


def main() -> int:
    """Run the demo and return the exit code."""
    parser = argparse.ArgumentParser(description="From a fresh clone to a LeRobot dataset, without hardware.")
    parser.add_argument("folder", nargs="?", type=Path, help="where the dataset goes (default: .demo/dataset)")
    folder = parser.parse_args().folder
    if folder is None:
        folder = ROOT / ".demo" / "dataset"
        shutil.rmtree(folder, ignore_errors=True)
    folder = folder.resolve()
    prepare("view")
    lerotool = executable("lerotool")
    record = ["record", "--robot", "sim", "--root", folder, "--task", "Put the cube into the bin", "--batch", "2"]
    record += ["--episodes", "3", "--episode-time", "4", "--reset-time", "0"]
    for arguments in (record, ["encode", "--pending", folder], ["info", folder]):
        if code := run([lerotool, *arguments]):
            return code
    say(f"the dataset is in {folder}")
    say(f"look at what was recorded: {lerotool.relative_to(ROOT)} view {shown(folder)}")
    say(f"go on with: {lerotool.relative_to(ROOT)} record --help")
    return 0


if __name__ == "__main__":
    sys.exit(main())
