"""Run a script that records with LeRobot, through lerotool: ``python -m lerotool.lerobot SCRIPT ARGUMENTS…``."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from lerotool.errors import LerotoolError
from lerotool.lerobot.patching import patch

_USAGE = 2


def main() -> int:
    """Run the script named on the command line; returns the exit code."""
    if len(sys.argv) < 2:
        sys.stderr.write("usage: python -m lerotool.lerobot SCRIPT ARGUMENTS…\n")
        return _USAGE
    script = Path(sys.argv[1])
    if not script.is_file():
        sys.stderr.write(f"error: {script} is not a file, expected a Python script\n")
        return _USAGE
    sys.argv = sys.argv[1:]
    sys.path[0] = str(script.resolve().parent)
    patch()
    sys.stderr.write(f"lerotool records in place of LeRobot in {script}\n")
    try:
        runpy.run_path(str(script), run_name="__main__")
    except LerotoolError as error:
        sys.stderr.write(f"error: {error.message}\n" + (f"hint: {error.hint}\n" if error.hint else ""))
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
