"""Make and re-use the clone's own ``.venv``. Standard library only; used by demo.py and test.py."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
OLDEST = (3, 11)
PIP_OPTIONS = ("--disable-pip-version-check", "--quiet", "--no-cache-dir")
"""Nothing is left outside the clone, so pip keeps no cache."""


def say(text: str) -> None:
    """Say what is being done, on stderr."""
    print(f"==> {text}", file=sys.stderr, flush=True)


def executable(name: str, folder: Path = VENV) -> Path:
    """Return the path of a program inside a virtual environment."""
    return folder / ("Scripts" if os.name == "nt" else "bin") / (f"{name}.exe" if os.name == "nt" else name)


TOO_LONG = 124
"""The exit code of a command that was ended at its deadline, as coreutils' timeout has it."""


def run(command: Sequence[str | Path], deadline: float | None = None, **extra: str) -> int:
    """Run a command from the clone's root, with extra environment variables, and return its exit code.

    Args:
        command: the program and its arguments.
        deadline: seconds after which it is killed.
        extra: variables added to the environment.
    """
    shown = " ".join(str(Path(c).relative_to(ROOT)) if Path(c).is_relative_to(ROOT) else str(c) for c in command)
    say(shown)
    words, environment = [str(c) for c in command], {**os.environ, **extra}
    try:
        return subprocess.run(words, cwd=ROOT, env=environment, timeout=deadline, check=False).returncode
    except subprocess.TimeoutExpired:
        say(f"ended after {deadline:.0f} s")
        return TOO_LONG


def require_python() -> None:
    """Stop with a clear message when this Python is too old."""
    if sys.version_info < OLDEST:
        found = ".".join(map(str, sys.version_info[:3]))
        sys.exit(f"error: Python {OLDEST[0]}.{OLDEST[1]} or newer is needed, this is {found} ({sys.executable})")


def prepare(extra: str | None = None) -> Path:
    """Make ``.venv`` with lerotool (editable) and return its Python; re-use it when it is up to date.

    Up to date means: made by this version of Python from this ``pyproject.toml``, for this extra.

    Args:
        extra: an optional dependency group of ``pyproject.toml``.
    """
    require_python()
    python = executable("python")
    stamp = VENV / f"lerotool-{extra or 'base'}.stamp"
    wanted = _fingerprint()
    if python.exists() and stamp.exists() and stamp.read_text() == wanted:
        say(f"{VENV.name} is up to date")
        return python
    if not python.exists() or _made_for(VENV) != wanted.split()[0]:
        say(f"making {VENV.name} with Python {sys.version.split()[0]}")
        _make(VENV)
    say(f"installing lerotool{f'[{extra}]' if extra else ''} into {VENV.name}")
    target = f".[{extra}]" if extra else "."
    if run([python, "-m", "pip", "install", *PIP_OPTIONS, "--editable", target]) != 0:
        sys.exit("error: the installation failed; the lines above say why. Is PyPI reachable?")
    stamp.write_text(wanted)
    return python


def _make(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    try:
        venv.create(folder, with_pip=True, symlinks=os.name != "nt")
    except (subprocess.CalledProcessError, ModuleNotFoundError, ImportError):
        shutil.rmtree(folder, ignore_errors=True)
        sys.exit(
            "error: this Python cannot make virtual environments; on Debian and Ubuntu: apt-get install python3-venv"
        )


def _fingerprint() -> str:
    project = (ROOT / "pyproject.toml").read_bytes()
    return f"{sys.version_info[0]}.{sys.version_info[1]} {hashlib.sha256(project).hexdigest()} {ROOT}"


def _made_for(folder: Path) -> str | None:
    config = folder / "pyvenv.cfg"
    if not config.exists():
        return None
    values = dict(line.split("=", 1) for line in config.read_text().splitlines() if "=" in line)
    version = next((v.strip() for k, v in values.items() if k.strip() in ("version", "version_info")), "")
    return ".".join(version.split(".")[:2])
