r"""Where robots are described: ``robots/NAME.toml`` in lerotool's own configuration folder.

``$LEROTOOL_CONFIG``, else ``$XDG_CONFIG_HOME/lerotool`` or ``~/.config/lerotool``; ``%APPDATA%\lerotool`` on Windows,
``~/Library/Application Support/lerotool`` on macOS.
"""

from __future__ import annotations

import os
import re
import sys
import tomllib
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from lerotool.devices.config.model import ArmConfig, CameraConfig, PairConfig, RobotConfig
from lerotool.devices.config.text import render
from lerotool.errors import UsageError
from lerotool.storage import make_directory, write_atomic

SIMULATED = "sim"
SUFFIX = ".toml"
_NAME = re.compile(r"[A-Za-z0-9_-]+")
_PARTS: dict[str, type[BaseModel]] = {
    "follower": ArmConfig,
    "leader": ArmConfig,
    "left": PairConfig,
    "right": PairConfig,
}


def config_home() -> Path:
    """Return lerotool's configuration folder of this user."""
    if home := os.environ.get("LEROTOOL_CONFIG"):
        return Path(home).expanduser()
    if sys.platform == "win32":
        parent = os.environ.get("APPDATA") or "~/AppData/Roaming"
    elif sys.platform == "darwin":
        parent = "~/Library/Application Support"
    else:
        parent = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
    return Path(parent).expanduser() / "lerotool"


def robots_folder() -> Path:
    """Return the folder that holds one file per robot."""
    return config_home() / "robots"


def robot_path(name: str) -> Path:
    """Return the file of a robot, there or not.

    Raises:
        UsageError: no robot can have that name.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(f"robot name {name!r}: expected letters, digits, '_' and '-'")
    if name == SIMULATED:
        raise UsageError(f"robot name {name!r}: this is the simulated robot", hint="choose another name")
    return robots_folder() / f"{name}{SUFFIX}"


def list_robots() -> tuple[str, ...]:
    """Return the names of all robots that have a file, sorted."""
    names = (path.stem for path in robots_folder().glob(f"*{SUFFIX}") if path.is_file())
    return tuple(sorted(name for name in names if _NAME.fullmatch(name) and name != SIMULATED))


def load_robot(name: str) -> RobotConfig:
    """Read a robot's file by its name.

    Raises:
        UsageError: there is no such robot, which lists the known ones, or its file is wrong.
    """
    path = robot_path(name)
    if not path.is_file():
        known = ", ".join(list_robots()) or "none is set up"
        raise UsageError(f"no robot {name!r} ({path})", hint=f"known robots: {known}; lerotool setup makes one")
    return read_robot(path)


def read_robot(path: Path) -> RobotConfig:
    """Read a robot's file.

    Raises:
        UsageError: the file is missing, not TOML, or has wrong entries; names every one of them.
        OSError: it cannot be read.
    """
    try:
        document = tomllib.loads(path.read_bytes().decode())
    except FileNotFoundError:
        raise UsageError(f"{path}: there is no such file") from None
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: expected UTF-8 text, found byte {error.object[error.start]:#04x}") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise UsageError(f"{path}: expected TOML: {_lower(str(error))}") from None
    try:
        return RobotConfig.model_validate(document)
    except ValidationError as error:
        problems = [_describe(problem) for problem in error.errors(include_url=False)]
        raise UsageError(f"{path}: {'; '.join(problems)}", hint="correct the file, or run lerotool setup") from None


def save_robot(name: str, config: RobotConfig) -> Path:
    """Write a robot's file with comments that explain it, durably; return its path.

    Raises:
        UsageError: no robot can have that name.
        OSError: it cannot be written; the old file is then still there.
    """
    path = robot_path(name)
    make_directory(path.parent)
    write_atomic(path, render(name, config).encode())
    return path


def _describe(problem: Any) -> str:
    place = ".".join(map(str, problem["loc"]))
    if problem["type"] == "missing":
        return f"{place!r} is missing"
    if problem["type"] == "extra_forbidden":
        return f"{place!r} is unknown, {_suggest(problem['loc'])}"
    if problem["type"] in ("model_type", "dict_type"):
        return f"{place!r} is {problem['input']!r}: expected a table"
    text = _lower(problem["msg"].removeprefix("Value error, "))
    return f"{place!r} is {problem['input']!r}: {text}" if place else text


def _suggest(location: tuple[str | int, ...]) -> str:
    *parents, key = map(str, location)
    model: type[BaseModel] = RobotConfig
    if parents:
        model = CameraConfig if parents[0] == "cameras" else _PARTS[parents[-1]]
    known = list(model.model_fields)
    near = get_close_matches(key, known, n=1)
    return f"did you mean {near[0]!r}?" if near else f"expected one of {', '.join(known)}"


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
