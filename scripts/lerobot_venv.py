"""Install the real LeRobot into a virtual environment of its own. Standard library only."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

from environment import PIP_OPTIONS, ROOT, executable, say

VERSION = "0.6.1"
PACKAGES = (
    *(f"lerobot[dataset,feetech,dynamixel,lekiwi]=={VERSION}", "lerobot-robot-dummy==1.0.1"),
    *("pytest", "pytest-timeout"),
)
"""With what drives servos and a robot over the network, a plug-in of a robot that needs no hardware, and what LeRobot's
own tests are run by."""
NEEDS = (3, 12)


def prepare(folder: Path) -> tuple[Path | None, str]:
    """Return the Python of a virtual environment with LeRobot, made in ``folder`` if it is not there yet.

    Returns:
        The interpreter and an empty text, or None and the reason why there is none.
    """
    folder = folder.expanduser().resolve()
    python = executable("python", folder)
    if _has_packages(python):
        return python, ""
    base = _find_python()
    if base is None:
        return None, f"LeRobot {VERSION} needs Python {NEEDS[0]}.{NEEDS[1]} or newer, and none was found"
    say(f"installing LeRobot {VERSION} (about 5 GB) into {folder}")
    made = subprocess.run([base, "-m", "venv", str(folder)], check=False)
    if made.returncode != 0:
        return None, f"{base} could not make a virtual environment in {folder}"
    # lerotool records beside LeRobot in some tests, from the clone, so its libraries are there too.
    ours = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    pip = [str(python), "-m", "pip", "install", *PIP_OPTIONS, *PACKAGES, *ours]
    if subprocess.run(pip, check=False).returncode != 0 or not _has_packages(python):
        return None, f"pip could not install {' '.join(PACKAGES)}"
    return python, ""


def _has_packages(python: Path) -> bool:
    if not python.exists():
        return False
    names = (
        *("lerobot", "lerobot-robot-dummy", "feetech-servo-sdk", "dynamixel-sdk", "pyzmq"),
        *("pytest", "pydantic", "tomlkit", "typer"),
    )
    code = f"from importlib.metadata import version; print(*map(version, {names}))"
    found = subprocess.run([str(python), "-c", code], capture_output=True, text=True, check=False)
    return found.stdout.split()[:1] == [VERSION]


def _find_python() -> str | None:
    """Return a Python new enough for LeRobot: this one, one on the path, or one of pyenv's."""
    if sys.version_info >= NEEDS:
        return sys.executable
    names = [f"python3.{minor}" for minor in (12, 13)]
    pyenv = Path(os.environ.get("PYENV_ROOT", "~/.pyenv")).expanduser() / "versions"
    candidates = [found for name in names if (found := shutil.which(name))]
    candidates += [str(p) for minor in (12, 13) for p in sorted(pyenv.glob(f"3.{minor}.*/bin/python"))]
    for candidate in candidates:
        code = f"import sys, venv; sys.exit(sys.version_info < {NEEDS})"
        # A pyenv shim on the path answers only when that version is selected.
        if subprocess.run([candidate, "-c", code], capture_output=True, check=False).returncode == 0:
            return candidate
    return None
